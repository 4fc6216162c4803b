"""The comparison of attentions: its table, its figures, and that every model in it is a valid run."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nmt.cli.settings import parse_settings, settings_parser


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    path = Path(__file__).parents[1] / "scripts" / "compare.py"
    spec = importlib.util.spec_from_file_location("compare", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare"] = module
    spec.loader.exec_module(module)
    return module


def test_every_model_is_a_valid_run_and_differs_from_the_others(compare: ModuleType) -> None:
    parser, networks = settings_parser(), set()
    for settings in compare.MODELS.values():
        made = parser.instantiate(parse_settings(parser, ["--config", str(compare.CONFIG), *settings]))
        networks.add((made.model, made.training))
    assert len(networks) == len(compare.MODELS)
    assert len({compare.run_of(name, 1) for name in compare.MODELS}) == len(compare.MODELS)


def test_a_comparison_of_some_models_does_not_replace_that_of_all(
    compare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    made: list[tuple[str, int]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compare, "make", lambda *each: made.append(each))
    monkeypatch.setattr(compare, "figures", lambda run: {"BLEU": 1.0, "AER": 0.5, "entropy": 2.0})
    for arguments, written in (
        (["--only", "dot", "dot"], []),
        (["--only", "dot", "--out", "some.json"], ["some.json"]),
        ([], ["compare.json", "some.json"]),
    ):
        monkeypatch.setattr(sys, "argv", ["compare.py", "--seeds", "1", *arguments])
        compare.main()
        assert sorted(path.name for path in Path().rglob("*.json")) == written
    assert made[:2] == [("dot", 1), ("dot", 1)]
    assert len(made) == 2 + len(compare.MODELS)
    monkeypatch.setattr(sys, "argv", ["compare.py", "--jobs", "0"])
    with pytest.raises(SystemExit):
        compare.main()
    assert "0 is not allowed, it must be at least 1" in capsys.readouterr().err


def test_the_table_gives_mean_and_deviation_over_the_seeds(compare: ModuleType) -> None:
    runs = [{"BLEU": 90.0, "AER": 0.1, "entropy": 1.0}, {"BLEU": 92.0, "AER": 0.2, "entropy": 2.0}]
    one, other = "dot | 91.0 ± 1.4 | 0.150 ± 0.071 | 1.50 ± 0.71", "concat | 90.0 | 0.100 | 1.00"
    assert compare.table({"dot": runs, "concat": runs[:1]}).splitlines()[2:] == [f"| {one} | {other} |"]
    assert compare.table({"dot": runs}).splitlines()[2] == f"| {one} |  |  |  |  |"
    widths = {line.count("|") for line in compare.table(dict.fromkeys("abc", runs)).splitlines()}
    assert widths == {9}
