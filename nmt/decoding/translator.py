"""A saved model + text -> Translation records: batches by length, search, and the way back to text."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import overload

import numpy as np
import torch

from nmt.data.batch import pad, src_sequence, tgt_sequence
from nmt.data.tokenizer import BOS, BOS_ID, EOS_ID, Encoded, TokenizerPair
from nmt.decoding.endings import Task
from nmt.decoding.options import SearchOptions
from nmt.decoding.search import search
from nmt.decoding.translation import Translation
from nmt.decoding.tree import Hypothesis
from nmt.model.saved import ModelCard, load_model
from nmt.model.seq2seq import Seq2Seq

WINDOW_BATCHES = 20
"""Batches of sentences that are read ahead and sorted by length."""

MAX_SOURCE_TOKENS = 512
"""Tokens of a sentence that are translated at most; the rest is cut off."""


class Translator:
    """Translates with one model; reading it from several threads is safe, as nothing is kept between calls.

    Args:
        model: the network.
        tokenizers: its vocabularies.
        card: what the model is for.
        device: where it runs: "cpu", "cuda", "cuda:1", "mps", or "auto" for the first GPU if there is one.
    """

    def __init__(self, model: Seq2Seq, tokenizers: TokenizerPair, card: ModelCard, device: str = "auto") -> None:
        self.device = choose_device(device)
        self.model = model.to(self.device).eval()
        self.tokenizers = tokenizers
        self.card = card
        self._tgt_tokens = tokenizers.tgt.tokens

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> "Translator":
        """The translator of a run folder (its `model/`) or of a model folder.

        Raises:
            FileNotFoundError: if there is no model.
            ValueError: if its files are damaged or do not fit together.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder; give a run (runs/<name>) or a model folder")
        if (folder / "checkpoints").is_dir() and not (folder / "model").is_dir():
            raise FileNotFoundError(
                f"{folder} has no model yet: its training has not ended; go on with `nmt train --resume {folder}`"
            )
        folder = folder / "model" if (folder / "model").is_dir() else folder
        model, card = load_model(folder)
        return cls(model, TokenizerPair.load(folder), card, device)

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is an iterable of str too
        self, text: str, options: SearchOptions | None = ..., batch_sentences: int = ...
    ) -> Translation: ...

    @overload
    def translate(
        self, text: Iterable[str], options: SearchOptions | None = ..., batch_sentences: int = ...
    ) -> Iterator[Translation]: ...

    def translate(
        self, text: str | Iterable[str], options: SearchOptions | None = None, batch_sentences: int = 64
    ) -> Translation | Iterator[Translation]:
        """Translates a sentence, or sentences as they come: one record each, in their order.

        Args:
            text: a sentence, or any number of them; they are read a window ahead, not all at once.
            options: of the search; the default is a beam of five.
            batch_sentences: sentences that are searched together; it changes the speed, not the result.
        """
        options = options or SearchOptions()
        if isinstance(text, str):
            return next(self._translate([text], options, batch_sentences))
        return self._translate(text, options, batch_sentences)

    def _translate(self, lines: Iterable[str], options: SearchOptions, size: int) -> Iterator[Translation]:
        remaining = iter(lines)
        while window := list(islice(remaining, WINDOW_BATCHES * size)):
            sources = [self._encode(line) for line in window]
            order = sorted(range(len(window)), key=lambda row: -len(sources[row].ids))
            done: dict[int, Translation] = {row: _nothing(window[row]) for row in order if not sources[row].ids}
            filled = order[: len(order) - len(done)]
            for start in range(0, len(filled), size):
                rows = filled[start : start + size]
                found = self._search([sources[row] for row in rows], options)
                for row, hypotheses in zip(rows, found, strict=True):
                    done[row] = self._record(window[row], sources[row], hypotheses[0])
            yield from (done[row] for row in range(len(window)))

    @torch.inference_mode()
    def _search(self, sources: Sequence[Encoded], options: SearchOptions) -> list[list[Hypothesis]]:
        src_ids, src_lengths = (each.to(self.device) for each in pad([src_sequence(each.ids) for each in sources]))
        memory, state = self.model.encode(src_ids, src_lengths)
        return search(self.model, memory, state, Task(options.limits(src_lengths)), options, BOS_ID, EOS_ID)

    def force(
        self, pairs: Iterable[tuple[str, str]], alternatives: int = 5, batch_sentences: int = 64
    ) -> Iterator[Translation]:
        """Forced decoding: the record of each given (source, target), as if search had found that target.

        Its `log_prob` is the model's score of the target, its attention what each target token attends to, its
        `score` the average log-probability of a token.
        """
        remaining = iter(pairs)
        while batch := list(islice(remaining, batch_sentences)):
            sources = [self._encode(source) for source, _ in batch]
            targets = self.tokenizers.tgt.encode_batch(target for _, target in batch)
            forced = self._force(sources, targets, alternatives)
            for (line, _), source, hypothesis in zip(batch, sources, forced, strict=True):
                yield self._record(line, source, hypothesis)

    @torch.inference_mode()
    def _force(self, sources: Sequence[Encoded], targets: Sequence[list[int]], alternatives: int) -> list[Hypothesis]:
        src_ids, src_lengths = (each.to(self.device) for each in pad([src_sequence(each.ids) for each in sources]))
        tgt_ids = pad([tgt_sequence(each) for each in targets])[0].to(self.device)
        readouts, attention = self.model(src_ids, src_lengths, tgt_ids[:, :-1])
        forced = []
        for row, target in enumerate(targets):
            ids = [*target, EOS_ID]
            log_probs = self.model.log_probs(readouts[row, : len(ids)], attention[row, : len(ids)])
            best = log_probs.topk(alternatives, dim=-1)
            own = log_probs.gather(1, tgt_ids[row, 1 : len(ids) + 1, None]).squeeze(1).tolist()
            steps = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            forced.append(
                Hypothesis(
                    ids,
                    own,
                    attention[row, : len(ids)].float().cpu().numpy(),
                    [list(zip(*step, strict=True)) for step in steps],
                    sum(own),
                    sum(own) / len(own),
                    True,
                )
            )
        return forced

    def _encode(self, line: str) -> Encoded:
        ids, tokens, spans = self.tokenizers.src.encode(line)
        return Encoded(ids[:MAX_SOURCE_TOKENS], tokens[:MAX_SOURCE_TOKENS], spans[:MAX_SOURCE_TOKENS])

    def _record(self, line: str, source: Encoded, found: Hypothesis) -> Translation:
        text, tokens, spans = self.tokenizers.tgt.decode_with_spans(found.ids)
        named = [tuple((self._tgt_tokens[token], score) for token, score in step) for step in found.alternatives]
        return Translation(
            source=line,
            source_tokens=(BOS, *source.tokens),
            source_spans=((0, 0), *source.spans),
            text=text,
            tokens=tuple(tokens),
            spans=tuple(spans),
            token_log_probs=tuple(found.token_log_probs),
            attention=found.attention[:, : len(source.ids) + 1],
            alternatives=tuple(named),
            log_prob=found.log_prob,
            score=found.score,
            finished=found.finished,
        )


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is the first GPU, or the CPU where there is none.

    Raises:
        ValueError: if there is no such device here.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((kind for kind in ("cuda", "mps") if there[kind]), "cpu"))
    kind, _, index = name.partition(":")
    known = there.get(kind, False) and (not index or index.isdecimal())
    if not known or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        here = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise ValueError(f"device {name!r}: there is no such device here; choose from auto, {here}")
    return torch.device(name)


def _nothing(line: str) -> Translation:
    """The translation of a line without a token: nothing, with certainty."""
    return Translation(line, (BOS,), ((0, 0),), "", (), (), (), np.zeros((0, 1), np.float32), (), 0.0, 0.0, True)
