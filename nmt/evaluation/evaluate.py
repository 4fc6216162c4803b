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
from nmt.data.corpus import texts_within
from nmt.data.mixture import load_training
from nmt.data.runs import config_with_corpus, run_config
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.options import SearchOptions
from nmt.decoding.steps import single_model
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator
from nmt.evaluation.aer import attention_error_rate
from nmt.evaluation.find_out import Wanted, find_out
from nmt.evaluation.frequencies import training_counts
from nmt.evaluation.metrics import corpus_scores
from nmt.evaluation.results import Evaluation
from nmt.evaluation.sentences import Sentences, read_sentences
from nmt.evaluation.shift import shift_of
from nmt.evaluation.source_worth import source_worth
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
    references: str | Path | None = None,
    given: str | Path | None = None,
    batch_sentences: int = 64,
    command: str = "",
) -> Evaluation:
    """Translates and scores a split, and saves all of it to `run/evaluations/<name>`.

    The targets of the split are scored as well, by forced decoding: what the model makes of them tells its errors from
    those of the search. Where the corpus has gold word alignments, it is their attention that is scored: the links are
    about the words of the targets.

    Args:
        run: the run's folder.
        split: name of the split.
        options: of the search; by default a beam of five, what it held kept for the report.
        translator: with the run's model; by default that of the run.
        corpus: to take the split from, if not from the run's.
        name: of the evaluation; by default that of the split.
        wanted: what else is to be found out.
        references: a file whose lines are the references of the scores and of the report, in place of the split's
            targets, which another program may have cut or tokenised.
        given: a file whose lines are taken for the translations, in place of a search.
        batch_sentences: sentences that are searched together.
        command: what the user called, kept with the scores.

    Raises:
        ValueError: if there is no such split, it is empty, no folder can have the name, a file is not of as many
            lines, or something is to be found out that an ensemble does not know.
        FileNotFoundError: if there is no such run, or it has no model or no corpus.
        OSError: if nothing can be saved there, or a file cannot be opened.
    """
    run, options, wanted = Path(run), options or SearchOptions(keep_beam=True), wanted or Wanted()
    data, trained_on = config_with_corpus(run, corpus).data, run_config(run).data
    translator = translator or Translator.load(run)
    _check(name, options, wanted, translator)
    sentences = read_sentences(data, split, translator.tokenizers, references, given)
    joiner = translator.tokenizers.src.joiner
    for doubt in doubts.of_cut_text(sentences.sources, sentences.targets, joiner, split):
        print(doubt, file=sys.stderr)
    folder = _writable(run / "evaluations")
    training = _training_split(trained_on, needed=wanted.neighbors > 0)
    began = time.perf_counter()
    translations, forced = _translated(sentences, translator, options, batch_sentences, split)
    texts = [each.text for each in translations]
    scores = corpus_scores(texts, sentences.references, data.tgt, data.literature_form)
    insight = find_out(wanted, translator, sentences.sources, translations, forced, options, batch_sentences, training)
    evaluation = Evaluation(
        split=split,
        src=data.src,
        tgt=data.tgt,
        translations=translations,
        references=sentences.references,
        forced=forced,
        gold=sentences.gold,
        scores=tuple(scores),
        alignment=attention_error_rate(forced, sentences.gold) if any(sentences.gold) else None,
        insight=insight,
        source_worth=source_worth(translator, forced),
        shift=shift_of(texts, sentences.references),
        **_found_in_training(training, trained_on, translator.tokenizers, sentences, translations),
        search=_described(options, translator, data.path, references, given),
        checkpoint=translator.info.checkpoint,
        command=command,
        name=name,
        given="" if given is None else Path(given).name,
        seconds=time.perf_counter() - began,
    )
    evaluation.save(folder / evaluation.label)
    return evaluation


def _check(name: str, options: SearchOptions, wanted: Wanted, translator: Translator) -> None:
    """Raises ValueError if something that is asked for cannot be, before any of the work."""
    if name:
        check_folder_name("name", name)
    has_runners_up = options.alternatives > 1
    check(not wanted.what_if or has_runners_up, "alternatives", options.alternatives, "at least 2 with what_if")
    if wanted.looks or wanted.neighbors:
        single_model(translator.engine)


def _translated(
    sentences: Sentences, translator: Translator, options: SearchOptions, size: int, split: str
) -> tuple[tuple[Translation, ...], tuple[Translation, ...]]:
    """The translations, searched for or given, and the targets under forced decoding."""
    sources, targets, given = sentences.sources, sentences.targets, sentences.given
    if given is None:
        found, what = translator.translate(sources, options, size), f"translating {split}"
    else:
        pairs = zip(sources, given, strict=True)
        found, what = translator.force(pairs, options.alternatives, size), "scoring the lines"
    translations = tuple(watched(found, len(sources), what))
    found = translator.force(zip(sources, targets, strict=True), options.alternatives, size, options)
    return translations, tuple(watched(found, len(sources), "scoring references"))


def _found_in_training(
    training: datasets.Dataset | None,
    data: DataConfig,
    tokenizers: TokenizerPair,
    sentences: Sentences,
    translations: Sequence[Translation],
) -> dict[str, Any]:
    """What the training data tell, by field of `Evaluation`: what has been seen, and how often the words stand there.

    A source counts as seen with or without what its split begins with.
    """
    if training is None:
        return {}
    seen = set(texts_within(sentences.sources, training, "src"))
    if any(data.train_prefixes):
        plain = load_training(replace(data, train_weights=(), train_prefixes=()))
        seen |= set(texts_within(sentences.sources, plain, "src"))
    read, written = [each.source for each in translations], [each.text for each in translations]
    words = read, [*sentences.references, *written]
    return {
        "seen": tuple(sorted(seen)),
        "seen_references": tuple(texts_within(sentences.targets, training, "tgt")),
        "training_counts": training_counts(training, tokenizers, data.tgt, data.tokenizer.lowercase, *words),
    }


def _described(
    options: SearchOptions,
    translator: Translator,
    corpus: str,
    references: str | Path | None,
    given: str | Path | None,
) -> dict[str, Any]:
    """How it was translated: in words, and each option by name; of lines that were given none had a part in it."""
    of = {"corpus": corpus, **({} if references is None else {"references": Path(references).name})}
    if given is not None:
        return {"decoding": f"the lines of {Path(given).name}, forced decoding, {translator.form}", **of}
    shortlist = translator.engine.shortlist is not None
    return {"decoding": f"{options}, {translator.form}", **of, **asdict(options), "shortlist": shortlist}


def _writable(folder: Path) -> Path:
    """The folder, which is made if it is not there: what cannot be saved is known before the work."""
    folder.mkdir(exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} may not be written to: evaluate a copy of {folder.parent}")
    return folder


def _training_split(data: DataConfig, needed: bool) -> datasets.Dataset | None:
    """What the model has seen, each pair once; None where that can no longer be read and is not needed."""
    try:
        return load_training(replace(data, train_weights=()))
    except (OSError, ValueError):
        if needed:
            raise
        return None
