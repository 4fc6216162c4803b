"""Evaluation -> a row of the report for each sentence: its scores, its flags, and its attention packed into bytes."""

import base64
import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import CHRF

from nmt.data.words import split_words, words_of_spans
from nmt.decoding.alignment import attention_entropy
from nmt.decoding.translation import Translation
from nmt.evaluation.alignment import Link, attention_error_rate
from nmt.evaluation.branches import Branch
from nmt.evaluation.results import Evaluation
from nmt.evaluation.samples import Samples

FLAGS = {
    "cut_off": ("cut off", "stopped by the length limit before the end of the sentence"),
    "repetition": ("repetition", "one word three times in a row, or two to eight words twice in a row"),
    "copied": ("copied", "the same words as the source, where the reference has others"),
    "empty": ("empty", "no word at all"),
    "short": ("much shorter", "at least three words fewer than the reference, and less than 60% of it"),
    "long": ("much longer", "at least three words more than the reference, and more than 160% of it"),
    "search_error": ("search error", "the search ranks the reference above its own: it has missed it"),
    "seen": ("seen in training", "the source stands in the training data"),
    "exact": ("exact", "the same words as the reference"),
}
"""Name of each flag -> its label and what it means."""

_CHRF = CHRF()


def sentence_rows(evaluation: Evaluation, baseline: Evaluation | None) -> list[dict[str, Any]]:
    """The rows of all sentences; the baseline is an evaluation of the same."""
    nothing = [None] * len(evaluation.references)
    marked = {"search_error": set(evaluation.search_errors() or ()), "seen": set(evaluation.seen or ())}
    others = baseline.translations if baseline else nothing
    sides = evaluation.translations, evaluation.references, evaluation.forced or nothing, evaluation.gold, others
    rows = [
        sentence_row(*each, [flag for flag, numbers in marked.items() if number in numbers])
        for number, each in enumerate(zip(*sides, strict=True))
    ]
    if not evaluation.is_comparable:
        for row in rows:
            row["reference"]["score"] = None
    for branch in evaluation.branches:
        rows[branch.sentence]["branches"].append(_branch(branch))
    return rows


def sentence_row(
    translation: Translation,
    reference: str,
    forced: Translation | None,
    gold: Sequence[Link] | None,
    baseline: Translation | None = None,
    marks: Collection[str] = (),
) -> dict[str, Any]:
    """The row of one sentence, as JSON values.

    `gold` links words of source and reference; `marks` are the flags that only the whole evaluation knows.

    Hypothesis and reference have, beside text and words, the tokens and what the decoder did at each: of the reference
    that is under forced decoding, and None where that was not kept. A baseline has the same, and the source with its
    own tokens where these are others. `branches` are what `nmt.evaluation.branches` says, `beam` what the record says.

    `chrf` is 0 to 100, `length_ratio` hypothesis words by reference words, `confidence` the geometric mean of the token
    probabilities, `entropy` that of the attention in nats a token, `aer` the error rate of the reference's attention
    against gold; a value that is not defined for the sentence is None, and so is a reference's score where the
    hypothesis has one of another kind.
    """
    source = _side(translation.source, translation.source_tokens, translation.source_spans)
    hypothesis = _decoded(translation)
    reference_words = word_texts(reference)
    log_probs, entropies = translation.token_log_probs, attention_entropy(translation.attention)
    flags = sentence_flags(source["words"], hypothesis["words"], reference_words, translation.finished, marks)
    return {
        "source": source,
        "hypothesis": hypothesis,
        "reference": {**_forced(forced, reference_words), "text": reference, "words": reference_words},
        "baseline": None if baseline is None else _baseline(baseline, source, reference),
        "gold": gold,
        "chrf": _chrf(translation.text, reference),
        "length_ratio": round(len(hypothesis["words"]) / len(reference_words), 3) if reference_words else None,
        "confidence": round(math.exp(sum(log_probs) / len(log_probs)), 4) if log_probs else None,
        "entropy": round(float(entropies.mean()), 3) if len(entropies) else None,
        "branches": [],
        "beam": [[[parent, token, round(value, 3)] for parent, token, value in step] for step in translation.beam],
        "aer": round(attention_error_rate([forced], [gold]).aer, 4) if forced and gold else None,
        "flags": flags,
    }


def sample_rows(samples: Sequence[Samples]) -> list[dict[str, Any]]:
    """The rows of sentences that were translated several times: source, reference, and the hypothesis of each step.

    Sentences that were not translated each time are left out.
    """
    if not samples:
        return []
    by_source = [{each.source: each for each in step.translations} for step in samples]
    rows = []
    for first, reference in zip(samples[-1].translations, samples[-1].references, strict=True):
        if all(first.source in each for each in by_source):
            history = [
                {"step": step.step, "hypothesis": _decoded(each[first.source])}
                for step, each in zip(samples, by_source, strict=True)
            ]
            source = _side(first.source, first.source_tokens, first.source_spans)
            rows.append(
                {"source": source, "reference": {"text": reference, "words": word_texts(reference)}, "history": history}
            )
    return rows


def chrf_signature() -> str:
    """The sacreBLEU signature of the sentence chrF: one reference, the settings, the version."""
    _CHRF.sentence_score("a", ["a"])  # the signature knows the number of references only after a score
    return str(_CHRF.get_signature())


def word_texts(text: str) -> list[str]:
    """The words of `text`, in the sense of `nmt.data.words`."""
    return [text[start:end] for start, end in split_words(text)]


def pack_attention(attention: np.ndarray) -> str:
    """Attention (T, S) as base64 of one byte a weight, row by row: 255 times the square root of the weight.

    The root keeps small weights apart: the error is at most 0.004, near 0.01 at most 0.0004.
    """
    levels = np.rint(255 * np.sqrt(np.clip(attention, 0, 1))).astype(np.uint8)
    return base64.b64encode(levels.tobytes()).decode("ascii")


def sentence_flags(
    source: Sequence[str],
    hypothesis: Sequence[str],
    reference: Sequence[str],
    finished: bool,
    marks: Collection[str] = (),
) -> list[str]:
    """The names of the `FLAGS` that hold for a sentence, given its words, and `marks`: those that are known already."""
    holds = {
        "cut_off": not finished,
        "repetition": _repeats(hypothesis) and not _repeats(reference),
        "copied": bool(hypothesis) and list(hypothesis) == list(source) != list(reference),
        "empty": not hypothesis,
        "short": 0 < len(hypothesis) < 0.6 * len(reference) and len(reference) - len(hypothesis) >= 3,
        "long": len(hypothesis) > 1.6 * len(reference) > 0 and len(hypothesis) - len(reference) >= 3,
        "search_error": "search_error" in marks and list(hypothesis) != list(reference),
        "seen": "seen" in marks,
        "exact": bool(hypothesis) and list(hypothesis) == list(reference),
    }
    return [name for name in FLAGS if holds[name]]


def _decoded(record: Translation) -> dict[str, Any]:
    """A text with what the decoder did at each of its tokens."""
    return {
        **_side(record.text, record.tokens, record.spans),
        "probabilities": [_probability(log_prob) for log_prob in record.token_log_probs],
        "alternatives": [[[token, _probability(log_prob)] for token, log_prob in step] for step in record.alternatives],
        "attention": pack_attention(record.attention),
        "log_prob": round(record.log_prob, 4),
        "score": round(record.score, 4),
    }


def _branch(branch: Branch) -> dict[str, Any]:
    """Another translation, and at which token it leaves the one that was found."""
    found = branch.translation
    own = {"text": found.text, "words": word_texts(found.text), "log_prob": round(found.log_prob, 4)}
    return {"step": branch.step, "token": branch.token, **own}


def _chrf(text: str, reference: str) -> float:
    return round(_CHRF.sentence_score(text, [reference]).score, 2)


def _baseline(record: Translation, source: dict[str, Any], reference: str) -> dict[str, Any]:
    own = _side(record.source, record.source_tokens, record.source_spans)
    return {
        **_decoded(record),
        "source": None if own == source else own,
        "chrf": _chrf(record.text, reference),
    }


def _forced(record: Translation | None, words: Sequence[str]) -> dict[str, Any]:
    """The same of a reference; its tokens belong to its words unless the model cannot write them, such as an emoji."""
    if record is None:
        return dict.fromkeys(
            ("tokens", "word_of_token", "probabilities", "alternatives", "attention", "log_prob", "score")
        )
    decoded = _decoded(record)
    if len(decoded["words"]) != len(words):
        decoded["word_of_token"] = [None] * len(record.tokens)
    return decoded


def _side(text: str, tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {
        "text": text,
        "words": word_texts(text),
        "tokens": list(tokens),
        "word_of_token": words_of_spans(text, spans),
    }


def _probability(log_prob: float) -> float:
    return round(math.exp(log_prob), 4)


def _repeats(words: Sequence[str]) -> bool:
    """Whether a word stands three times in a row, or an n-gram of two to eight words twice in a row."""
    lowered = [word.lower() for word in words]

    def follows_itself(length: int, times: int) -> bool:
        span = length * (times - 1)
        return any(
            lowered[start : start + span] == lowered[start + length : start + length + span]
            and any(word.isalnum() for word in lowered[start : start + length])
            for start in range(len(lowered) - length * times + 1)
        )

    return follows_itself(1, 3) or any(follows_itself(length, 2) for length in range(2, 9))
