from dataclasses import replace

import numpy as np
import pytest

from nmt.decoding.alignment import (
    attention_alignment,
    attention_entropy,
    hard_alignment,
    merge_attention,
    soft_alignment,
    word_groups,
)
from nmt.decoding.translation import Translation
from nmt.evaluation.aer import alignment_error_rate, attention_error_rate

# Four target tokens (word 0 in two pieces, word 1, end of sentence), five source tokens (start of sentence, word 0 in
# two pieces, word 1, a space that is no word).
ATTENTION = np.array(
    [
        [0.1, 0.3, 0.3, 0.3, 0.0],
        [0.3, 0.1, 0.2, 0.4, 0.0],
        [0.0, 0.1, 0.1, 0.7, 0.1],
        [0.6, 0.1, 0.1, 0.1, 0.1],
    ],
    dtype=np.float32,
)
SRC_WORDS, TGT_WORDS = [[], [0], [0], [1], []], [[0], [0], [1], []]


def translation(attention: np.ndarray) -> Translation:
    """ "ab c" -> "x yz", its tokens: <s> a b c -> x y z </s>."""
    return Translation(
        source="ab c",
        source_tokens=("<s>", "a", "b", " c"),
        source_spans=((0, 0), (0, 1), (1, 2), (2, 4)),
        text="x yz",
        tokens=("x", " y", "z", "</s>"),
        spans=((0, 1), (1, 3), (3, 4), (0, 0)),
        token_log_probs=(-0.1,) * 4,
        attention=attention.astype(np.float32),
        alternatives=((),) * 4,
        log_prob=-0.4,
        score=-0.1,
        finished=True,
    )


def test_entropy_is_that_of_each_row() -> None:
    rows = np.array([[0.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.25] * 4])
    np.testing.assert_allclose(attention_entropy(rows), [0.0, np.log(2), np.log(4)], atol=1e-12)


def test_merged_attention_sums_over_source_pieces_and_averages_over_target_pieces() -> None:
    merged = merge_attention(ATTENTION, SRC_WORDS, TGT_WORDS)
    expected = [[0.2, 0.45, 0.35, 0.0], [0.0, 0.2, 0.7, 0.1], [0.6, 0.2, 0.1, 0.1]]
    np.testing.assert_allclose(merged, expected, atol=1e-6)
    np.testing.assert_allclose(merged.sum(axis=1), 1, atol=1e-6)
    assert merged.dtype == np.float32


def test_words_of_one_token_leave_attention_as_it_is() -> None:
    np.testing.assert_array_equal(merge_attention(ATTENTION, [[], [0], [1], [2], [3]], [[0], [1], [2], []]), ATTENTION)


def test_attention_that_does_not_fit_its_words_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 5\) for 5 target and 4 source"):
        merge_attention(ATTENTION, TGT_WORDS, SRC_WORDS)


def test_word_groups_keep_tokens_of_no_word_apart() -> None:
    assert word_groups([[], [], [2, 3], [2, 3], [0], [], [0]]) == [[0], [1], [2, 3], [4, 6], [5]]
    assert word_groups([]) == []


def test_hard_alignment_links_words_not_pieces() -> None:
    # Source word 1 is the strongest single token for target word 0, but the pieces of source word 0 have more in sum.
    assert hard_alignment(ATTENTION, SRC_WORDS, TGT_WORDS) == [(0, 0), (1, 1)]


def test_word_that_attends_to_a_special_token_stays_without_link() -> None:
    attention = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    assert hard_alignment(attention, [[], [0], [1]], [[0], [1]]) == [(1, 1)]


def test_special_target_tokens_have_no_links() -> None:
    assert hard_alignment(np.array([[0.0, 1.0]]), [[], [0]], [[]]) == []


def test_empty_target_has_no_links() -> None:
    assert hard_alignment(np.zeros((0, 2)), [[], [0]], []) == []


def test_attention_alignment_goes_from_source_words_to_target_words() -> None:
    crossed = np.array([[0.0, 0.1, 0.1, 0.8], [0.0, 0.5, 0.3, 0.2], [0.1, 0.1, 0.7, 0.1], [1.0, 0.0, 0.0, 0.0]])
    assert attention_alignment([translation(crossed)]) == [[(1, 0), (0, 1)]]


def test_soft_alignment_holds_what_words_gave_to_words() -> None:
    attention = np.array([[0.0, 0.1, 0.1, 0.8], [0.2, 0.5, 0.3, 0.0], [0.1, 0.1, 0.8, 0.0], [1.0, 0.0, 0.0, 0.0]])
    sources, targets, weights = zip(*soft_alignment(translation(attention)), strict=True)
    assert list(zip(sources, targets, strict=True)) == [(0, 0), (0, 1), (1, 0)]  # the second word gave none to c
    assert weights == pytest.approx([0.2, 0.85, 0.8])


def test_words_of_one_token_are_linked_alike_and_share_its_weight() -> None:
    """男人吃 -> the man eats, where 男人 is one token."""
    attention = np.array([[0.0, 0.6, 0.4], [0.0, 0.8, 0.2], [0.1, 0.3, 0.6]], np.float32)
    record = replace(
        translation(attention),
        source="男人吃",
        source_tokens=("<s>", "▁男人", "吃"),
        source_spans=((0, 0), (0, 2), (2, 3)),
        text="the man eats",
        tokens=("▁the", "▁man", "▁eats"),
        spans=((0, 3), (3, 7), (7, 12)),
    )
    assert attention_alignment([record]) == [[(0, 0), (1, 0), (0, 1), (1, 1), (2, 2)]]
    assert [round(weight, 2) for _, target, weight in soft_alignment(record) if target == 1] == [0.4, 0.4, 0.2]


def test_attention_error_rate_counts_links_of_forced_decoding() -> None:
    crossed = np.array([[0.0, 0.1, 0.1, 0.8], [0.0, 0.5, 0.3, 0.2], [0.1, 0.1, 0.7, 0.1], [1.0, 0.0, 0.0, 0.0]])
    score = attention_error_rate([translation(crossed), translation(crossed)], [((1, 0), (0, 1), (0, 0)), None])
    assert (score.precision, score.recall, score.links) == (1, 2 / 3, 3)
    assert "forced decoding" in score.method


def test_aer_has_the_value_that_nltk_documents() -> None:
    # nltk.translate.metrics.alignment_error_rate: one of three links right gives 0.6666666666666667.
    score = alignment_error_rate([{(0, 0), (1, 2), (2, 1)}], [{(0, 0), (1, 1), (2, 2)}], "test")
    assert score.aer == pytest.approx(2 / 3)


def test_aer_is_of_the_corpus_not_a_mean_of_sentences() -> None:
    predicted = [[(0, 0)], [(0, 0), (1, 1), (2, 2), (2, 2)]]
    gold = [[(0, 0)], [(0, 1), (1, 2), (2, 2), (3, 3), (4, 4)]]
    score = alignment_error_rate(predicted, gold, "test")
    # A: 4 links, S: 6, common: 2.
    assert score.aer == pytest.approx(1 - 4 / 10)
    assert (score.precision, score.recall, score.links) == (2 / 4, 2 / 6, 6)


def test_sentences_without_gold_do_not_count() -> None:
    assert alignment_error_rate([[(0, 0)], [(5, 5)]], [[(0, 0)], None], "test").aer == 0


def test_no_predicted_link_is_all_wrong() -> None:
    score = alignment_error_rate([[]], [[(0, 0)]], "test")
    assert (score.aer, score.precision, score.recall) == (1, 0, 0)


@pytest.mark.parametrize("gold", [[None, None], [[], None]])
def test_no_gold_link_leaves_the_rate_undefined(gold: list[list[tuple[int, int]] | None]) -> None:
    with pytest.raises(ValueError, match="not defined"):
        alignment_error_rate([[(0, 0)], []], gold, "test")


def test_unequal_numbers_of_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="for 1 sentences, gold ones for 2"):
        alignment_error_rate([[]], [[(0, 0)], None], "test")
