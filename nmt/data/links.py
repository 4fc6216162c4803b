"""Links between words, as a file gives them, and what they say of tokens: the targets of guided alignment.

A link is (source word, target word), positions as in `nmt.data.words`, from 0. In the Pharaoh format the links of
a sentence pair are one line, ``0-0 1-2 2-1``.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nmt.data.words import split_words

Link = tuple[int, int]

_LINK = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


def parse_links(line: str, place: str) -> list[Link]:
    """The links of a line in the Pharaoh format.

    Raises:
        ValueError: at the first that is none; `place` names the line.
    """
    return [_parse_link(text, place) for text in line.split()]


def _parse_link(text: str, place: str) -> Link:
    match = _LINK.fullmatch(text)
    if match is None:
        raise ValueError(f"{place}: {text!r} is not a link such as 0-2, source word - target word, counted from 0")
    return int(match[1]), int(match[2])


def word_links(links: Any, src: str, tgt: str, place: str) -> list[list[int]]:
    """`links`, once they are known to be pairs of positions of words of the sentences `src` and `tgt`.

    Raises:
        ValueError: if they are not; `place` names the row.
    """
    pairs = isinstance(links, list) and all(isinstance(link, list) and len(link) == 2 for link in links)
    if not pairs or not all(type(position) is int and position >= 0 for link in links for position in link):
        raise ValueError(f"{place}: 'alignment' must be a list of [source word, target word] positions, from 0")
    src_count, tgt_count = len(split_words(src)), len(split_words(tgt))
    for source, target in links:
        if source >= src_count or target >= tgt_count:
            raise ValueError(
                f"{place}: link {source}-{target} is past the last word: the source has {src_count} words, "
                f"the target {tgt_count}, marks included, counted from 0"
            )
    return links


def token_links(
    links: Iterable[Sequence[int]], src_words: Sequence[Sequence[int]], tgt_words: Sequence[Sequence[int]]
) -> np.ndarray:
    """What each target token should attend to: evenly to all tokens of the words that its words are linked with.

    These are the rows of the alignment matrix that Chen et al. (2016, "Guided Alignment Training for Topic-Aware Neural
    Machine Translation", section 3.1) train the attention towards, with words in place of tokens.

    Args:
        links: (source word, target word).
        src_words: the words of each of the s source tokens, as `nmt.data.words.words_of_tokens` gives them.
        tgt_words: the same for the t target tokens.

    Returns:
        (t, s) float32; a row sums to one, or is zero where the token has no word or its words no link.
    """
    source, target = _tokens_of_words(src_words), _tokens_of_words(tgt_words)
    tokens = np.zeros((len(tgt_words), len(src_words)), np.float32)
    for src_word, tgt_word in links:
        tokens[np.ix_(target.get(tgt_word, []), source.get(src_word, []))] = 1
    return tokens / np.maximum(tokens.sum(axis=1, keepdims=True), 1)


def _tokens_of_words(words: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """The positions of the tokens of each word."""
    tokens: dict[int, list[int]] = {}
    for position, own in enumerate(words):
        for word in own:
            tokens.setdefault(word, []).append(position)
    return tokens
