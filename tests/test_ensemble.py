"""An ensemble: the mean of what its models predict, of a whole target and step by step."""

from typing import Any

import pytest
import torch
from conftest import PAIR, build, step_log_probs

from nmt.config import ModelConfig
from nmt.model.ensemble import Ensemble


@pytest.mark.parametrize("combine", ["log_linear", "linear"])
@pytest.mark.parametrize("alignment", ["soft", "latent"])  # of a latent one, each goes by its own attention
@torch.inference_mode()
def test_predictions_are_averaged_as_it_is_told(alignment: Any, combine: Any) -> None:
    network = ModelConfig(embedding_size=8, hidden_size=8, alignment=alignment)
    both = Ensemble([build(network, seed=seed) for seed in (0, 1)], combine)
    given = PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1]
    each = torch.stack([model.log_probs(*model(*given)) for model in both.models])
    attention = torch.stack([model(*given)[1] for model in both.models]).mean(dim=0)
    expected = each.exp().mean(dim=0).log() if combine == "linear" else each.mean(dim=0).log_softmax(dim=-1)
    torch.testing.assert_close(both.log_probs(*both(*given)), expected)
    for ensemble in (both, both.tabulated()):
        memory, state = ensemble.encode(PAIR.src_ids, PAIR.src_lengths)
        found, _, weights = step_log_probs(ensemble, PAIR.tgt_ids[:, 0], memory, state)
        torch.testing.assert_close(found, expected[:, 0])
        torch.testing.assert_close(weights, attention[:, 0])


def test_a_way_to_combine_that_is_not_there_is_named() -> None:
    wrong: Any = "mean"
    with pytest.raises(ValueError, match="combine: 'mean' is not allowed, it must be log_linear or linear"):
        Ensemble([], wrong)
