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
        noted_calls = noted.read_text(encoding="utf-8").splitlines()
        return [call for call in noted_calls if call != "python -m pip --version"]

    return run


def test_quickstart_installs_once_and_passes_its_arguments_to_training(calls):
    install, train, translate, evaluate, report = calls("quickstart.sh", "--trainer.max_epochs", "2")
    assert install.startswith("python -m pip install")
    assert install.endswith("--editable .")
    assert train == "nmt train --config configs/quickstart.yaml --overwrite --trainer.max_epochs 2 --name quickstart"
    assert translate.startswith("nmt translate runs/quickstart Der Hund schläft.")
    assert (evaluate, report) == ("nmt evaluate runs/quickstart --split test", "nmt report runs/quickstart")
    assert calls("quickstart.sh")[0] == "nmt train --config configs/quickstart.yaml --overwrite --name quickstart"


def test_help_says_what_quickstart_does_and_does_nothing():
    asked = [ROOT / "scripts" / "quickstart.sh", "--help"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("The main job on the embedded corpus")
    assert "Arguments go to `nmt train`" in done.stdout
    assert "==>" not in done.stdout


def test_the_tests_are_the_fast_ones_unless_others_are_asked_for(calls):
    install, tests = calls("test.sh", "-k", "search")
    assert install.endswith("--editable .[dev]")
    pytest_command = "python -m pytest -q --numprocesses auto --dist worksteal"
    assert tests == f"{pytest_command} -m not slow -k search"
    assert calls("test.sh", "-m", "slow") == [f"{pytest_command} -m slow"]


def test_nothing_goes_on_after_a_failed_installation(calls, tmp_path):
    python = tmp_path / "a project" / ".venv" / "bin" / "python"
    python.write_text(NOTE + '[[ "$*" != *install* ]]\n', encoding="utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        calls("quickstart.sh")
    assert "nmt" not in (tmp_path / "calls").read_text(encoding="utf-8").replace("nmt[", "")
    assert not list((tmp_path / "a project" / ".venv").glob("installed-*"))


def test_an_environment_that_was_half_made_is_made_anew(calls, tmp_path, monkeypatch):
    python = tmp_path / "a project" / ".venv" / "bin" / "python"
    python.write_text("#!/usr/bin/env bash\nexit 1\n", encoding="utf-8")  # as one without pip
    making = tmp_path / "python"
    making.write_text(NOTE, encoding="utf-8")
    making.chmod(0o755)
    monkeypatch.setenv("PYTHON", "./python")
    with pytest.raises(subprocess.CalledProcessError):  # for it makes nothing
        calls("quickstart.sh")
    assert (tmp_path / "calls").read_text(encoding="utf-8").splitlines()[-1] == "python -m venv --clear .venv"
    monkeypatch.setenv("PYTHON", "nope")
    with pytest.raises(subprocess.CalledProcessError) as error:
        calls("quickstart.sh")
    assert error.value.returncode == 2
    assert b"nmt needs Python 3.11 or newer; nope is not" in error.value.stderr


def test_other_versions_are_installed_anew(calls, tmp_path):
    constraints = tmp_path / "a project" / "constraints.txt"
    tested = constraints.read_text(encoding="utf-8")
    for versions, extra, installs in (
        (tested, "test.sh", True),
        (tested, "quickstart.sh", True),
        (tested, "test.sh", False),
        ("torch", "test.sh", True),
        (tested, "quickstart.sh", True),
    ):
        constraints.write_text(versions, encoding="utf-8")
        assert calls(extra)[0].startswith("python -m pip install") == installs


def test_a_job_without_a_name_is_one_line():
    for arguments in ([], ["--config", "x.yaml"]):
        done = subprocess.run([ROOT / "scripts" / "train_slurm.sbatch", *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("train_slurm.sbatch: no name of a run; call it as: sbatch ")
        assert len(done.stderr.splitlines()) == 1
