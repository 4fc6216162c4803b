"""Links of words are checked, and become links of tokens."""

import numpy as np
import pytest

from nmt.data.links import parse_links, token_links, word_links


def test_a_line_of_links() -> None:
    assert parse_links(" 0-0\t12-3 \n", "here") == [(0, 0), (12, 3)]
    assert parse_links("", "here") == []
    for wrong in ("0", "0-", "-1-2", "0-1-2", "a-b", "0:1", "٣-1"):
        with pytest.raises(ValueError, match=r"train\.align:7: .* is not a link such as 0-2"):
            parse_links(f"0-0 {wrong}", "train.align:7")


def test_links_are_pairs_of_words_that_there_are() -> None:
    assert word_links([[1, 0], [3, 1]], "Ja, 3 Hunde", "yes!", "here") == [[1, 0], [3, 1]]
    for wrong in ("0-0", [0, 1], [[0]], [[0, -1]], [[0.0, 1]], [[True, 1]], None, [[0, 1, 2]]):
        with pytest.raises(ValueError, match="row 3: 'alignment' must be a list"):
            word_links(wrong, "a b", "c d", "row 3")
    for source, target in ((4, 0), (0, 2)):
        message = rf"row 3: link {source}-{target} is past the last word: the source has 4 words, the target 2,"
        with pytest.raises(ValueError, match=message):
            word_links([[0, 0], [source, target]], "Ja, 3 Hunde", "yes!", "row 3")


def test_tokens_are_linked_evenly_if_their_words_are() -> None:
    # source: one word of two pieces, one of one, a space alone, a word without links; target: likewise
    src_words, tgt_words = [[0], [0], [1], [], [2]], [[], [0], [1], [1], [2]]
    expected = [
        [0, 0, 0, 0, 0],
        [0.5, 0.5, 0, 0, 0],
        [1 / 3, 1 / 3, 1 / 3, 0, 0],
        [1 / 3, 1 / 3, 1 / 3, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    found = token_links([[0, 0], [0, 1], [1, 1], [1, 1]], src_words, tgt_words)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected)


def test_a_token_of_several_words_has_the_links_of_all() -> None:
    found = token_links([[1, 0], [2, 1]], [[0, 1], [2]], [[0, 1], [2]])
    assert found.tolist() == [[0.5, 0.5], [0, 0]]


def test_sentences_without_tokens_or_links() -> None:
    assert token_links([], [], []).shape == (0, 0)
    assert token_links([], [[0], []], [[0]]).tolist() == [[0, 0]]
    assert token_links([[5, 7]], [[]], [[0], [1], []]).tolist() == [[0]] * 3, "words that left no token"
