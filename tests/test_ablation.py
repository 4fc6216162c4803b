"""The comparison of attentions: its table, its figures, and that every model in it is a valid run."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nmt.cli.settings import parse_settings, settings_parser


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    path = Path(__file__).parents[1] / "scripts" / "ablation.py"
    spec = importlib.util.spec_from_file_location("ablation", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["ablation"] = module
    spec.loader.exec_module(module)
    return module


def test_every_model_is_a_valid_run_and_differs_from_the_others(ablation: ModuleType) -> None:
    parser, networks = settings_parser(), set()
    for settings in ablation.MODELS.values():
        made = parser.instantiate(parse_settings(parser, ["--config", str(ablation.CONFIG), *settings]))
        networks.add((made.model, made.training))
    assert len(networks) == len(ablation.MODELS)
    assert len({ablation.run_of(name, 1) for name in ablation.MODELS}) == len(ablation.MODELS)


def test_a_comparison_of_some_models_does_not_replace_that_of_all(
    ablation: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    made: list[tuple[str, int]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ablation, "make", lambda *each: made.append(each))
    monkeypatch.setattr(ablation, "figures", lambda run: {"BLEU": 1.0, "AER": 0.5, "entropy": 2.0})
    for arguments, written in (
        (["--only", "dot", "dot"], []),
        (["--only", "dot", "--out", "some.json"], ["some.json"]),
        ([], ["ablation.json", "some.json"]),
    ):
        monkeypatch.setattr(sys, "argv", ["ablation.py", "--seeds", "1", *arguments])
        ablation.main()
        assert sorted(path.name for path in Path().rglob("*.json")) == written
    assert made[:2] == [("dot", 1), ("dot", 1)]
    assert len(made) == 2 + len(ablation.MODELS)
    monkeypatch.setattr(sys, "argv", ["ablation.py", "--jobs", "0"])
    with pytest.raises(SystemExit):
        ablation.main()
    assert "0 is not allowed, it must be at least 1" in capsys.readouterr().err


def test_the_table_gives_mean_and_deviation_over_the_seeds(ablation: ModuleType) -> None:
    runs = [{"BLEU": 90.0, "AER": 0.1, "entropy": 1.0}, {"BLEU": 92.0, "AER": 0.2, "entropy": 2.0}]
    one, other = "dot | 91.0 ± 1.4 | 0.150 ± 0.071 | 1.50 ± 0.71", "concat | 90.0 | 0.100 | 1.00"
    assert ablation.table({"dot": runs, "concat": runs[:1]}).splitlines()[2:] == [f"| {one} | {other} |"]
    assert ablation.table({"dot": runs}).splitlines()[2] == f"| {one} |  |  |  |  |"
    widths = {line.count("|") for line in ablation.table(dict.fromkeys("abc", runs)).splitlines()}
    assert widths == {9}
