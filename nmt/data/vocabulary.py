"""Sentences to a trained tokenizer of the `tokenizers` library: the pipeline that `nmt.data.tokenizer` describes."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from nmt.config import TokenizerKind

PAD, UNK, BOS, EOS = "<pad>", "<unk>", "<s>", "</s>"
SPECIAL_TOKENS = (PAD, UNK, BOS, EOS)
PAD_ID, UNK_ID, BOS_ID, EOS_ID = range(4)
BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))

SPACE = "\\s\x1c-\x1f"
"""What `str.isspace()` calls white space, for use in brackets; the library's `\\s` does not know \\x1c to \\x1f."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_ENDLESS_WORD = re.compile(r"\w{1000,}")
"""What the time to learn merges of would grow with its square, such as encoded files in a text of the web."""


def learn(
    sentences: Iterable[str], kind: TokenizerKind, vocab_size: int, lowercase: bool, min_frequency: int
) -> tokenizers.Tokenizer:
    """The trained tokenizer; arguments and errors are those of `nmt.data.tokenizer.Tokenizer.train`."""
    if kind not in get_args(TokenizerKind):
        raise ValueError(f"unknown kind of tokenizer {kind!r}: choose one of {', '.join(get_args(TokenizerKind))}")
    special_tokens = [*SPECIAL_TOKENS, *(BYTE_TOKENS if kind in ("bpe", "unigram") else ())]
    backend = _pipeline(kind, lowercase)
    if kind == "wordpiece":
        # The trainer numbers the characters inside words in the order of a hash table, and breaks ties by these
        # numbers: it is given them in a fixed order instead.
        sentences = [encodable(sentence) for sentence in sentences]
        alphabet: set[str] = set().union(*map(backend.normalizer.normalize_str, sentences))
        special_tokens += [f"##{character}" for character in sorted(alphabet - {"▁"})]
    seen: set[str] = set()
    fits = True
    try:
        backend.train_from_iterator(
            _watched(sentences, seen), _trainer(kind, vocab_size, special_tokens, min_frequency)
        )
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
    return _without_added_tokens(backend)


def encodable(text: str) -> str:
    """`text` with U+FFFD for lone surrogates, which have no UTF-8; as many characters as before."""
    return _SURROGATE.sub("\ufffd", text)


def _watched(sentences: Iterable[str], seen: set[str]) -> Iterator[str]:
    """The sentences without words that are none, noting in `seen` the characters that went by."""
    for sentence in sentences:
        sentence = _ENDLESS_WORD.sub(" ", sentence)
        seen.update(sentence)
        yield encodable(sentence)


def _pipeline(kind: TokenizerKind, lowercase: bool) -> tokenizers.Tokenizer:
    """An untrained tokenizer of the library: normaliser, pre-tokeniser, model and decoder."""
    untrained: dict[str, Callable[[], models.Model]] = {
        "bpe": lambda: models.BPE(unk_token=UNK),
        "unigram": models.Unigram,
        "wordpiece": lambda: models.WordPiece(unk_token=UNK),
        "word": lambda: models.WordLevel(unk_token=UNK),
        "char": lambda: models.WordLevel(unk_token=UNK),
    }
    backend = tokenizers.Tokenizer(untrained[kind]())
    normal_form = [
        normalizers.NFC(),
        normalizers.Replace(Regex(f"[{SPACE}▁]+"), " "),
        normalizers.Strip(),
        normalizers.Prepend("▁"),
        normalizers.Replace(" ", "▁"),
    ]
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), *normal_form] if lowercase else normal_form)
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("." if kind == "char" else r"▁?\w+|▁?[^\w▁]"), "isolated")
    # What `Tokenizer.decode` does, for those who load the file with the library alone.
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace(Regex("^<(pad|s|/s)>$"), ""),
            decoders.Replace(Regex("^<unk>$"), "▁<unk>"),
            decoders.Replace(Regex("^##(?=.)"), ""),
            decoders.ByteFallback(),
            decoders.Replace("▁", " "),
            decoders.Fuse(),
            decoders.Replace(Regex(f"[{SPACE}]+"), " "),
            decoders.Replace(Regex("^ | $"), ""),
        ]
    )
    return backend


def _trainer(kind: TokenizerKind, vocab_size: int, special_tokens: list[str], min_frequency: int) -> trainers.Trainer:
    """The library's trainer for `kind`."""
    options: dict[str, Any] = {"vocab_size": vocab_size, "special_tokens": special_tokens, "show_progress": False}
    if kind == "bpe":
        return trainers.BpeTrainer(min_frequency=min_frequency, **options)
    if kind == "unigram":
        return trainers.UnigramTrainer(unk_token=UNK, **options)
    if kind == "wordpiece":
        return trainers.WordPieceTrainer(min_frequency=min_frequency, **options)
    return trainers.WordLevelTrainer(min_frequency=min_frequency, **options)


def _without_added_tokens(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """`backend` with its special tokens in the model's vocabulary only, and with scores that do not vary."""
    content = json.loads(backend.to_str())
    content["added_tokens"] = []
    model = content["model"]
    if model["type"] in ("BPE", "Unigram"):
        model["byte_fallback"] = True
    if model["type"] == "Unigram":
        model["vocab"] = _stable_scores(model["vocab"])
    return tokenizers.Tokenizer.from_str(json.dumps(content, ensure_ascii=False))


def _stable_scores(vocab: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Unigram pieces with scores that do not depend on the order of the trainer's hash tables.

    Between trainings the scores differ in the last digits, and those of characters that were pruned and put back by
    1e-4 for each in turn above the lowest score. The first are rounded, the second all get the lowest score.
    """
    special = [(piece, score) for piece, score in vocab if piece in SPECIAL_TOKENS or piece in BYTE_TOKENS]
    pieces = vocab[len(special) :]
    lowest = min(score for _, score in pieces)
    put_back = lowest + 1e-4 * sum(len(piece) == 1 for piece, _ in pieces)
    stable = [(p, round(lowest if len(p) == 1 and score < put_back else score, 6)) for p, score in pieces]
    return special + sorted(stable, key=lambda entry: (-entry[1], entry[0]))
