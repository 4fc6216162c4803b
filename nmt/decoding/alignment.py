"""Attention -> links between words.

A link is (source word, target word), positions as in `nmt.data.words`.
"""

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np

from nmt.data.links import Link
from nmt.data.words import words_of_tokens
from nmt.decoding.translation import Translation

WordsOfTokens = Sequence[Sequence[int]]
"""The words of each token, of which two tokens have all in common or none."""


def attention_entropy(attention: np.ndarray) -> np.ndarray:
    """(T,) of each row of an attention (T, S), in nats: 0 where all is on one position, log S where it is even."""
    surprise = -np.log(np.where(attention > 0, attention, 1.0))
    return np.asarray((attention * surprise).sum(axis=1))


def merge_attention(attention: np.ndarray, src_words: WordsOfTokens, tgt_words: WordsOfTokens) -> np.ndarray:
    """Attention between words: summed over the tokens of a source word, averaged over those of a target word.

    Rows that sum to one still do. Words stand in order of their first token, those of one token together; a token of no
    word keeps a row or column of its own. `word_groups` tells which tokens became which row or column.

    Args:
        attention: (T, S).
        src_words: the words of each of the S source tokens, as `nmt.data.words.words_of_tokens` gives them.
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


def word_groups(words: WordsOfTokens) -> list[list[int]]:
    """The token positions of each word, in order of its first token; a token of no word is a group of its own."""
    groups: dict[tuple[str, int], list[int]] = {}
    for position, own in enumerate(words):
        key = ("word", own[0]) if own else ("token", position)
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def _heads(words: WordsOfTokens) -> list[Sequence[int]]:
    """The words of each group."""
    return [words[positions[0]] for positions in word_groups(words)]


def _membership(words: WordsOfTokens, dtype: np.dtype) -> np.ndarray:
    """(groups, tokens), 1 where the token belongs to the group."""
    groups = word_groups(words)
    members = np.zeros((len(groups), len(words)), dtype)
    for row, positions in enumerate(groups):
        members[row, positions] = 1
    return members


def hard_alignment(attention: np.ndarray, src_words: WordsOfTokens, tgt_words: WordsOfTokens) -> list[Link]:
    """Links each target word to the source word that it attended to most, the first of equals.

    Where that is a token of several words, it is linked to all of them. A target word stays without a link where a
    special token got more attention than any source word.

    Args:
        attention: (T, S).
        src_words: the words of each of the S source tokens, as `nmt.data.words.words_of_tokens` gives them.
        tgt_words: the same for the T target tokens.

    Raises:
        ValueError: if the words are not as many as the rows and columns.
    """
    sources, strongest = _heads(src_words), merge_attention(attention, src_words, tgt_words).argmax(axis=1)
    linked = ((sources[column], targets) for column, targets in zip(strongest, _heads(tgt_words), strict=True))
    return [link for own, targets in linked for link in product(own, targets)]


def attention_alignment(translations: Iterable[Translation]) -> list[list[Link]]:
    """The hard alignment of each translation: (word of `source`, word of `text`) by its attention."""
    return [hard_alignment(each.attention, *words_of_sides(each)) for each in translations]


def soft_alignment(translation: Translation, least: float = 0.005) -> list[tuple[int, int, float]]:
    """(word of `source`, word of `text`, weight) wherever a word attended to a word with at least that weight, sorted.

    The weights of a target word sum to one, less what special tokens received and what is below `least`; the words of
    one source token share its weight evenly.
    """
    sources, targets, weights = between_words(translation)
    shares = weights / np.array([len(words) for words in sources], weights.dtype)
    return sorted(
        (source, target, float(shares[row, column]))
        for row, column in np.argwhere(shares >= least).tolist()
        for source, target in product(sources[column], targets[row])
    )


def between_words(translation: Translation) -> tuple[list[Sequence[int]], list[Sequence[int]], np.ndarray]:
    """Words of `source`, words of `text`, and the attention (words of `text`, words of `source`) between them.

    They stand in order of their first token, those of one token together; a word without a token is left out, and so is
    a token of no word.
    """
    sides = words_of_sides(translation)
    merged = merge_attention(translation.attention, *sides)
    sources, targets = ({place: words for place, words in enumerate(_heads(of_tokens)) if words} for of_tokens in sides)
    return list(sources.values()), list(targets.values()), merged[np.ix_(list(targets), list(sources))]


def pharaoh(links: Iterable[Link]) -> str:
    """The links of one sentence as text, sorted: ``0-0 1-2``."""
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


def words_of_sides(translation: Translation) -> tuple[list[list[int]], list[list[int]]]:
    """The words of each source token and of each target token."""
    return (
        words_of_tokens(translation.source, translation.source_tokens, translation.source_spans),
        words_of_tokens(translation.text, translation.tokens, translation.spans),
    )
