"""The shell scripts, with an environment whose programs only note how they were called."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTE = '#!/usr/bin/env bash\necho "$(basename "$0") $*" >> "$CALLS"\n'


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """A function: a script and its arguments -> the commands that it runs."""
    project = tmp_path / "a project"
    shutil.copytree(ROOT / "scripts", project / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, project)
    for name in ("python", "nmt"):
        program = project / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(NOTE, encoding="utf-8")
        program.chmod(0o755)
    noted = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(noted))

    def run(script, *arguments):
        noted.unlink(missing_ok=True)
        subprocess.run([project / "scripts" / script, *arguments], check=True, cwd=tmp_path, capture_output=True)
        return noted.read_text(encoding="utf-8").splitlines()

    return run


def test_quickstart_installs_once_and_passes_its_arguments_to_training(calls):
    install, train, translate, evaluate, report = calls("quickstart.sh", "--trainer.max_epochs", "2")
    assert install.startswith("python -m pip install")
    assert install.endswith("--editable .")
    assert train == "nmt train --config configs/quickstart.yaml --overwrite --trainer.max_epochs 2"
    assert translate.startswith("nmt translate runs/quickstart Der Hund schläft.")
    assert (evaluate, report) == ("nmt evaluate runs/quickstart --split test", "nmt report runs/quickstart")
    assert calls("quickstart.sh")[0] == "nmt train --config configs/quickstart.yaml --overwrite"


def test_the_tests_are_the_fast_ones_unless_others_are_asked_for(calls):
    install, tests = calls("test.sh", "-k", "search")
    assert install.endswith("--editable .[dev]")
    assert tests == "python -m pytest -q -m not slow -k search"
    assert calls("test.sh", "-m", "slow") == ["python -m pytest -q -m slow"]
