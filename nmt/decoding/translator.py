"""A saved model + text -> Translation records: batches by length, search, and the way back to text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import NoReturn, overload

import torch

from nmt.checked import check, check_fits
from nmt.config import Combine, Precision
from nmt.data.tokenizer import Encoded
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.demands import Demands
from nmt.decoding.engine import Engine, choose_device, for_inference
from nmt.decoding.forcing import force
from nmt.decoding.options import SearchOptions
from nmt.decoding.reading import possible, possible_requests, windows
from nmt.decoding.records import Records, nothing
from nmt.decoding.searcher import Job, Searcher
from nmt.decoding.shortlist import Shortlist
from nmt.decoding.translation import Request, Translation
from nmt.model.ensemble import Ensemble
from nmt.model.hub import model_folder
from nmt.model.saved import ModelInfo, load_model
from nmt.model.seq2seq import Seq2Seq

WINDOW_BATCHES = 20
"""Batches that are read ahead and sorted by length at most; fewer at the start of a stream, for an early first line."""

MAX_SOURCE_TOKENS = 512
"""Tokens of a sentence that are translated at most; the rest is cut off."""


class Translator:
    """Translates with one model or several. Several threads may use it at once, unless it has processes.

    While many sentences are searched on a CPU by several threads, all of the program's take turns oftener
    (`sys.setswitchinterval`).

    A network that is given is put on the device, and in evaluation mode; `nmt.decoding.engine.for_inference` gives one
    that multiplies faster, as `load` has it. Its weights are not to change between a call of `translate` and the last
    translation of that call; the next call goes by what they are then.

    Of a source the first 512 tokens are read (`MAX_SOURCE_TOKENS`); the record of a longer one is not
    `source_complete`, also under forced decoding.

    Args:
        network: one model, or an ensemble of them.
        tokenizers: their vocabularies.
        info: what the model is for.
        device: where it runs: "cpu", "cuda", "cuda:1", "mps", or "auto" for the first GPU if there is one, but of int8
            weights for the CPU.
        precision: "fp32"; "bf16", products in bfloat16; "int8", if the network's weights are.
        shortlist: target types that search chooses among, None for all; of an ensemble one for each model, the first
            for the types, and each for what the others weigh for its model.
        processes: on a CPU, search many sentences in processes of their own, as many as torch has threads, which is up
            to a third faster. They are forked: on Linux only, and only in a program that has no other threads by then
            that compute, and no thread still shutting down: they would wait for these for ever.

    Attributes:
        form: of the model, in a few words: "ensemble of 2, int8, shortlist".

    Raises:
        ValueError: if these do not fit together.
    """

    def __init__(
        self,
        network: Seq2Seq | Ensemble,
        tokenizers: TokenizerPair,
        info: ModelInfo,
        device: str | torch.device = "auto",
        precision: Precision = "fp32",
        shortlist: Shortlist | Sequence[Shortlist] | None = None,
        processes: bool = False,
    ) -> None:
        self.engine = Engine(network, choose_device(device, precision), precision, shortlist, processes)
        for model, each in zip_longest(self.engine.models, self.engine.shortlists):
            _check_fit("network", model, tokenizers, each)
        if any(model.is_int8 != (precision == "int8") for model in self.engine.models):
            told = "int8 is for rounded weights, and they for int8: nmt.decoding.engine.for_inference rounds"
            raise ValueError(f"precision: {told}")
        self.tokenizers = tokenizers
        self.info = info
        self._records = Records(tokenizers.tgt)
        ensemble = [f"ensemble of {len(network.models)}"] if isinstance(network, Ensemble) else []
        self.form = ", ".join([*ensemble, precision, *(["shortlist"] if shortlist else [])])

    @classmethod
    def load(
        cls,
        path: str | Path | Sequence[str | Path],
        device: str | torch.device = "auto",
        precision: Precision = "fp32",
        shortlist: bool = False,
        combine: Combine = "log_linear",
        processes: bool = False,
    ) -> "Translator":
        """The translator of a run (its `model/`), of a model folder or of a model on the hub; of several, an ensemble.

        Args:
            path: the folder, or `user/name` on the Hugging Face hub; or several, of models with the same vocabularies.
            device: where to run; "auto" is the first GPU, or the CPU where there is none, and for int8.
            precision: "fp32", "bf16" or, on a CPU, "int8".
            shortlist: choose among the target types that `nmt shortlist` found for the source only: of an ensemble
                those of the first model, but each needs a shortlist, for what the other types weigh.
            combine: how an ensemble averages, "log_linear" or "linear".
            processes: search many sentences in processes, not threads, as above.

        Raises:
            FileNotFoundError: if there is no model, or no shortlist.
            ValueError: if its files are damaged or do not fit together, the models have other vocabularies, the
                precision is not for the device, or there is no such way to combine models.
        """
        check_fits(Combine, "combine", combine)
        check(isinstance(path, str | Path | Sequence), "path", path, "the folder of a model, or several")
        folders = [model_folder(each) for each in ([path] if isinstance(path, str | Path) else path)]
        check(bool(folders), "path", path, "the folder of a model, or several")
        tokenizers = TokenizerPair.load(folders[0])
        for other in folders[1:]:
            if not tokenizers.same(TokenizerPair.load(other)):
                raise ValueError(f"{other}: its vocabulary is not that of {folders[0]}: an ensemble needs the same")
        loaded = [load_model(folder) for folder in folders]
        info = loaded[0][1]
        shortlists = [Shortlist.load(folder) for folder in folders] if shortlist else []
        for folder, (model, _), each in zip_longest(folders, loaded, shortlists):
            _check_fit(folder, model, tokenizers, each)
        models = [for_inference(model, precision, choose_device(device, precision)) for model, _ in loaded]
        network = models[0] if len(models) == 1 else Ensemble(models, combine)
        return cls(network, tokenizers, info, device, precision, shortlists, processes)

    def __repr__(self) -> str:
        info = self.info
        return f"Translator({info.src}-{info.tgt}, {info.checkpoint}, {self.form}, {self.engine.device})"

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Translator cannot be pickled: load it in each process")

    def close(self) -> None:
        """Ends its processes, if it has any; they end with the program too."""
        self.engine.close()

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is an iterable of str too
        self,
        text: str | Request,
        options: SearchOptions | None = ...,
        batch_sentences: int = ...,
        first: int = ...,
        read_ahead: int | None = ...,
    ) -> Translation: ...

    @overload
    def translate(
        self,
        text: Iterable[str | Request],
        options: SearchOptions | None = ...,
        batch_sentences: int = ...,
        first: int = ...,
        read_ahead: int | None = ...,
    ) -> Iterator[Translation]: ...

    def translate(
        self,
        text: str | Request | Iterable[str | Request],
        options: SearchOptions | None = None,
        batch_sentences: int = 64,
        first: int = 0,
        read_ahead: int | None = None,
    ) -> Translation | Iterator[Translation]:
        """Translates a sentence, or sentences as they come: one record each, in their order.

        A limit may have cut off the source (`source_complete`) or the translation (`finished`), and what is demanded
        may not have been possible (`unmet`): the record says so.

        Args:
            text: a sentence, or any number of them; they are read a window ahead, not all at once.
            options: of the search; the default is a beam of five.
            batch_sentences: sentences that are searched together at most; it changes the speed, not the result.
            first: the number of the first sentence in a larger input: with the seed it fixes what is sampled.
            read_ahead: sentences that are read at most before the first of them is given back; 1 where each waits for
                the one before, as in a chat. The default is fastest: of a list 20 batches, of any other iterable one
                batch, then twice as many each time, up to 20.

        Raises:
            ValueError: if something is not allowed, or a sentence asks for what cannot be: it is named, once those
                before it have been given back.
        """
        options = options or SearchOptions()
        check(isinstance(options, SearchOptions), "options", options, "a SearchOptions")
        is_text = isinstance(text, Request | Iterable) and not isinstance(text, bytes | Mapping)
        check(is_text, "text", text, "a sentence, a Request, or several of them")
        check(batch_sentences >= 1, "batch_sentences", batch_sentences, "at least 1")
        check(read_ahead is None or read_ahead >= 1, "read_ahead", read_ahead, "at least 1")
        if isinstance(text, str | Request):
            request = possible(text, options, self.tokenizers.tgt)
            return next(self._translate([[request]], options, batch_sentences, first))
        most = read_ahead or WINDOW_BATCHES * batch_sentences
        ahead = most if isinstance(text, Sequence) else min(batch_sentences, most)
        requests = possible_requests(text, options, self.tokenizers.tgt, first)
        return self._translate(windows(requests, ahead, most), options, batch_sentences, first)

    def _translate(
        self, requests: Iterable[list[Request]], options: SearchOptions, size: int, first: int
    ) -> Iterator[Translation]:
        searcher = Searcher(self.engine, Demands(self.tokenizers.tgt, options), options)
        for window in requests:
            sources = self._encode([request.text for request in window])
            order = sorted(range(len(window)), key=lambda row: -len(sources[row].ids))
            filled = [row for row in order if sources[row].ids]
            done = {row: nothing(sources[row].text) for row in order[len(filled) :]}
            jobs = [Job(first + row, window[row], sources[row].ids) for row in filled]
            for row, found in zip(filled, searcher.search_all(jobs, size), strict=True):
                done[row] = self._records.best(window[row], sources[row], found, options)
            yield from (done[row] for row in range(len(window)))
            first += len(window)

    def score(self, source: str, target: str) -> Translation:
        """The record of a given translation (forced decoding): its `log_prob` is the model's score of it.

        Its `attention` is what each token attends to, the end-of-sentence token included.
        """
        return next(self.force([(source, target)]))

    def force(
        self,
        pairs: Iterable[tuple[str, str]],
        alternatives: int = 5,
        batch_sentences: int = 64,
        ranking: SearchOptions | None = None,
    ) -> Iterator[Translation]:
        """Forced decoding: the record of each given (source, target), as if search had found that target.

        Its `text` is the target as it was given (of text that was cut, the plain text), also where the model would
        write it otherwise, and its spans are those of that text. Its `log_prob` is the model's score of the target, its
        attention what each target token attends to, its `score` what a search with the options `ranking` would rank it
        by: the average log-probability of a token, if they say nothing else.
        """
        check(alternatives >= 0, "alternatives", alternatives, "at least 0")
        check(batch_sentences >= 1, "batch_sentences", batch_sentences, "at least 1")
        return self._force(pairs, alternatives, batch_sentences, ranking or SearchOptions())

    def _force(
        self, pairs: Iterable[tuple[str, str]], alternatives: int, batch_sentences: int, ranking: SearchOptions
    ) -> Iterator[Translation]:
        remaining = iter(pairs)
        while batch := list(islice(remaining, batch_sentences)):
            for pair in batch:
                is_pair = isinstance(pair, tuple | list) and [type(text) for text in pair] == [str, str]
                check(is_pair, "pairs", pair, "two strings, source and target")
            sources = self._encode([source for source, _ in batch])
            targets = self.tokenizers.tgt.encode_all([target for _, target in batch])
            ids = [source.ids for source in sources], [target.ids for target in targets]
            forced = force(self.engine, *ids, alternatives, ranking)
            for source, target, found in zip(sources, targets, forced, strict=True):
                spans = (*target.spans, (0, 0))  # the last is that of the end
                yield replace(self._records.of(source, found), text=target.text, spans=spans)

    def _encode(self, lines: Sequence[str]) -> list[Encoded]:
        encoded, cut = self.tokenizers.src.encode_all(lines), slice(MAX_SOURCE_TOKENS)
        return [Encoded(ids[cut], tokens[cut], spans[cut], text) for ids, tokens, spans, text in encoded]


def _check_fit(where: str | Path, model: Seq2Seq, tokenizers: TokenizerPair, shortlist: Shortlist | None) -> None:
    src, tgt = tokenizers.src.vocab_size, tokenizers.tgt.vocab_size
    if (model.src_vocab_size, model.tgt_vocab_size) != (src, tgt):
        told = f"{src:,} and {tgt:,} types, the model {model.src_vocab_size:,} and {model.tgt_vocab_size:,}"
        raise ValueError(f"{where}: its tokenizer does not fit its model: it has {told}")
    if shortlist is not None and not shortlist.fits(src, tgt, model.decoder.readout.state.out_features):
        raise ValueError(f"{where}: its shortlist is of another model: make it again with `nmt shortlist RUN`")
