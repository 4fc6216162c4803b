"""A run and a split of its corpus -> an Evaluation: translate, score, align, save."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import datasets

from nmt.checked import check, check_folder_name
from nmt.config import DataConfig
from nmt.data import doubts
from nmt.data.alignment_units import with_word_links
from nmt.data.corpus import load_split, sources_within
from nmt.data.links import Link
from nmt.data.mixture import load_training
from nmt.data.readers import text_lines
from nmt.data.runs import config_of, run_config
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.options import SearchOptions
from nmt.decoding.records import ids_of
from nmt.decoding.steps import single_model, token_log_probs
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator
from nmt.evaluation.aer import attention_error_rate
from nmt.evaluation.find_out import Wanted, find_out
from nmt.evaluation.frequencies import TrainingCounts, training_counts
from nmt.evaluation.metrics import corpus_scores
from nmt.evaluation.results import Evaluation
from nmt.pipe.progress import watched


def evaluate(
    run: str | Path,
    split: str = "test",
    options: SearchOptions | None = None,
    translator: Translator | None = None,
    *,
    corpus: str | None = None,
    name: str = "",
    wanted: Wanted | None = None,
    given: str | Path | None = None,
    batch_sentences: int = 64,
    command: str = "",
) -> Evaluation:
    """Translates and scores a split, and saves all of it to `run/evaluations/<name>`.

    The references are scored as well, by forced decoding: what the model makes of them tells its errors from those of
    the search. Where the corpus has gold word alignments, it is their attention that is scored: the links are about
    the words of the references.

    Args:
        run: the run's folder.
        split: name of the split.
        options: of the search; by default a beam of five, what it held kept for the report.
        translator: with the run's model; by default that of the run.
        corpus: to take the split from, if not from the run's.
        name: of the evaluation; by default that of the split.
        wanted: what else is to be found out.
        given: a file whose lines are taken for the translations, in place of a search.
        batch_sentences: sentences that are searched together.
        command: what the user called, kept with the scores.

    Raises:
        ValueError: if there is no such split, it is empty, no folder can have the name, the file is not of as many
            lines, or something is to be found out that an ensemble does not know.
        FileNotFoundError: if there is no such run, or it has no model or no corpus.
        OSError: if nothing can be saved there, or the file cannot be opened.
    """
    run, given = Path(run), None if given is None else Path(given)
    options, wanted = options or SearchOptions(keep_beam=True), wanted or Wanted()
    data, trained_on = config_of(run, corpus).data, run_config(run).data
    translator = translator or Translator.load(run)
    if name:
        check_folder_name("--as", name)
    has_runners_up = options.alternatives > 1
    check(not wanted.what_if or has_runners_up, "alternatives", options.alternatives, "at least 2 with --what-if")
    if wanted.looks or wanted.neighbors:
        single_model(translator.engine)
    sources, references, gold = _read(data, split, translator.tokenizers)
    for doubt in doubts.of_cut_text([*sources, *references], translator.tokenizers.src.joiner, split):
        print(doubt, file=sys.stderr)
    lines = None if given is None else _given_lines(given, split, len(sources))
    folder = _writable(run / "evaluations")
    training = _training_split(trained_on, needed=wanted.neighbors > 0)
    began = time.perf_counter()
    if lines is None:
        found, what = translator.translate(sources, options, batch_sentences), f"translating {split}"
    else:
        pairs = zip(sources, lines, strict=True)
        found, what = translator.force(pairs, options.alternatives, batch_sentences), "scoring the lines"
    translations = tuple(watched(found, len(sources), what))
    pairs = zip(sources, references, strict=True)
    found = translator.force(pairs, options.alternatives, batch_sentences, options)
    forced = tuple(watched(found, len(sources), "scoring references"))
    readable = tuple(translator.tokenizers.tgt.plain(each) for each in references)
    evaluation = Evaluation(
        split=split,
        src=data.src,
        tgt=data.tgt,
        translations=translations,
        references=readable,
        forced=forced,
        gold=gold,
        scores=tuple(corpus_scores([each.text for each in translations], readable, data.tgt, data.literature_form)),
        alignment=attention_error_rate(forced, gold) if any(gold) else None,
        insight=find_out(wanted, translator, sources, translations, forced, options, batch_sentences, training),
        source_worth=source_worth(translator, forced),
        seen=None if training is None else _seen(sources, training, trained_on),
        training_counts=None if training is None else _counts(training, translator, trained_on, translations, readable),
        search=_described(options, translator, data.path, given),
        checkpoint=translator.info.checkpoint,
        command=command,
        name=name,
        given="" if given is None else given.name,
        seconds=time.perf_counter() - began,
    )
    evaluation.save(folder / evaluation.label)
    return evaluation


def source_worth(translator: Translator, forced: Sequence[Translation]) -> float | None:
    """By how many nats a token the references are less probable if each is read with the source of the next one.

    Near 0 the decoder goes by the target alone. None where there is no other source.

    Args:
        translator: which has forced the references.
        forced: the references under forced decoding.
    """
    sources, targets = ids_of(translator.tokenizers, forced)
    tokens = sum(map(len, targets))
    if len(sources) < 2 or not tokens:
        return None
    others = token_log_probs(translator.engine, sources[1:] + sources[:1], targets)
    return (sum(each.log_prob for each in forced) - sum(float(each.sum()) for each in others)) / tokens


def _seen(sources: Sequence[str], training: datasets.Dataset, data: DataConfig) -> tuple[int, ...]:
    """The sentences, from 0, whose source the model has seen, with or without what its split begins with."""
    seen = set(sources_within(sources, training))
    if any(data.train_prefixes):
        seen |= set(sources_within(sources, load_training(replace(data, train_weights=(), train_prefixes=()))))
    return tuple(sorted(seen))


def _counts(
    training: datasets.Dataset,
    translator: Translator,
    data: DataConfig,
    translations: Sequence[Translation],
    references: Sequence[str],
) -> TrainingCounts:
    """How often the words of what was translated, of translations and references stand in the training data."""
    sources = [each.source for each in translations]
    targets = [*references, *(each.text for each in translations)]
    return training_counts(training, translator.tokenizers, data.tgt, data.tokenizer.lowercase, sources, targets)


def _given_lines(path: Path, split: str, sentences: int) -> list[str]:
    """The lines of a file, plain or compressed: one for each sentence of a split.

    Raises:
        OSError: if it cannot be opened.
        ValueError: if it cannot be read to its end, is not UTF-8, or has more lines or fewer.
    """
    lines = list(text_lines(path))
    if len(lines) != sentences:
        told = f"{path} has {len(lines):,} lines, {split} has {sentences:,} sentences"
        raise ValueError(f"{told}: line n must be the translation of sentence n")
    return lines


def _described(options: SearchOptions, translator: Translator, corpus: str, given: Path | None) -> dict[str, Any]:
    """How it was translated: in words, and each option by name; of lines that were given none had a part in it."""
    if given is not None:
        return {"decoding": f"the lines of {given.name}, forced decoding, {translator.form}", "corpus": corpus}
    shortlist = translator.engine.shortlist is not None
    return {"decoding": f"{options}, {translator.form}", "corpus": corpus, **asdict(options), "shortlist": shortlist}


def _writable(folder: Path) -> Path:
    """The folder, which is made if it is not there: what cannot be saved is known before the work."""
    folder.mkdir(exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} may not be written to: evaluate a copy of {folder.parent}")
    return folder


def _read(
    data: DataConfig, split: str, tokenizers: TokenizerPair
) -> tuple[list[str], list[str], tuple[tuple[Link, ...] | None, ...]]:
    """Sources, references, and the gold alignment of each pair, None where there is none."""
    datasets.disable_progress_bars()  # of reading files, which takes a second
    corpus = load_split(data.path, data.src, data.tgt, split)
    corpus = with_word_links(corpus, tokenizers, data.alignment_units, split)
    if not len(corpus):
        raise ValueError(f"split '{split}' of {data.path} has no sentences")
    has_gold = "alignment" in corpus.column_names
    gold = tuple(tuple(map(tuple, links)) for links in corpus["alignment"]) if has_gold else (None,) * len(corpus)
    return list(corpus["src"]), list(corpus["tgt"]), gold


def _training_split(data: DataConfig, needed: bool) -> datasets.Dataset | None:
    """What the model has seen, each pair once; None where that can no longer be read and is not needed."""
    try:
        return load_training(replace(data, train_weights=()))
    except (OSError, ValueError):
        if needed:
            raise
        return None
