"""Where else a step could have looked: what it would have written if it had attended to one source token alone.

``looks.jsonl`` in the folder of an evaluation has a line for each translation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmt.data.json_files import load_json_lines, save_json_lines
from nmt.decoding.translation import Translation

DIGITS = 4
"""Of the probabilities in the file."""


@dataclass(frozen=True, eq=False)
class Looks:
    """Of T target tokens, each for a look at each of S source tokens alone, while all steps before look as they did.

    Attributes:
        tokens: T times S, the most probable token there.
        probabilities: float32 (T, S), its probability.
        written: float32 (T, S), the probability of the token that the translation has.
    """

    tokens: tuple[tuple[str, ...], ...]
    probabilities: np.ndarray
    written: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; the tokens as places in a list of those that there are."""
        types = sorted({token for row in self.tokens for token in row})
        places = {token: place for place, token in enumerate(types)}
        return {
            "types": types,
            "tokens": [[places[token] for token in row] for row in self.tokens],
            "probabilities": np.round(self.probabilities.astype(np.float64), DIGITS).tolist(),
            "written": np.round(self.written.astype(np.float64), DIGITS).tolist(),
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any], positions: int) -> "Looks":
        """What `to_json` gave, of so many source tokens."""
        types, (probabilities, written) = fields["types"], (fields["probabilities"], fields["written"])
        tokens = tuple(tuple(types[place] for place in row) for row in fields["tokens"])
        shape = len(tokens), positions
        return cls(tokens, *(np.array(each, np.float32).reshape(shape) for each in (probabilities, written)))


def save_looks(path: Path, looks: Sequence[Looks]) -> None:
    """Writes a file of them."""
    save_json_lines(path, (each.to_json() for each in looks))


def load_looks(path: Path, translations: Sequence[Translation]) -> list[Looks]:
    """What `save_looks` wrote of these translations; none where there is no such file.

    Raises:
        ValueError: if it cannot be read, or is of other translations.
    """
    if not path.exists():
        return []
    read = list(load_json_lines(path))
    if [len(each["tokens"]) for each in read] != [len(each.tokens) for each in translations]:
        raise ValueError(f"{path} is of other translations: evaluate again")
    return [Looks.from_json(fields, len(each.source_tokens)) for fields, each in zip(read, translations, strict=True)]
