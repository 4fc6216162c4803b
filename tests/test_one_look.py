"""What a step would write if it looked at one source position only, of a sixth of all networks."""

import pytest
import torch
from conftest import NETWORKS, build, name_of
from torch import Tensor

from nmt.config import ModelConfig
from nmt.decoding.one_look import one_look_log_probs
from nmt.model.attention import AttentionStepper
from nmt.model.seq2seq import Seq2Seq

SRC = torch.tensor([[2, 5, 6, 7, 8], [2, 9, 4, 0, 0]])
LENGTHS = torch.tensor([5, 3])
PREVIOUS = torch.tensor([[2, 4, 5, 6], [2, 7, 8, 0]])


some_networks = pytest.mark.parametrize("network", NETWORKS[::6], ids=name_of)


def by_forward(model: Seq2Seq) -> tuple[Tensor, Tensor]:
    """Log-probabilities (B, T, V) of the model itself, and its attention."""
    with torch.no_grad():
        readouts, attention = model(SRC, LENGTHS, PREVIOUS)
        return model.log_probs(readouts, attention), attention


@some_networks
def test_where_all_steps_look_at_one_position_it_is_what_the_model_writes(
    network: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(network)
    if model.latent:  # there the model itself says what each position would give
        expected, attention = by_forward(model)
        looks = torch.stack(list(one_look_log_probs(model, SRC, LENGTHS, PREVIOUS)), dim=1)
        mixed = torch.logsumexp(looks + attention.clamp(min=1e-30).log().unsqueeze(-1), dim=2)
        torch.testing.assert_close(mixed, expected, atol=1e-5, rtol=1e-5)
        return
    for place in range(3):

        def there(stepper: AttentionStepper, queries: Tensor, steps: Tensor, place: int = place) -> Tensor:
            weights = torch.zeros(*queries.shape[:2], model.decoder.attention.heads, SRC.shape[1])
            weights[..., place] = 1.0
            return weights.flatten(2)

        monkeypatch.setattr(AttentionStepper, "weights", there)
        expected, _ = by_forward(model)
        looks = list(one_look_log_probs(model, SRC, LENGTHS, PREVIOUS))
        assert len(looks) == PREVIOUS.shape[1]
        for t, each in enumerate(looks):
            torch.testing.assert_close(each[:, place], expected[:, t], atol=1e-5, rtol=1e-5)


@some_networks
def test_the_steps_before_attend_as_they_do(network: ModelConfig) -> None:
    model = build(network)
    alone = SRC[:1, :1], LENGTHS.new_ones(1)
    with torch.no_grad():
        readouts, attention = model(*alone, PREVIOUS[:1])
        expected = model.log_probs(readouts, attention)
    looks = torch.cat(list(one_look_log_probs(model, *alone, PREVIOUS[:1])), dim=1)
    torch.testing.assert_close(looks, expected, atol=1e-5, rtol=1e-5)  # there is nowhere else to look
