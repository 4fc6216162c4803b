"""The encoder: reading order of its states, and nothing but the sentence in them."""

import pytest
import torch
from torch import nn

from nmt.model.encoder import Encoder, length_mask, reversed_positions


def encoder(direction: str, cell: str = "gru") -> Encoder:
    torch.manual_seed(0)
    return Encoder(nn.Embedding(20, 6), cell, direction, hidden_size=8, layers=1, dropout=0.0)


def test_reversal_keeps_the_special_token_and_the_padding_in_place() -> None:
    order = reversed_positions(torch.tensor([4, 6, 1]), 6)
    assert order.tolist() == [[0, 3, 2, 1, 4, 5], [0, 5, 4, 3, 2, 1], [0, 1, 2, 3, 4, 5]]
    assert torch.equal(order.gather(1, order), torch.arange(6).expand(3, 6))


def test_mask_is_true_on_real_tokens() -> None:
    assert length_mask(torch.tensor([1, 3]), 3).tolist() == [[True, False, False], [True, True, True]]


def test_reversed_encoder_reads_the_special_token_then_the_last_word_and_answers_in_reading_order() -> None:
    model = encoder("reversed")
    ids = torch.tensor([[2, 5, 6, 7]])
    states = model(ids, torch.tensor([4])).states
    changed_last = model(torch.tensor([[2, 5, 6, 9]]), torch.tensor([4])).states
    changed_first = model(torch.tensor([[2, 9, 6, 7]]), torch.tensor([4])).states
    # read in the order BOS, 7, 6, 5: the last word reaches every state but that of BOS, the first only its own
    assert torch.equal(states[0, 0], changed_last[0, 0])
    assert all(not torch.equal(states[0, s], changed_last[0, s]) for s in (1, 2, 3))
    assert all(torch.equal(states[0, s], changed_first[0, s]) for s in (0, 2, 3))
    assert not torch.equal(states[0, 1], changed_first[0, 1])


def test_reversed_final_state_is_that_of_the_first_word() -> None:
    output = encoder("reversed")(torch.tensor([[2, 5, 6, 7, 0, 0]]), torch.tensor([4]))
    torch.testing.assert_close(output.final_state[0][0][0], output.states[0, 1])


@pytest.mark.parametrize("direction", ["forward", "reversed", "bidirectional"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_padding_changes_nothing(direction: str, cell: str) -> None:
    model = encoder(direction, cell)
    ids = torch.tensor([[2, 5, 6, 7]])
    output = model(ids, torch.tensor([4]))
    padded = model(torch.cat([ids, torch.zeros(1, 9, dtype=torch.long)], 1), torch.tensor([4]))
    torch.testing.assert_close(padded.states[:, :4], output.states)
    torch.testing.assert_close(padded.final_state, output.final_state)
    assert padded.mask.tolist() == [[True] * 4 + [False] * 9]
