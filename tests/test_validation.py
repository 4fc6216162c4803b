"""What a validation finds out of what a model looked at and wrote, by itself."""

import math
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pytest
import torch

import nmt.training.validation
from nmt.config import DataConfig
from nmt.data.batch import collate
from nmt.decoding.tree import Hypothesis
from nmt.training.loss import Loss
from nmt.training.validation import Validation

ROWS = [
    {"src": "ab c d", "src_ids": [4, 5, 6, 7], "src_words": [[0], [0], [1], [2]], "tgt_ids": [8, 9, 10]},
    {"src": "a", "src_ids": [4], "src_words": [[0]], "tgt_ids": [8]},
]
TGT_WORDS = [[[0], [1], [2]], [[0]]]
LINKS = [[[1, 0], [2, 1], [0, 2]], []]
LOOKED_AT = [3, 4, 1, 0, 1, 0]  # of <s> a b c d, by three words and the end; of <s> a, by a word and the end


def figures(monkeypatch: pytest.MonkeyPatch, nll: float = 12.0, text: str = "狗在睡觉") -> dict[str, float]:
    """Of two sentences, each token of which attends to one position; `nll` is that of all their tokens."""
    rows = [
        {**row, "index": index, "tgt_words": words, "alignment": links}
        for index, (row, words, links) in enumerate(zip(ROWS, TGT_WORDS, LINKS, strict=True))
    ]
    attention = torch.eye(5)[LOOKED_AT]
    loss = Loss(torch.tensor(nll), torch.tensor(nll), len(attention), attention, {})
    monkeypatch.setattr(nmt.training.validation, "sequence_loss", lambda *_: loss)
    found = Hypothesis([3], [-0.1], np.ones((1, 5), np.float32), [[]], -0.1, -0.1, finished=True)
    monkeypatch.setattr(nmt.training.validation, "search", lambda *_: [[found], [found]])
    data: Any = SimpleNamespace(
        config=DataConfig(src="de", tgt="zh"),
        validation=datasets.Dataset.from_list(rows),
        validation_references=["狗在睡觉。", "狗在睡觉。"],
        tokenizers=SimpleNamespace(tgt=SimpleNamespace(unsaid=(), decode=lambda ids: text)),
    )
    validation = Validation(data)
    model: Any = SimpleNamespace(encode=lambda *_: (None, None))
    validation.add(model, collate(rows))
    return validation.figures(torch.device("cpu"))


def test_links_count_the_words_behind_the_start_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(monkeypatch)
    assert found["val_aer"] == pytest.approx(1 - 2 * 3 / (4 + 3)), "the second sentence has a link and no gold"
    assert found["val_loss"] == 2
    assert found["val_attention_entropy"] == 0


def test_bleu_counts_words_as_the_target_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    right = 100 * math.exp(1 - 5 / 4)  # characters are words, all are right, and one of five is missing
    assert figures(monkeypatch)["val_bleu"] == pytest.approx(right)


@pytest.mark.parametrize("nll", [math.inf, math.nan])
def test_a_loss_that_is_not_finite_ends_a_validation(monkeypatch: pytest.MonkeyPatch, nll: float) -> None:
    with pytest.raises(FloatingPointError, match=f"the loss is {nll}"):
        figures(monkeypatch, nll)
