"""The encoder: reading order of its states, and nothing but the sentence in them."""

import pytest
import torch
from torch import nn

from nmt.config import ModelConfig
from nmt.model.encoder import Encoder


def encoder(direction: str, cell: str = "gru", **settings: object) -> Encoder:
    torch.manual_seed(0)
    network = ModelConfig(encoder=direction, cell=cell, embedding_size=6, hidden_size=8, dropout=0.0, **settings)
    return Encoder(network, nn.Embedding(20, 6))


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


@pytest.mark.parametrize("summary", ["last", "mean"])
@pytest.mark.parametrize("direction", ["forward", "reversed", "bidirectional", "gnmt"])
@pytest.mark.parametrize("cell", ["elman", "gru", "gru_reset_first", "lstm"])
def test_padding_changes_nothing(direction: str, cell: str, summary: str) -> None:
    model = encoder(direction, cell, layers=2, residual=True, summary=summary)
    ids = torch.tensor([[2, 5, 6, 7]])
    output = model(ids, torch.tensor([4]))
    padded = model(torch.cat([ids, torch.zeros(1, 9, dtype=torch.long)], 1), torch.tensor([4]))
    torch.testing.assert_close(padded.states[:, :4], output.states)
    torch.testing.assert_close(padded.final_state, output.final_state)
    assert padded.mask.tolist() == [[True] * 4 + [False] * 9]
    assert padded.states[:, 4:].abs().max() == 0


def test_gnmt_reads_both_ways_in_the_lowest_layer_only() -> None:
    model = encoder("gnmt", layers=3)
    assert [type(layer).__name__ for layer in model.rnn.layers] == ["Bidirectional", "GRU", "GRU"]
    ids, changed = torch.tensor([[2, 5, 6, 7]]), torch.tensor([[2, 5, 6, 9]])
    lengths = torch.tensor([4])
    assert not torch.equal(model(ids, lengths).states[0, 0], model(changed, lengths).states[0, 0])


def test_the_mean_summary_is_that_of_the_real_positions_for_every_layer_and_part() -> None:
    model = encoder("bidirectional", "lstm", layers=2, summary="mean")
    output = model(torch.tensor([[2, 5, 6, 0, 0]]), torch.tensor([3]))
    mean = output.states[:, :3].mean(dim=1)
    for state in output.final_state:
        assert len(state) == 2
        for part in state:
            torch.testing.assert_close(part, mean)


def test_an_unknown_cell_is_named() -> None:
    with pytest.raises(ValueError, match="model.cell: 'gruu' is not allowed, it must be elman, gru,"):
        encoder("forward", "gruu")
