"""Sentences to a trained tokenizer of the `tokenizers` library: the pipeline that `nmt.data.tokenizer` describes."""

import json
import re
from collections.abc import Iterable, Iterator
from threading import Event, Thread
from typing import Any

import tokenizers
from tokenizers import models, trainers

from nmt.config import TokenizerConfig, TokenizerKind
from nmt.data.pretokens import prepare
from nmt.data.special import BYTE_TOKENS, SPECIAL_TOKENS, UNK

_SURROGATE = re.compile("[\ud800-\udfff]")
_ENDLESS_WORD = re.compile(r"\w{1000,}")
"""What the time to learn merges of would grow with its square, such as encoded files in a text of the web."""


def learn(sentences: Iterable[str], settings: TokenizerConfig) -> tokenizers.Tokenizer:
    """The trained tokenizer; arguments and errors are those of `nmt.data.tokenizer.Tokenizer.train`."""
    kind, vocab_size, protected = settings.kind, settings.vocab_size, settings.protected
    special_tokens = [*SPECIAL_TOKENS, *(BYTE_TOKENS if kind in ("bpe", "unigram") else ())]
    special_tokens += [mark + each for each in protected for mark in ("", "▁")]
    backend = tokenizers.Tokenizer(_model(kind))
    prepare(backend, settings)
    if protected:  # they are in the vocabulary as they are: there is nothing to learn from them
        names = re.compile("|".join(map(re.escape, protected)))
        sentences = (names.sub(" ", sentence) for sentence in sentences)
    if kind == "wordpiece":
        # The trainer numbers the characters inside words in the order of a hash table, and breaks ties by these
        # numbers: it is given them in a fixed order instead.
        sentences = [encodable(sentence) for sentence in sentences]
        alphabet: set[str] = set().union(*map(backend.normalizer.normalize_str, sentences))
        special_tokens += [f"##{character}" for character in sorted(alphabet - {"▁"})]
    seen: set[str] = set()
    fits = True
    try:
        learn_in_thread(backend, _watched(sentences, seen), _trainer(settings, special_tokens))
    except Exception as error:
        if type(error) is not Exception:  # the library has no type of its own for "too small"
            raise
        fits = False
    characters = sum(not character.isspace() for character in seen)
    if not characters:
        raise ValueError("there is no text to train a tokenizer on: every sentence is empty")
    if not fits or backend.get_vocab_size() > vocab_size:
        raise ValueError(
            f"a {kind} vocabulary of {vocab_size} entries is too small: it must hold {len(special_tokens)} fixed ones "
            f"and the {characters} different characters of the corpus; raise the vocabulary size"
        )
    return _without_added_tokens(backend, len(special_tokens), bool(protected))


def encodable(text: str) -> str:
    """`text` with U+FFFD for lone surrogates, which have no UTF-8; as many characters as before."""
    return _SURROGATE.sub("\ufffd", text)


def _watched(sentences: Iterable[str], seen: set[str]) -> Iterator[str]:
    """The sentences without words that are none, noting in `seen` the characters that went by."""
    for sentence in sentences:
        sentence = _ENDLESS_WORD.sub(" ", sentence)
        seen.update(sentence)
        yield encodable(sentence)


def learn_in_thread(backend: tokenizers.Tokenizer, sentences: Iterable[str], trainer: trainers.Trainer) -> None:
    """Trains a tokenizer of the library, which hears of no signal until it is done; this thread hears of it at once."""
    failures: list[BaseException] = []
    is_given_up, is_read = Event(), Event()

    def read() -> Iterator[str]:
        try:
            for sentence in sentences:
                if is_given_up.is_set():
                    return
                yield sentence
        finally:
            is_read.set()

    def train() -> None:
        try:
            backend.train_from_iterator(read(), trainer)
        except BaseException as error:  # for the thread that waits
            failures.append(error)
        finally:
            is_read.set()

    thread = Thread(target=train, daemon=True)
    try:
        thread.start()
        thread.join()
    except BaseException:  # what a signal raises
        is_given_up.set()
        if thread.is_alive():
            is_read.wait()  # what is left runs without Python, which may end meanwhile
        raise
    if failures:
        raise failures[0]


def _model(kind: TokenizerKind) -> models.Model:
    """An untrained model of the library."""
    if kind == "bpe":
        return models.BPE(unk_token=UNK)
    if kind == "unigram":
        return models.Unigram()
    if kind == "wordpiece":
        return models.WordPiece(unk_token=UNK)
    return models.WordLevel(unk_token=UNK)


def _trainer(settings: TokenizerConfig, special: list[str]) -> trainers.Trainer:
    """The library's trainer for a kind."""
    options: dict[str, Any] = {"vocab_size": settings.vocab_size, "special_tokens": special, "show_progress": False}
    if settings.kind == "unigram":
        return trainers.UnigramTrainer(unk_token=UNK, **options)
    options["min_frequency"] = settings.min_frequency
    if settings.kind == "bpe":
        return trainers.BpeTrainer(**options)
    if settings.kind == "wordpiece":
        return trainers.WordPieceTrainer(**options)
    return trainers.WordLevelTrainer(**options)


def _without_added_tokens(backend: tokenizers.Tokenizer, fixed: int, whole: bool) -> tokenizers.Tokenizer:
    """`backend` with its fixed entries in the model's vocabulary only, and with scores that do not vary.

    Where asked for, a pre-token that is an entry as a `whole` is one piece, whatever merges would make of it.
    """
    content = json.loads(backend.to_str())
    content["added_tokens"] = []
    model = content["model"]
    if model["type"] in ("BPE", "Unigram"):
        model["byte_fallback"] = True
    if model["type"] == "BPE":
        model["ignore_merges"] = whole
    if model["type"] == "Unigram":
        model["vocab"] = model["vocab"][:fixed] + _stable_scores(model["vocab"][fixed:])
    return tokenizers.Tokenizer.from_str(json.dumps(content, ensure_ascii=False))


def _stable_scores(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Unigram pieces with scores that do not depend on the order of the trainer's hash tables.

    Between trainings the scores differ in the last digits, and those of characters that were pruned and put back by
    1e-4 for each in turn above the lowest score. The first are rounded, the second all get the lowest score.
    """
    lowest = min(score for _, score in pieces)
    put_back = lowest + 1e-4 * sum(len(piece) == 1 for piece, _ in pieces)
    stable = [(p, round(lowest if len(p) == 1 and score < put_back else score, 6)) for p, score in pieces]
    return sorted(stable, key=lambda entry: (-entry[1], entry[0]))
