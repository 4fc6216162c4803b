"""Contestants that take turns, each in a process of its own; medians over the rounds, tables, and a JSON file.

A child is `benchmark.py NAME ARGUMENTS`, which prints its figures as a line of JSON. The process that starts the others
imports nothing large, for a child's peak memory begins with its parent's.
"""

import json
import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Figures = dict[str, Any]
Columns = Mapping[str, tuple[str, str]]
"""Key of a figure -> its heading and its format."""

SCRIPT = Path(__file__).parents[1] / "benchmark.py"
PEERS = ("opennmt", "joeynmt")


def last_line(text: str) -> str:
    """The last line, where there is one."""
    return (text.strip().splitlines() or ["(nothing)"])[-1]


def run_child(name: str, arguments: Sequence[str], threads: int) -> Figures:
    """The figures that a child of `benchmark.py` prints; `name` is what an error calls it."""
    environment = {**os.environ, **dict.fromkeys(("THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))}
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"{name}: {last_line(done.stderr).removeprefix('benchmark.py: ')}")
    figures: Figures = json.loads(last_line(done.stdout))
    return figures


def run_rounds(
    contestants: Mapping[str, Sequence[str]],
    rounds: int,
    report: Figures,
    out: Path,
    headline: Callable[[Figures], str],
    summarise: Callable[[list[dict[str, Figures]]], Figures],
) -> None:
    """Adds `rounds`, and what `summarise` makes of them, to the report; writes it after each round.

    Args:
        contestants: the arguments of `run_child` for each name, in the order of their turns.
        rounds: how many.
        report: what is known before; `threads` are those of every child.
        out: the file.
        headline: a child's figures in a few words, printed when it is done.
        summarise: the figures of the rounds so far, by name -> fields of the report.
    """
    report["rounds"] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, rounds + 1):
        figures = {}
        for name, arguments in contestants.items():
            figures[name] = run_child(name, arguments, report["threads"])
            print(f"round {number}: {name}: {headline(figures[name])}", flush=True)
        report["rounds"].append(figures)
        report.update(summarise(report["rounds"]))
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def medians_of(rounds: Sequence[dict[str, Figures]], rate: str) -> dict[str, Figures]:
    """The median over the rounds of each contestant's numbers, and the spread of its rate where it has one."""
    summary = {}
    for name, figures in rounds[0].items():
        numbers = [key for key, value in figures.items() if isinstance(value, int | float)]
        medians = {key: median(each[name][key] for each in rounds) for key in numbers}
        if rate in medians:
            rates = [each[name][rate] for each in rounds]
            medians["spread"] = (max(rates) - min(rates)) / median(rates)
        for kind in ("roofline", "usual") if "gflops" in medians else ():
            medians[f"{kind}_share"] = medians["gflops"] / medians[f"{kind}_gflops"]
        summary[name] = medians
    return summary


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Cells under each other, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])] for first, *others in rows)
    return "\n".join("  ".join(line) for line in lines)


def table_of(summary: Mapping[str, Figures], columns: Columns) -> str:
    """A row for each name; columns that nobody has are left out."""
    there = {key: column for key, column in columns.items() if any(key in each for each in summary.values())}
    rows = [["", *(head for head, _ in there.values())]]
    for name, each in summary.items():
        rows.append([name, *(form.format(each[key]) if key in each else "-" for key, (_, form) in there.items())])
    return format_table(rows)


def peak_mib(who: int = resource.RUSAGE_SELF) -> float:
    """The most memory that this process, or the largest of its children, has held."""
    return resource.getrusage(who).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def check_device(device: str) -> str | None:
    """The name of the GPU that is asked for, or None on a CPU.

    Raises:
        ValueError: if there is no GPU.
    """
    import torch

    if device != "cuda":
        return None
    if not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no GPU here")
    return torch.cuda.get_device_name()


def peer_commands(peers: Sequence[str] | None, device: str, *arguments: str) -> dict[str, list[str]]:
    """The command of each peer: of `peers`, the script and its folder, then what it shall do, its name put second.

    Names may follow in `peers`: then only those.

    Raises:
        ValueError: if there is no such script or name, or the others are measured on a GPU.
    """
    if not peers:
        return {}
    if len(peers) < 2 or not set(peers[2:]) <= set(PEERS):
        raise ValueError(f"--peers {' '.join(peers)}: give a script, its folder and any of {', '.join(PEERS)}")
    script, folder, *names = peers
    if device != "cpu":
        raise ValueError(f"--peers: they are measured on the CPU, not with --device {device}")
    if not Path(script).is_file():
        raise ValueError(f"--peers {script}: there is no such file")
    what, *others = arguments
    return {peer: [str(Path(script).resolve()), folder, what, peer, *others] for peer in names or PEERS}


def run_peer(command: Sequence[str], pattern: str, shown: str) -> tuple[re.Match[str], float]:
    """What `pattern` finds in the output of another program, and MiB of the largest process that it started.

    Raises:
        ValueError: if it fails, or prints nothing like `shown`.
    """
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"exit status {done.returncode}: {last_line(done.stderr)}")
    found = re.search(pattern, done.stdout)
    if found is None:
        raise ValueError(f"it should print '{shown}', but printed: {last_line(done.stdout)}")
    return found, peak_mib(resource.RUSAGE_CHILDREN)


def hardware() -> Figures:
    """The processor, and those of its vector instructions that matrix products use or that tell its generation."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    named = r"avx2|avx_vnni|fma|avx512f|avx512_vnni|avx512_bf16|avx512_vp2intersect|amx_\w+|asimd|sve"
    flags = sorted(set(re.findall(rf"\b(?:{named})\b", text)))
    return {"cpu": model[1] if model else platform.machine(), "cores": os.cpu_count(), "flags": flags}
