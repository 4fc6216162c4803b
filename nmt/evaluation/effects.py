"""Which source words a target token depends on: by how much its log-probability falls when a word is left out.

The source is read without the word, and the same target forced (Li et al. 2016, "Understanding Neural Networks through
Representation Erasure", arXiv 1612.08220; here the fall itself, in nats, not its share). Attention tells where the
model looked; this tells what it would not have written otherwise.

``effects.npz`` in the folder of translations has a matrix for each.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from nmt.data.links import Link
from nmt.data.words import split_words
from nmt.decoding.alignment import words_of_sides
from nmt.decoding.attention_file import attention_archive, load_shaped
from nmt.decoding.translation import Translation
from nmt.evaluation.aer import AlignmentScore, alignment_error_rate


def effect_columns(source: str) -> int:
    """How many words of a source are left out, each in turn: all, but for that of a source of one word."""
    words = len(split_words(source))
    return words if words > 1 else 0


def effect_links(translation: Translation, effects: np.ndarray) -> list[Link]:
    """Links each target word to the source word that it depends on most, the first of equals; none if on no word.

    The words of one token are linked together: they are left out together.

    Args:
        translation: of T tokens.
        effects: (T, W), of each source word; those of the tokens of a word add up.
    """
    sources, targets = words_of_sides(translation)
    links: list[Link] = []
    for word in sorted({word for own in targets for word in own}):
        fall = effects[[word in own for own in targets]].sum(axis=0)
        if fall.max(initial=0.0) > 0:
            most = int(fall.argmax())
            bound = next((own for own in sources if most in own), [most])
            links += [(source, word) for source in bound]
    return links


def effect_error_rate(
    forced: Sequence[Translation], effects: Sequence[np.ndarray], gold: Sequence[Collection[Link] | None]
) -> AlignmentScore:
    """Alignment error rate of the source words that the words of the references depend on most.

    Args:
        forced: translations whose `text` is the reference, so that the gold positions of its words apply.
        effects: of each.
        gold: gold links of each sentence, or None where there are none.

    Raises:
        ValueError: as `alignment_error_rate`.
    """
    links = [effect_links(*each) for each in zip(forced, effects, strict=True)]
    method = "source word that each word of the reference depends on most: without it, its log-probability falls most"
    return alignment_error_rate(links, gold, method)


def save_effects(folder: Path, effects: Iterable[np.ndarray]) -> None:
    """Writes them beside the translations of a folder."""
    with attention_archive(folder / "effects.npz") as add:
        for each in effects:
            add(each)


def load_effects(folder: Path, translations: Sequence[Translation]) -> list[np.ndarray]:
    """What `save_effects` wrote of these translations, float32 (T, W) each; none where there is no such file.

    Raises:
        ValueError: if it cannot be read, or is of other translations.
    """
    return load_shaped(
        folder / "effects.npz", [(len(each.tokens), effect_columns(each.source)) for each in translations]
    )
