"""Attention -> links between words.

A link is (source word, target word), positions as in `nmt.data.words`.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from nmt.data.links import Link
from nmt.data.words import words_of_spans
from nmt.decoding.translation import Translation


def attention_entropy(attention: np.ndarray) -> np.ndarray:
    """(T,) of each row of an attention (T, S), in nats: 0 where all is on one position, log S where it is even."""
    surprise = -np.log(np.where(attention > 0, attention, 1.0))
    return np.asarray((attention * surprise).sum(axis=1))


def merge_attention(
    attention: np.ndarray, src_words: Sequence[int | None], tgt_words: Sequence[int | None]
) -> np.ndarray:
    """Attention between words: summed over the tokens of a source word, averaged over those of a target word.

    Rows that sum to one still do. Words stand in order of their first token; a token of no word (None) keeps a row
    or column of its own. `word_groups` tells which tokens became which row or column.

    Args:
        attention: (T, S).
        src_words: word of each of the S source tokens, None for a token of no word.
        tgt_words: the same for the T target tokens.

    Returns:
        (target groups, source groups), in the dtype of `attention`.

    Raises:
        ValueError: if the words are not as many as the rows and columns.
    """
    if attention.shape != (len(tgt_words), len(src_words)):
        raise ValueError(
            f"attention of shape {attention.shape} for {len(tgt_words)} target and {len(src_words)} source tokens"
        )
    source, target = _membership(src_words, attention.dtype), _membership(tgt_words, attention.dtype)
    return (target @ attention @ source.T) / target.sum(axis=1, keepdims=True)


def word_groups(words: Sequence[int | None]) -> list[list[int]]:
    """The token positions of each word, in order of its first token; a token of no word is a group of its own."""
    groups: dict[tuple[str, int], list[int]] = {}
    for position, word in enumerate(words):
        key = ("token", position) if word is None else ("word", word)
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def _heads(words: Sequence[int | None]) -> list[int | None]:
    """The word of each group."""
    return [words[positions[0]] for positions in word_groups(words)]


def _membership(words: Sequence[int | None], dtype: np.dtype) -> np.ndarray:
    """(groups, tokens), 1 where the token belongs to the group."""
    groups = word_groups(words)
    members = np.zeros((len(groups), len(words)), dtype)
    for row, positions in enumerate(groups):
        members[row, positions] = 1
    return members


def hard_alignment(
    attention: np.ndarray, src_words: Sequence[int | None], tgt_words: Sequence[int | None]
) -> list[Link]:
    """Links each target word to the source word that it attended to most, the first of equals.

    A target word stays without a link where a special token (None) got more attention than any source word.

    Args:
        attention: (T, S).
        src_words: word of each of the S source tokens, None for a token of no word.
        tgt_words: the same for the T target tokens.

    Raises:
        ValueError: if the words are not as many as the rows and columns.
    """
    sources, strongest = _heads(src_words), merge_attention(attention, src_words, tgt_words).argmax(axis=1)
    links = ((sources[column], target) for column, target in zip(strongest, _heads(tgt_words), strict=True))
    return [(source, target) for source, target in links if source is not None and target is not None]


def attention_alignment(translations: Iterable[Translation]) -> list[list[Link]]:
    """The hard alignment of each translation: (word of `source`, word of `text`) by its attention."""
    return [hard_alignment(each.attention, *_words(each)) for each in translations]


def soft_alignment(translation: Translation, least: float = 0.005) -> list[tuple[int, int, float]]:
    """(word of `source`, word of `text`, weight) wherever a word attended to a word with at least that weight, sorted.

    The weights of a target word sum to one, less what special tokens received and what is below `least`.
    """
    sources, targets, weights = between_words(translation)
    places = np.argwhere(weights >= least).tolist()
    return sorted((sources[column], targets[row], float(weights[row, column])) for row, column in places)


def between_words(translation: Translation) -> tuple[list[int], list[int], np.ndarray]:
    """Words of `source`, words of `text`, and the attention (words of `text`, words of `source`) between them.

    They stand in order of their first token; a word without a token is left out, and so is a token of no word.
    """
    sides = _words(translation)
    merged = merge_attention(translation.attention, *sides)
    sources, targets = (
        {word: place for place, word in enumerate(_heads(words)) if word is not None} for words in sides
    )
    return list(sources), list(targets), merged[np.ix_(list(targets.values()), list(sources.values()))]


def pharaoh(links: Iterable[Link]) -> str:
    """The links of one sentence as text, sorted: ``0-0 1-2``."""
    return " ".join(f"{source}-{target}" for source, target in sorted(set(links)))


def _words(translation: Translation) -> tuple[list[int | None], list[int | None]]:
    """The word of each source token and of each target token; None for a token of no word."""
    return (
        words_of_spans(translation.source, translation.source_spans),
        words_of_spans(translation.text, translation.spans),
    )
