"""Models on the hub: pushed, fetched, told from folders; a local folder stands in for the hub."""

import shutil
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml

from nmt.cli import main
from nmt.config import Config
from nmt.decoding.translator import Translator
from nmt.model.hub import model_folder as find_model


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the hub: `<hub>/user/name` holds a repository."""
    folder = tmp_path / "hub"

    class Api:
        def create_repo(self, name: str, private: bool, exist_ok: bool) -> str:
            assert exist_ok
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "private").write_text(str(private))
            return f"https://hub/{name}"

        def upload_folder(
            self, repo_id: str, folder_path: Path, allow_patterns: list[str], delete_patterns: list[str], **_: Any
        ) -> None:
            for path in (folder / repo_id).iterdir():
                if any(fnmatch(path.name, pattern) for pattern in delete_patterns):
                    path.unlink()
            for path in folder_path.iterdir():
                if any(fnmatch(path.name, pattern) for pattern in allow_patterns):
                    shutil.copy(path, folder / repo_id)

    def snapshot_download(name: str, allow_patterns: list[str]) -> str:
        if not (folder / name).is_dir():
            raise FileNotFoundError("404 Client Error.\n\nRepository Not Found")
        snapshot = tmp_path / "cache" / name
        shutil.rmtree(snapshot, ignore_errors=True)
        snapshot.mkdir(parents=True)
        for path in (folder / name).iterdir():
            if any(fnmatch(path.name, pattern) for pattern in allow_patterns):
                shutil.copy(path, snapshot)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return folder


@pytest.fixture
def run(model_folder: Path) -> Path:
    """A run with a model, and something beside it that is nobody's business."""
    folder = model_folder.parent
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "best.ckpt").write_bytes(b"pickle")
    (folder / "config.yaml").write_text(yaml.safe_dump(asdict(Config(name="small"))))
    return folder


def test_what_is_pushed_comes_back(run: Path, hub: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["push", str(run), "me/small", "--private"]) == 0
    assert capsys.readouterr().out == "https://hub/me/small\n"
    files = ["README.md", "config.json", "model.safetensors", "private", "tokenizer.json"]
    assert sorted(path.name for path in (hub / "me" / "small").iterdir()) == files
    assert (hub / "me" / "small" / "private").read_text() == "True"
    (hub / "me" / "small" / "code.py").write_text("import os")
    expected = Translator.load(run).translate("der Hund")
    assert Translator.load("me/small").translate("der Hund").text == expected.text
    assert main(["translate", "me/small", "der Hund"]) == 0
    assert capsys.readouterr().out == f"{expected.text}\n"
    fetched = sorted(path.name for path in find_model("me/small").iterdir())
    assert fetched == ["config.json", "model.safetensors", "tokenizer.json"]


def test_an_older_model_leaves_nothing_behind(run: Path, hub: Path) -> None:
    (hub / "me" / "small").mkdir(parents=True)
    (hub / "me" / "small" / "tokenizer.src.json").write_text("{}")
    (hub / "me" / "small" / "notes.txt").write_text("mine")
    assert main(["push", str(run), "me/small"]) == 0
    left = {path.name for path in (hub / "me" / "small").iterdir()}
    assert "tokenizer.src.json" not in left
    assert "notes.txt" in left


def test_a_folder_instead_of_the_hub_holds_what_would_be_pushed(run: Path, hub: Path, tmp_path: Path) -> None:
    folder = tmp_path / "there" / "small"
    assert main(["push", str(run), "--output", str(folder)]) == 0
    files = ["README.md", "config.json", "model.safetensors", "tokenizer.json"]
    assert sorted(path.name for path in folder.iterdir()) == files
    assert not hub.exists()
    assert Translator.load(folder).info.src == "de"


def test_a_folder_of_an_older_push_is_replaced_and_no_other_model(run: Path, tmp_path: Path) -> None:
    pushed, trained, other = (tmp_path / name for name in ("pushed", "trained", "other"))
    assert main(["push", str(run), "--output", str(pushed)]) == 0
    (pushed / "tokenizer.src.json").write_text("{}")
    assert main(["push", str(run), "--output", str(pushed)]) == 0
    assert not (pushed / "tokenizer.src.json").exists()
    shutil.copytree(run / "model", trained)
    other.mkdir()
    for name in ("README.md", "config.json", "model.safetensors", "tokenizer.json"):
        (other / name).write_text("{}")
    for folder in (trained, other):
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert main(["push", str(run), "--output", str(folder)]) == 2
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_goes_before_a_model_of_the_same_name(
    run: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["push", str(run), "me/small"]) == 0
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run / "model", tmp_path / "me" / "small")
    assert find_model("me/small") == Path("me/small")
    shutil.rmtree(tmp_path / "me")
    assert find_model("me/small") == tmp_path / "cache" / "me" / "small"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "me/smal",
            "me/smal: there is no such folder, and it cannot be read from the Hugging Face hub: 404 Client Err",
        ),
        ("nowhere", r"nowhere: no such folder; give a run \(runs/<name>\) or a model folder, or user/name"),
        ("a/b/c", "a/b/c: no such folder"),
        ("../me/small", "../me/small: no such folder"),
        ("runs/typo", "runs/typo: no such folder"),
        ("runs", "runs holds no model: there is no config.json in it"),
    ],
)
def test_a_name_of_nothing_is_named(
    path: str, message: str, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()  # so that runs/typo is meant as a folder
    with pytest.raises(FileNotFoundError, match=message) as error:
        find_model(path)
    assert "\n" not in str(error.value)


def test_without_a_network_the_reason_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the library itself, which tests/conftest.py keeps offline
    with pytest.raises(FileNotFoundError, match="me/small: there is no such folder, .*: Cannot find") as error:
        find_model("me/small")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say where to: user/name on the hub, or --output FOLDER"),
        (["small"], "'small' is not a name on the Hugging Face hub: give user/name"),
        (["taken/small"], "taken/small cannot be written on the Hugging Face hub: 403"),
    ],
)
def test_a_push_that_cannot_be_is_one_line(
    run: Path,
    hub: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    message: str,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("403 Forbidden\nYou may not write there")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    assert main(["push", str(run), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_push_without_a_network_is_one_line(
    run: Path, hub: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Transport(Exception):
        """What the library's transport raises, which is its own."""

    def fail(*_: Any, **__: Any) -> None:
        raise Transport("Name or service not known\n\nfor more, see")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", fail)
    assert main(["push", str(run), "me/small"]) == 2
    told = "me/small cannot be written on the Hugging Face hub: Name or service not known\n"
    assert capsys.readouterr().err == f"nmt push: {told}"
