"""Links between words, as a file gives them, and what they say of tokens: the targets of guided alignment.

A link is (source word, target word), positions as in `nmt.data.words`, from 0; a 0 behind them makes it a link that is
possible but not sure (Och & Ney 2003). In the Pharaoh format the links of a sentence pair are one line,
``0-0 1-2 2-1``, possible ones ``3?1`` or ``3p1``. Sure links are what is to be found and what guides the attention;
possible ones are no mistake where they are found.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nmt.data.words import split_words

Link = tuple[int, ...]

_LINK = re.compile(r"([0-9]{1,9})([-?p])([0-9]{1,9})")


def parse_links(line: str, place: str) -> list[Link]:
    """The links of a line in the Pharaoh format.

    Raises:
        ValueError: at the first that is none; `place` names the line.
    """
    return [_parse_link(text, place) for text in line.split()]


def _parse_link(text: str, place: str) -> Link:
    match = _LINK.fullmatch(text)
    if match is None:
        told = "source word - target word, counted from 0, or a possible one such as 0?2"
        raise ValueError(f"{place}: {text!r} is not a link such as 0-2, {told}")
    positions = int(match[1]), int(match[3])
    return positions if match[2] == "-" else (*positions, 0)


def is_sure(link: Sequence[int]) -> bool:
    """Whether a link is more than possible."""
    return len(link) == 2


def word_links(links: Any, src: str, tgt: str, place: str) -> list[list[int]]:
    """`links`, once they are known to be pairs of positions of words of the sentences `src` and `tgt`.

    Raises:
        ValueError: if they are not; `place` names the row.
    """
    pairs = isinstance(links, list) and all(isinstance(link, list) and len(link[:2]) == 2 for link in links)
    right = pairs and all(type(each) is int and each >= 0 for link in links for each in link)
    if not right or any(link[2:] not in ([], [0]) for link in links):
        told = "[source word, target word] positions, from 0, with a 0 behind them where they are only possibly linked"
        raise ValueError(f"{place}: 'alignment' must be a list of {told}")
    src_count, tgt_count = len(split_words(src)), len(split_words(tgt))
    for source, target, *_ in links:
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
        links: of which the sure ones count.
        src_words: the words of each of the s source tokens, as `nmt.data.words.words_of_tokens` gives them.
        tgt_words: the same for the t target tokens.

    Returns:
        (t, s) float32; a row sums to one, or is zero where the token has no word or its words no link.
    """
    source, target = _tokens_of_words(src_words), _tokens_of_words(tgt_words)
    tokens = np.zeros((len(tgt_words), len(src_words)), np.float32)
    for src_word, tgt_word in filter(is_sure, links):
        tokens[np.ix_(target.get(tgt_word, []), source.get(src_word, []))] = 1
    return tokens / np.maximum(tokens.sum(axis=1, keepdims=True), 1)


def _tokens_of_words(words: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """The positions of the tokens of each word."""
    tokens: dict[int, list[int]] = {}
    for position, own in enumerate(words):
        for word in own:
            tokens.setdefault(word, []).append(position)
    return tokens
