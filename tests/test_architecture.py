"""The pipeline map in `nmt/__init__.py` is complete, and imports point back along the pipeline only."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import nmt

PACKAGE = Path(__file__).parents[1] / "nmt"

# A module imports modules of its own stage and of stages before it. Training comes late because it decodes and scores
# its validation set.
STAGES = (
    "checked",
    "config",
    "config_file",
    "data",
    "model",
    "decoding",
    "pipe",
    "evaluation",
    "training",
    "report",
    "cli",
)

# Decoding and reporting meet through files only: the report never loads a model.
REPORT_MUST_NOT_IMPORT = {"model", "training"}

LIGHTNING = {"pytorch_lightning", "lightning", "lightning_fabric"}
MAY_IMPORT_LIGHTNING = {
    "nmt.data.datamodule",
    "nmt.training.module",
    "nmt.training.callbacks",
    "nmt.training.checkpoints",
    "nmt.training.trainer_settings",
    "nmt.training.ending",
    "nmt.training.reporter",
    "nmt.training.folder",
    "nmt.training.train",
    "nmt.cli.settings",
    "nmt.cli.train",
}


def modules(package: Path) -> dict[str, Path]:
    """The file of each module of a package by dotted name."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Each imported name with its module in front, such as "nmt.data.words.Span", wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = module.split(".")
            parents = name[: len(name) - node.level + is_package] if node.level else []
            base = ".".join([*parents, node.module] if node.module else parents)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def stage_of(name: str) -> str:
    """The stage of a dotted name in the package: "" for the package itself and for its public names."""
    parts = name.split(".")
    if name == "nmt.__main__":  # which is the command line
        return "cli"
    return parts[1] if len(parts) > 1 and parts[1] in STAGES else ""


def forbidden(module: str, imported: str) -> str | None:
    """Why `module` may not import `imported`; None if it may."""
    if imported.split(".")[0] in LIGHTNING and module not in MAY_IMPORT_LIGHTNING:
        return "only the data module, the training module, its callbacks and the command line know Lightning"
    if imported.split(".")[0] != "nmt" or module == "nmt":
        return None
    here, there = stage_of(module), stage_of(imported)
    if not there:
        return "modules import from the module that defines a name, not from the package"
    if STAGES.index(there) > STAGES.index(here):
        return f"{there} comes after {here}"
    if here == "report" and there in REPORT_MUST_NOT_IMPORT:
        return f"{here} is independent of {there}"
    return None


def test_every_module_belongs_to_a_stage() -> None:
    assert [name for name in modules(PACKAGE) if name != "nmt" and not stage_of(name)] == []


def test_imports_point_back_along_the_pipeline() -> None:
    wrong = [
        f"{name} imports {imported}: {reason}"
        for name, path in modules(PACKAGE).items()
        for imported in imports(path.read_text(encoding="utf-8"), name, path.name == "__init__.py")
        if (reason := forbidden(name, imported))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "source", "allowed"),
    [
        ("nmt.decoding.search", "import nmt.model.seq2seq", True),
        ("nmt.decoding.search", "from nmt.decoding.translation import Translation", True),
        ("nmt.decoding.search", "from nmt import config", True),
        ("nmt.model.seq2seq", "def f():\n    from nmt.decoding import search", False),
        ("nmt.model.seq2seq", "from ..decoding.search import greedy", False),
        ("nmt.model.seq2seq", "from .rnn import GRU", True),
        ("nmt.model.seq2seq", "from nmt import Translator", False),
        ("nmt.model.seq2seq", "import pytorch_lightning as pl", False),
        ("nmt.training.module", "from pytorch_lightning import LightningModule", True),
        ("nmt.training.module", "from nmt.evaluation.metrics import bleu", True),
        ("nmt.evaluation.metrics", "from nmt.training import module", False),
        ("nmt.report.build", "from nmt.model.seq2seq import Seq2Seq", False),
        ("nmt.report.build", "from nmt.evaluation.results import Evaluation", True),
        ("nmt.config", "from nmt.data import words", False),
        ("nmt.config", "from nmt.checked import check", True),
        ("nmt.checked", "from nmt.config import Config", False),
        ("nmt.config", "from dataclasses import dataclass", True),
        ("nmt.cli", "from nmt.report.build import build", True),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, source: str, allowed: bool) -> None:
    reasons = [forbidden(module, imported) for imported in imports(source, module)]
    assert (reasons == [None]) == allowed


def test_relative_imports_of_a_package_start_at_the_package() -> None:
    source = "from .search import greedy\nfrom ..model import rnn\nfrom . import search"
    expected = ["nmt.decoding.search.greedy", "nmt.model.rnn", "nmt.decoding.search"]
    assert list(imports(source, "nmt.decoding", is_package=True)) == expected
    assert list(imports(source, "nmt.decoding.beam")) == expected


ENTRY = re.compile(r"(?P<indent> *)(?P<name>\w+\.py|\w+/)(?P<what>  +\S.*)?")


def read_map(text: str) -> dict[str, bool]:
    """The paths that a pipeline map names, and whether it says what they are.

    A line of the map is an indent, ``folder/`` or ``module.py``, two or more spaces and what it is. A module belongs
    to the nearest folder above it that is indented less; ``nmt/`` itself may stand on top. Other lines are prose.
    """
    described = {}
    folders: list[tuple[int, str]] = []
    for line in text.splitlines():
        entry = ENTRY.fullmatch(line.rstrip())
        if entry is None:
            continue
        indent, name = len(entry["indent"]), entry["name"]
        folders = [(depth, folder) for depth, folder in folders if depth < indent]
        path = "".join(folder for _, folder in folders) + name
        if name.endswith("/"):
            folders.append((indent, name))
        described[path.removeprefix("nmt/")] = bool(entry["what"])
    return {path: what for path, what in described.items() if path}


def test_the_map_names_every_module_and_no_other() -> None:
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    named = read_map(ast.get_docstring(ast.parse(source)) or "")
    files = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    there = {path for path in files if not path.endswith("__init__.py")}
    folders = {path.parent.relative_to(PACKAGE).as_posix() + "/" for path in PACKAGE.rglob("*/__init__.py")}
    assert sorted((there | folders) - named.keys()) == [], "not in the map of nmt/__init__.py"
    assert [path for path in named if not (PACKAGE / path).exists()] == [], "in the map, but not there"
    assert [path for path, described in named.items() if not described] == [], "the map does not say what it is"


def test_a_map_is_read_as_it_is_written() -> None:
    text = """The pipeline, data.py included.

    nmt/
      cli.py          nmt train | translate: parse
                      and dispatch only
      data/           text -> batches
        words.py        the unit of alignment
        corpus.py
      report/         records -> HTML
        assets/         script and style
        build.py        report.html
      config.py       options
    """
    assert read_map(text) == {
        "cli.py": True,
        "data/": True,
        "data/words.py": True,
        "data/corpus.py": False,
        "report/": True,
        "report/assets/": True,
        "report/build.py": True,
        "config.py": True,
    }


def imported_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has imported after `statement`."""
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


HEAVY = {"torch", "datasets", "pandas", "plotly", "sacrebleu", "tokenizers", "tensorboard", *LIGHTNING}


@pytest.mark.parametrize("statement", ["import nmt", "import nmt.config", "import nmt.cli"])
def test_entry_points_import_nothing_heavy(statement: str) -> None:
    assert imported_by(statement) & HEAVY == set()


def test_the_report_needs_no_torch() -> None:
    names = [name for name in modules(PACKAGE) if name.startswith("nmt.report")]
    assert imported_by("import " + ", ".join(names)) & {"torch", *LIGHTNING} == set()


def test_the_package_tells_its_version() -> None:
    assert nmt.__version__ == version("nmt")


def test_the_public_names_are_there() -> None:
    assert sorted(nmt.__all__) == sorted(nmt._PLACES)
    for name in nmt.__all__:
        assert getattr(nmt, name).__name__ == name
