"""The model: encode once, then decode a given target at once (teacher forcing) or one token at a time."""

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from nmt.config import ModelConfig
from nmt.data.tokenizer import PAD_ID
from nmt.model.attention import build_attention
from nmt.model.decoder import BahdanauDecoder, Decoder, DecoderMemory, DecoderState, LuongDecoder
from nmt.model.encoder import Encoder
from nmt.model.rnn import RecurrentStack


class Seq2Seq(nn.Module):
    """A recurrent encoder-decoder with attention.

    Args:
        config: the network's settings.
        src_vocab_size: number of source types.
        tgt_vocab_size: number of target types, V.
    """

    def __init__(self, config: ModelConfig, src_vocab_size: int, tgt_vocab_size: int) -> None:
        super().__init__()
        tgt_embedding = nn.Embedding(tgt_vocab_size, config.embedding_size, padding_idx=PAD_ID)
        src_embedding = tgt_embedding
        if config.tie_embeddings != "all":
            src_embedding = nn.Embedding(src_vocab_size, config.embedding_size, padding_idx=PAD_ID)
        self.encoder = Encoder(
            src_embedding, config.cell, config.encoder, config.hidden_size, config.layers, config.dropout
        )
        self.decoder = build_decoder(config, tgt_embedding)
        self.output = nn.Linear(self.decoder.readout.out_features, tgt_vocab_size)
        self.tie_embeddings = config.tie_embeddings
        self._initialise()
        self.tie()

    def tie(self) -> None:
        """Makes tied layers share parameters (Press & Wolf 2017); to be done again when parameters were replaced."""
        if self.tie_embeddings != "none":
            self.output.weight = self.decoder.embedding.weight
        if self.tie_embeddings == "all":
            self.encoder.embedding.weight = self.decoder.embedding.weight

    def _initialise(self) -> None:
        """Uniform in +-0.1 (Luong et al. 2015, section 4.1), embeddings normal with deviation 0.25.

        States that begin smaller let hardly anything of the source reach the output: with the ranges of Glorot's rule
        the loss on Multi30k stood at 4.8 nats a token after 220 updates, with uniform 0.1 at 3.7.
        """
        for name, parameter in self.named_parameters():
            if "embedding" in name:
                nn.init.normal_(parameter, std=0.25)
                with torch.no_grad():
                    parameter[PAD_ID].zero_()
            else:
                nn.init.uniform_(parameter, -0.1, 0.1)

    def encode(self, src_ids: Tensor, src_lengths: Tensor) -> tuple[DecoderMemory, DecoderState]:
        """Reads sources: (B, S) ids, BOS first, lengths (B,) with BOS -> memory (B rows), first state (B rows)."""
        return self.decoder.start(self.encoder(src_ids, src_lengths))

    def forward(self, src_ids: Tensor, src_lengths: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing.

        Args:
            src_ids: (B, S) source ids, BOS first, padded on the right.
            src_lengths: (B,) with BOS.
            previous: (B, T) target ids from BOS on: position t predicts token t + 1.

        Returns:
            Readouts (B, T, R), for `logits`, and attention (B, T, S).
        """
        memory, state = self.encode(src_ids, src_lengths)
        return self.decoder(previous, memory, state)

    def logits(self, readouts: Tensor) -> Tensor:
        """(..., R) -> unnormalised log-probabilities (..., V)."""
        return self.output(readouts)

    def step(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor]:
        """One token of K hypotheses a sentence, N = B * K: the step function that search calls.

        Args:
            previous: (N,) ids, the hypotheses of one sentence side by side.
            memory: B rows, from `encode`.
            state: N rows.

        Returns:
            Log-probabilities (N, V), the next state, attention (N, S).
        """
        readouts, state, attention = self.decoder.step(previous, memory, state)
        return log_softmax(self.logits(readouts), dim=-1), state, attention


def build_decoder(config: ModelConfig, embedding: nn.Embedding) -> Decoder:
    """The decoder by the name of its kind; its readout has the embedding's size if the output layer is tied to it."""
    size = config.hidden_size
    readout_size = size if config.tie_embeddings == "none" else config.embedding_size
    attention = build_attention(config.attention, query_size=size, state_size=size)
    bridge = config.encoder == "bidirectional"

    def stack(fed: int) -> RecurrentStack:
        return RecurrentStack(config.cell, config.embedding_size + fed, size, config.layers, config.dropout)

    if config.decoder == "bahdanau":
        seen = size + config.embedding_size + size
        return BahdanauDecoder(embedding, stack(size), attention, bridge, seen, readout_size, config.dropout)
    if config.decoder == "luong":
        rnn = stack(readout_size if config.input_feeding else 0)
        return LuongDecoder(embedding, rnn, attention, bridge, 2 * size, readout_size, config.dropout)
    raise ValueError(f"unknown decoder {config.decoder!r}: choose bahdanau or luong")
