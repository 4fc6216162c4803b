"""What is known of translations beside their scores: a record, and its files in the folder of an evaluation.

Each is there where something is known: ``branches/``, ``looks.jsonl``, ``neighbors/`` and ``effects.npz`` (see
`nmt.evaluation.branches`, `looks`, `neighbors`, `effects`), and ``heads.npz``, which has M matrices (T, S) for each
translation, of M heads, T target and S source tokens. The last two are in ``forced/`` too, of the references.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nmt.decoding.attention_file import attention_archive, load_shaped
from nmt.decoding.translation import Translation
from nmt.evaluation.branches import Branch, load_branches, save_branches
from nmt.evaluation.effects import load_effects, save_effects
from nmt.evaluation.looks import Looks, load_looks, save_looks
from nmt.evaluation.neighbors import Neighbors, load_neighbors, save_neighbors


@dataclass(frozen=True, repr=False)
class Insight:
    """What else is known of translations, and of their references under forced decoding.

    Attributes:
        heads: for each translation the attention of each of M heads, float32 (T, M, S); none where a model has one, or
            there are several models.
        forced_heads: the same of the references.
        branches: what else the translations could have been, where that was asked for.
        looks: for each translation what its steps could have looked at; none where that was not asked for.
        neighbors: where the model was in the same situation; None where that was not asked for.
        effects: for each translation float32 (T, W), how much each token depends on each source word; none where that
            was not asked for.
        forced_effects: the same of the references.
    """

    heads: tuple[np.ndarray, ...] = ()
    forced_heads: tuple[np.ndarray, ...] = ()
    branches: tuple[Branch, ...] = ()
    looks: tuple[Looks, ...] = ()
    neighbors: Neighbors | None = None
    effects: tuple[np.ndarray, ...] = ()
    forced_effects: tuple[np.ndarray, ...] = ()

    def save(self, folder: Path) -> None:
        """Writes it into the folder of an evaluation, in which the translations and the references are."""
        sides = (folder, self.heads, self.effects), (folder / "forced", self.forced_heads, self.forced_effects)
        for place, heads, effects in sides:
            if heads:
                _save_heads(place, heads)
            if effects:
                save_effects(place, effects)
        if self.branches:
            save_branches(folder / "branches", self.branches)
        if self.looks:
            save_looks(folder / "looks.jsonl", self.looks)
        if self.neighbors:
            save_neighbors(folder / "neighbors", self.neighbors)

    @classmethod
    def load(cls, folder: Path, translations: Sequence[Translation], forced: Sequence[Translation]) -> "Insight":
        """What `save` wrote into a folder with these translations, and these references.

        Raises:
            FileNotFoundError: if a file is missing beside others.
            ValueError: if one cannot be read, or is of other translations.
        """
        return cls(
            heads=tuple(_load_heads(folder, translations)),
            forced_heads=tuple(_load_heads(folder / "forced", forced)),
            branches=tuple(load_branches(folder / "branches")),
            looks=tuple(load_looks(folder / "looks.jsonl", translations)),
            neighbors=load_neighbors(folder / "neighbors", translations),
            effects=tuple(load_effects(folder, translations)),
            forced_effects=tuple(load_effects(folder / "forced", forced)),
        )


def records_of_heads(translations: Sequence[Translation], heads: Sequence[np.ndarray]) -> Iterator[list[Translation]]:
    """For each head the translations with the attention (T, S) of it alone, from that of all (T, M, S)."""
    for head in range(heads[0].shape[1]):
        yield [replace(each, attention=of_all[:, head]) for each, of_all in zip(translations, heads, strict=True)]


def _save_heads(folder: Path, heads: Sequence[np.ndarray]) -> None:
    with attention_archive(folder / "heads.npz") as add:
        for each in heads:
            for head in each.swapaxes(0, 1):
                add(head)


def _load_heads(folder: Path, translations: Sequence[Translation]) -> list[np.ndarray]:
    matrices = load_shaped(folder / "heads.npz", [each.attention.shape for each in translations])
    count = max(1, len(matrices) // max(1, len(translations)))
    return [np.stack(matrices[row : row + count], axis=1) for row in range(0, len(matrices), count)]
