"""What the source is worth is what the references lose with another one."""

from pathlib import Path

import pytest
from conftest import SENTENCES

from nmt.decoding.translator import Translator
from nmt.evaluation.source_worth import other_sources, source_worth


def test_the_source_is_worth_what_another_would_cost(model_folder: Path) -> None:
    translator = Translator.load(model_folder, device="cpu")
    sources, targets = ([pair[side] for pair in SENTENCES] for side in (0, 1))
    forced = list(translator.force(SENTENCES))
    swapped = translator.force(zip([*sources[2:], *sources[:2]], targets, strict=True))
    cost = sum(own.log_prob - other.log_prob for own, other in zip(forced, swapped, strict=True))
    tokens = sum(len(record.tokens) for record in forced)
    assert source_worth(translator, forced) == pytest.approx(cost / tokens, abs=1e-5)
    assert abs(cost / tokens) > 1e-3
    assert source_worth(translator, forced[:1]) is None
    assert source_worth(translator, forced[:1] * 3) is None


def test_another_source_is_one_that_differs_and_stands_far_away() -> None:
    assert other_sources([[1], [2], [3], [4], [5]]) == [[3], [4], [5], [1], [2]]
    assert other_sources([[1], [1], [1], [2], [2], [3]]) == [[2], [2], [2], [3], [3], [1]]
    assert other_sources([[1, 2], [], [1, 2]]) == [[], [1, 2], []]
    assert other_sources([[7], [7]]) is None
    assert other_sources([]) is None
