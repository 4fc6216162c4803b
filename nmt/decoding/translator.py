"""A saved model + text -> Translation records: batches by length, search, and the way back to text."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
import torch
from torch import Tensor

from nmt.data.batch import pad, src_sequence, tgt_sequence
from nmt.data.tokenizer import BOS, BOS_ID, EOS_ID, Encoded, TokenizerPair
from nmt.decoding.demands import Demands
from nmt.decoding.endings import Task
from nmt.decoding.guides import Guide
from nmt.decoding.options import SearchOptions
from nmt.decoding.risk import expected_utilities
from nmt.decoding.search import search, tree_map
from nmt.decoding.translation import Request, Translation
from nmt.decoding.tree import Hypothesis
from nmt.model.ensemble import Combine, Ensemble
from nmt.model.saved import ModelCard, load_model
from nmt.model.seq2seq import Seq2Seq

WINDOW_BATCHES = 20
"""Batches that are read ahead and sorted by length at most; fewer at the start of a stream, for an early first line."""

MAX_SOURCE_TOKENS = 512
"""Tokens of a sentence that are translated at most; the rest is cut off."""


class Translator:
    """Translates with one model or several; from several threads at once too, as nothing is kept between calls.

    Args:
        model: the network, or an ensemble of them.
        tokenizers: their vocabularies.
        card: what the model is for.
        device: where it runs: "cpu", "cuda", "cuda:1", "mps", or "auto" for the first GPU if there is one.
    """

    def __init__(
        self, model: Seq2Seq | Ensemble, tokenizers: TokenizerPair, card: ModelCard, device: str = "auto"
    ) -> None:
        self.device = choose_device(device)
        self.model = model.to(self.device).eval()
        self.tokenizers = tokenizers
        self.card = card
        self._tgt_tokens = tokenizers.tgt.tokens

    @classmethod
    def load(
        cls, path: str | Path | Sequence[str | Path], device: str = "auto", combine: Combine = "log_linear"
    ) -> "Translator":
        """The translator of a run folder (its `model/`) or of a model folder; of several of them, an ensemble.

        Args:
            path: the folder, or folders with the same vocabularies.
            device: where to run.
            combine: how an ensemble averages, "log_linear" or "linear".

        Raises:
            FileNotFoundError: if there is no model.
            ValueError: if its files are damaged or do not fit together, or the models have other vocabularies.
        """
        folders = [model_folder(each) for each in ([path] if isinstance(path, str | Path) else path)]
        tokenizers = TokenizerPair.load(folders[0])
        for other in folders[1:]:
            if not tokenizers.same(TokenizerPair.load(other)):
                raise ValueError(f"{other}: its vocabulary is not that of {folders[0]}: an ensemble needs the same")
        loaded = [load_model(folder) for folder in folders]
        models, card = [model for model, _ in loaded], loaded[0][1]
        return cls(models[0] if len(models) == 1 else Ensemble(models, combine), tokenizers, card, device)

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is an iterable of str too
        self, text: str | Request, options: SearchOptions | None = ..., batch_sentences: int = ..., first: int = ...
    ) -> Translation: ...

    @overload
    def translate(
        self,
        text: Iterable[str | Request],
        options: SearchOptions | None = ...,
        batch_sentences: int = ...,
        first: int = ...,
    ) -> Iterator[Translation]: ...

    def translate(
        self,
        text: str | Request | Iterable[str | Request],
        options: SearchOptions | None = None,
        batch_sentences: int = 64,
        first: int = 0,
    ) -> Translation | Iterator[Translation]:
        """Translates a sentence, or sentences as they come: one record each, in their order.

        Args:
            text: a sentence, or any number of them; they are read a window ahead, not all at once.
            options: of the search; the default is a beam of five.
            batch_sentences: sentences that are searched together; it changes the speed, not the result.
            first: the number of the first sentence in a larger input: with the seed it fixes what is sampled.
        """
        options = options or SearchOptions()
        if isinstance(text, str | Request):
            return next(self._translate([text], options, batch_sentences, first))
        return self._translate(text, options, batch_sentences, first)

    def _translate(
        self, texts: Iterable[str | Request], options: SearchOptions, size: int, first: int
    ) -> Iterator[Translation]:
        remaining = (each if isinstance(each, Request) else Request(each) for each in texts)
        demands = Demands(self.tokenizers.tgt, options.no_repeat_ngram)
        batches = WINDOW_BATCHES if isinstance(texts, Sequence) else 1
        while window := list(islice(remaining, batches * size)):
            sentences = [
                _Sentence(number, request, self._encode(request.text), demands.guide(request), demands.forced(request))
                for number, request in enumerate(window, start=first)
            ]
            done = {each.number: _nothing(each.request.text) for each in sentences if not each.source.ids}
            filled = sorted((each for each in sentences if each.source.ids), key=lambda each: -len(each.source.ids))
            for start in range(0, len(filled), size):
                batch = filled[start : start + size]
                for sentence, hypotheses in zip(batch, self._search(batch, options), strict=True):
                    done[sentence.number] = self._best(sentence, hypotheses, options)
            yield from (done[sentence.number] for sentence in sentences)
            first, batches = first + len(window), min(2 * batches, WINDOW_BATCHES)

    @torch.inference_mode()
    def _search(self, batch: Sequence["_Sentence"], options: SearchOptions) -> list[list[Hypothesis]]:
        src_ids, src_lengths = self._pad([each.source for each in batch])
        forced = torch.tensor([len(each.forced) for each in batch], device=self.device)
        positions = torch.arange(src_ids.shape[1], device=self.device)
        task = Task(
            options.limits(src_lengths) + forced,
            [each.number for each in batch],
            (positions > 0) & (positions < src_lengths.unsqueeze(1)),
            [each.guide for each in batch],
        )
        memory, state = self.model.encode(src_ids, src_lengths)
        return search(self.model, memory, state, task, options, BOS_ID, EOS_ID)

    def _best(self, sentence: "_Sentence", found: Sequence[Hypothesis], options: SearchOptions) -> Translation:
        """The first hypothesis, with as many others as are wanted; by the least risk if that is asked for."""
        line, source = sentence.request.text, sentence.source
        records = [self._record(line, source, each) for each in found]
        if options.mbr != "none":
            highest = max(each.log_prob for each in records)
            weights = [1.0 if options.method == "sample" else math.exp(each.log_prob - highest) for each in records]
            utilities = expected_utilities([each.text for each in records], weights, options.mbr)
            records = [replace(each, score=score) for each, score in zip(records, utilities, strict=True)]
            records.sort(key=lambda each: -each.score)
        return replace(records[0], others=tuple(records[1 : options.n_best]))

    def score(self, source: str, target: str) -> Translation:
        """The record of a given translation (forced decoding): its `log_prob` is the model's score of it."""
        return next(self.force([(source, target)]))

    def attention(self, source: str, target: str) -> np.ndarray:
        """What each token of a given translation attends to, its end-of-sentence token included: float32 (T, S)."""
        return self.score(source, target).attention

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
        src_ids, src_lengths = self._pad(sources)
        tgt_ids = pad([tgt_sequence(each) for each in targets])[0].to(self.device)
        outputs, attention = self.model(src_ids, src_lengths, tgt_ids[:, :-1])
        rows = []
        for row, target in enumerate(targets):
            ids = [*target, EOS_ID]
            of_row = tree_map(partial(_corner, row, len(ids)), outputs)
            rows.append(
                _forced(ids, self.model.log_probs(of_row, attention[row, : len(ids)]), attention[row], alternatives)
            )
        return rows

    def _pad(self, sources: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
        """Ids (B, S) and lengths (B,), BOS first, on the device."""
        src_ids, src_lengths = pad([src_sequence(each.ids) for each in sources])
        return src_ids.to(self.device), src_lengths.to(self.device)

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


class _Sentence(NamedTuple):
    """A sentence on its way: its number in the input, and what is demanded of its translation."""

    number: int
    request: Request
    source: Encoded
    guide: Guide | None
    forced: list[int]


def _corner(row: int, size: int, tensor: Tensor) -> Tensor:
    return tensor[row, :size]


def _forced(ids: list[int], log_probs: Tensor, attention: Tensor, alternatives: int) -> Hypothesis:
    """The hypothesis of given ids, from what the model thought at each of them: (T, V), (at least T, S)."""
    own = log_probs.gather(1, torch.tensor(ids, device=log_probs.device).unsqueeze(1)).squeeze(1).tolist()
    best = log_probs.topk(alternatives, dim=-1)
    steps = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    named = [list(zip(*step, strict=True)) for step in steps]
    weights = attention[: len(ids)].float().cpu().numpy()
    return Hypothesis(ids, own, weights, named, sum(own), sum(own) / len(own), True)


def model_folder(path: str | Path) -> Path:
    """The folder of the model of a run, or the folder itself.

    Raises:
        FileNotFoundError: if there is none.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give a run (runs/<name>) or a model folder")
    if (folder / "checkpoints").is_dir() and not (folder / "model").is_dir():
        raise FileNotFoundError(
            f"{folder} has no model yet: its training has not ended; go on with `nmt train --resume {folder}`"
        )
    return folder / "model" if (folder / "model").is_dir() else folder


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
