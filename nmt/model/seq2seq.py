"""The model: encode once, then decode a given target at once (teacher forcing) or one token at a time."""

from copy import copy

import torch
from torch import Tensor, nn

from nmt.checked import check
from nmt.config import ModelConfig
from nmt.data.special import PAD_ID
from nmt.model.decoder import Decoder, DecoderMemory, DecoderState
from nmt.model.decoders import build_decoder
from nmt.model.encoder import Encoder
from nmt.model.rnn import CellParameters, RecurrentLayer
from nmt.model.scores import Additive

LATENT_LOGITS = 1 << 25
"""Logits of a latent alignment that exist at once in inference: there are as many for each source position."""

DRAWN = (nn.Linear, nn.Conv2d, nn.RNNBase, CellParameters, Additive)
"""Modules whose parameters are drawn anew; an embedding is another matter."""

LEAST_WEIGHT = 1e-30
"""An attention weight below it counts as this much where its logarithm is taken."""


class Seq2Seq(nn.Module):
    """A recurrent encoder-decoder with attention.

    Args:
        config: the network's settings.
        source: number of source types; or what reads the source in place of `Encoder`: a module that gives an
            `EncoderOutput` too, such as `nmt.model.picture.PictureEncoder`.
        tgt_vocab_size: number of target types, V.

    Attributes:
        src_vocab_size: number of source types; 0 if it is not ids that the encoder reads.
        is_int8: whether `nmt.model.inference.quantized` has rounded its weights.

    Raises:
        ValueError: if the source embedding is to be tied, and the source has none, or not as many types as the target.
    """

    def __init__(self, config: ModelConfig, source: int | nn.Module, tgt_vocab_size: int) -> None:
        super().__init__()
        tgt_embedding = nn.Embedding(tgt_vocab_size, config.embedding_size, padding_idx=PAD_ID)
        self.encoder: nn.Module
        if isinstance(source, nn.Module):
            allowed = "none or output: the source has none"
            check(not config.ties_source, "model.tie_embeddings", config.tie_embeddings, allowed)
            self.encoder = source
        elif config.ties_source:
            allowed = f"none or output: there are {source:,} source types and {tgt_vocab_size:,} target types"
            check(source == tgt_vocab_size, "model.tie_embeddings", config.tie_embeddings, allowed)
            self.encoder = Encoder(config, tgt_embedding)
        else:
            self.encoder = Encoder(config, nn.Embedding(source, config.embedding_size, padding_idx=PAD_ID))
        self.decoder = build_decoder(config, tgt_embedding)
        self.output = nn.Linear(config.readout_features, tgt_vocab_size)
        self.src_vocab_size = 0 if isinstance(source, nn.Module) else source
        self.tgt_vocab_size = tgt_vocab_size
        self.is_int8 = False
        self.latent = config.alignment == "latent"
        self.ties_output, self.ties_source = config.ties_output, config.ties_source
        self._initialise(drops_words=config.word_dropout > 0)
        self.tie()

    def tie(self) -> None:
        """Makes tied layers share parameters (Press & Wolf 2017); to be done again when parameters were replaced."""
        if self.ties_output:
            self.output.weight = self.decoder.embedding.table.weight
        if isinstance(self.encoder, Encoder) and self.ties_source:
            self.encoder.embedding.table.weight = self.decoder.embedding.table.weight

    def compile_steps(self) -> None:
        """From now on torch compiles what training computes step by step, see `nmt.model.kernels.compiled`."""
        for module in self.modules():
            if isinstance(module, Decoder | RecurrentLayer):
                module.compiles = True

    def _initialise(self, drops_words: bool) -> None:
        """Uniform in +-0.1 (Luong et al. 2015, section 4.1), embeddings normal with deviation 0.25.

        Parameters of other modules than `DRAWN` keep what they were made with: norms are neutral. Only where words are
        dropped, their biases are drawn too: from zero ones, a sentence that begins with dropped words keeps a state of
        zeros, and the gradient through a norm of zeros grows some hundred times at each step.

        States that begin smaller let hardly anything of the source reach the output: with the ranges of Glorot's rule
        the loss on Multi30k stood at 4.8 nats a token after 220 updates, with uniform 0.1 at 3.7.
        """
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.25)
                with torch.no_grad():
                    module.weight[PAD_ID].zero_()
            elif isinstance(module, DRAWN):
                for parameter in module.parameters(recurse=False):
                    nn.init.uniform_(parameter, -0.1, 0.1)
            elif isinstance(module, nn.LayerNorm) and drops_words:
                nn.init.uniform_(module.bias, -0.1, 0.1)

    def encode(self, src_ids: Tensor, src_lengths: Tensor, single: bool = False) -> tuple[DecoderMemory, DecoderState]:
        """Reads sources: (B, S) ids, BOS first, lengths (B,) with BOS -> memory (B rows), first state (B rows).

        Another encoder reads its own kind of sources, and lengths of as many positions as it gives states of each.
        With `single`, the memory is for one hypothesis a sentence.
        """
        return self.decoder.start(self.encoder(src_ids, src_lengths), single)

    def forward(self, src_ids: Tensor, src_lengths: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing.

        Args:
            src_ids: (B, S) source ids, BOS first, padded on the right.
            src_lengths: (B,) with BOS.
            previous: (B, T) target ids from BOS on: position t predicts token t + 1.

        Returns:
            Readouts (B, T, R), or (B, T, S, R) if the alignment is latent, and attention (B, T, S): for `log_probs`.
        """
        memory, state = self.encode(src_ids, src_lengths)
        return self.decoder(previous, memory, state)

    def log_probs(self, readouts: Tensor, attention: Tensor) -> Tensor:
        """What the next token is: readouts (..., R), or (..., S, R) if latent, and attention (..., S) -> (..., V).

        A latent alignment is marginalised exactly, ``log sum_s a_s p(y | s)`` (Deng et al. 2018, section 4); recurrence
        and input feeding read the mean of the states, as with a soft one.
        """
        if not self.latent or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.normalized(self.output(readouts), attention)
        rows = max(1, LATENT_LOGITS // (attention.shape[-1] * self.tgt_vocab_size))
        parts = zip(readouts.flatten(0, -3).split(rows), attention.flatten(0, -2).split(rows), strict=True)
        log_probs = torch.cat([self.normalized(self.output(read), weights) for read, weights in parts])
        return log_probs.unflatten(0, attention.shape[:-1])

    def normalized(self, logits: Tensor, attention: Tensor) -> Tensor:
        """Log-probabilities of logits (..., V), or (..., S, V) if latent, and attention (..., S), as in `log_probs`.

        Without gradients, logits of single precision are overwritten: to get memory for a tensor this large is slow.
        """
        dtype = torch.promote_types(logits.dtype, torch.float32)
        in_place = logits.dtype == dtype and not torch.is_grad_enabled()
        log_probs = torch.log_softmax(logits, -1, dtype, out=logits if in_place else None)
        if not self.latent:
            return log_probs
        return torch.logsumexp(log_probs + attention.clamp(min=LEAST_WEIGHT).log().unsqueeze(-1), dim=-2)

    def advance(
        self, previous: Tensor, memory: DecoderMemory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """One token of K hypotheses a sentence, N = B * K: the step function that search calls.

        Args:
            previous: (N,) ids, the hypotheses of one sentence side by side.
            memory: B rows, from `encode`.
            state: N rows.

        Returns:
            Readouts (N, R), or (N, S, R) if latent, the next state, attention (N, S): for `log_probs`.
        """
        return self.decoder.advance(previous, memory, state)

    def tabulated(self) -> "Seq2Seq":
        """The same for many steps in inference, with the parameters of this: see `Decoder.tabulated`."""
        other = copy(self)
        other._modules = {**self._modules, "decoder": self.decoder.tabulated()}
        return other
