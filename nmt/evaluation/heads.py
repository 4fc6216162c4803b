"""The attention of each head, where a model has several: a record has their mean.

``heads.npz`` in the folder of translations has M matrices (T, S) for each, of M heads, T target and S source tokens.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nmt.decoding.attention_file import attention_archive, load_shaped
from nmt.decoding.translation import Translation


def records_of_heads(translations: Sequence[Translation], heads: Sequence[np.ndarray]) -> Iterator[list[Translation]]:
    """For each head the translations with the attention (T, S) of it alone, from that of all (T, M, S)."""
    for head in range(heads[0].shape[1]):
        yield [replace(each, attention=of_all[:, head]) for each, of_all in zip(translations, heads, strict=True)]


def save_heads(folder: Path, heads: Iterable[np.ndarray]) -> None:
    """Writes the attention of heads, (T, M, S) each, beside the translations of a folder."""
    with attention_archive(folder / "heads.npz") as add:
        for each in heads:
            for head in each.swapaxes(0, 1):
                add(head)


def load_heads(folder: Path, translations: Sequence[Translation]) -> list[np.ndarray]:
    """What `save_heads` wrote of these translations, float32 (T, M, S) each; none where there is no such file.

    Raises:
        ValueError: if it cannot be read, or is of other translations.
    """
    matrices = load_shaped(folder / "heads.npz", [each.attention.shape for each in translations])
    count = max(1, len(matrices) // max(1, len(translations)))
    return [np.stack(matrices[row : row + count], axis=1) for row in range(0, len(matrices), count)]
