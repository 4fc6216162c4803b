"""What one sentence from the shell loads: a start is as quick as its imports are few."""

import json
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "datasets entmax huggingface_hub pandas plotly pyarrow pytorch_lightning rich sacrebleu sacremoses sympy yaml"
)
SLOW = {*PACKAGES.split(), "torch._dynamo", "torch._inductor"}


def test_the_help_of_training_offers_no_callbacks_that_a_run_has_already() -> None:
    command = [sys.executable, "-m", "nmt", "train", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "pytorch_lightning.callbacks" in told
    assert "nmt.training" not in told


def test_translating_a_sentence_imports_nothing_slow_but_torch(model_folder: Path) -> None:
    script = (
        "import gc, json, sys; from nmt.cli import main; code = main(sys.argv[1:]); "
        "print(json.dumps([code, gc.isenabled(), gc.get_freeze_count(), list(sys.modules)]), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, "translate", str(model_folder), "der Hund", "--n-best", "2", "--scores"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, collects, frozen, modules = json.loads(done.stderr)
    assert code == 0
    assert done.stdout.endswith("\n")
    assert "torch" in modules
    assert SLOW & set(modules) == set()
    assert collects
    assert frozen > 100_000  # what the imports made is not looked through when the process ends
