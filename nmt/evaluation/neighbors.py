"""Where a model has been in the same situation: steps of training pairs whose readout is nearest to that of a step.

What the output layer reads decides what is written (as in nearest-neighbour translation: Khandelwal et al. 2021); steps
of the training data that it read nearly the same of are the examples that the model goes by (Strobelt et al. 2018).

``neighbors/`` in the folder of an evaluation has the training pairs that are near to anything (``examples.jsonl``), and
in ``steps.jsonl`` a line for each translation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nmt.data.json_files import load_json_lines, save_json_lines
from nmt.decoding.translation import Translation

MOST_EXAMPLES = 20_000
"""Training pairs that are looked through, at most."""


class Example(NamedTuple):
    """A training pair."""

    source: str
    target: str


class Neighbor(NamedTuple):
    """A step of a training pair.

    Attributes:
        example: which pair.
        token: what stands there in its target, such as the end of the sentence.
        start: the first character of that in the target.
        end: the character behind its last.
        similarity: the cosine of the two readouts.
    """

    example: int
    token: str
    start: int
    end: int
    similarity: float


@dataclass(frozen=True)
class Neighbors:
    """The nearest steps of training pairs.

    Attributes:
        examples: the pairs.
        steps: for each translation, for each of its tokens, the nearest, the most similar first.
        searched: how many pairs were looked through.
    """

    examples: tuple[Example, ...]
    steps: tuple[tuple[tuple[Neighbor, ...], ...], ...]
    searched: int


def save_neighbors(folder: Path, neighbors: Neighbors) -> None:
    """Writes them into `folder`, which is made if it is not there."""
    folder.mkdir(exist_ok=True)
    save_json_lines(folder / "examples.jsonl", (each._asdict() for each in neighbors.examples))
    save_json_lines(folder / "steps.jsonl", [{"searched": neighbors.searched}, *neighbors.steps])


def load_neighbors(folder: Path, translations: Sequence[Translation]) -> Neighbors | None:
    """What `save_neighbors` wrote of these translations into `folder`; None where there is no such folder.

    Raises:
        FileNotFoundError: if a file of it is missing.
        ValueError: if one cannot be read, or they are of other translations.
    """
    if not folder.is_dir():
        return None
    head, *steps = load_json_lines(folder / "steps.jsonl")
    if [len(each) for each in steps] != [len(each.tokens) for each in translations]:
        raise ValueError(f"{folder} is of other translations: evaluate again")
    examples = (Example(**each) for each in load_json_lines(folder / "examples.jsonl"))
    found = (tuple(tuple(Neighbor(*each) for each in step) for step in sentence) for sentence in steps)
    return Neighbors(tuple(examples), tuple(found), head["searched"])
