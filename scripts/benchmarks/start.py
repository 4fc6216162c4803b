"""The cold start: from the shell to the translation of one sentence.

Seconds from starting `nmt translate RUN SENTENCE --beam-size 1` to its end, beside `python -c "import torch"`, in turn,
the median of three of each; files are in memory by then, and compiled bytecode is kept, as Python does unless it is
told otherwise.
"""

import os
import resource
import subprocess
import sys
import time
from statistics import median

from benchmarks.harness import Figures, last_line, peak_mib

START = "one sentence, cold"
STARTS = 3
START_COLUMNS = {
    "first_translation_seconds": ("seconds to the first translation", "{:.2f}"),
    "import_torch_seconds": ("import torch", "{:.2f}"),
    "peak_mib": ("peak MiB", "{:,.0f}"),
}


def measure_start(run: str, sentence: str, device: str) -> Figures:
    """Seconds from the shell to one translation, and to an imported torch; memory of the larger."""
    command = "import sys; from nmt.cli import main; sys.exit(main())"  # what `nmt` runs
    translate = [
        sys.executable,
        "-P",
        "-c",
        command,
        "translate",
        run,
        sentence,
        "--beam-size",
        "1",
        "--device",
        device,
    ]
    commands = {
        "first_translation_seconds": translate,
        "import_torch_seconds": [sys.executable, "-c", "import torch"],
    }
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {key: [] for key in commands}
    for key in [*commands] * STARTS:
        began = time.perf_counter()
        done = subprocess.run(commands[key], env=environment, capture_output=True, text=True)
        times[key].append(time.perf_counter() - began)
        if done.returncode != 0:
            raise ValueError(f"exit status {done.returncode}: {last_line(done.stderr)}")
    peak = peak_mib(resource.RUSAGE_CHILDREN)
    return {**{key: median(found) for key, found in times.items()}, "peak_mib": peak}
