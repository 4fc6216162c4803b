"""Evaluation -> a row of the report for each sentence: its scores, its flags, and its attention packed into bytes.

A row is an object of JSON. What only the page shows of a sentence, step by step, is `Later`: most of a row, made when
it is written, so that the rows of all sentences can be held at once.
"""

import base64
import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np

from nmt.data.links import Link
from nmt.data.words import word_texts, words_of_tokens
from nmt.decoding.alignment import attention_entropy
from nmt.decoding.translation import Translation
from nmt.evaluation.aer import attention_error_rate
from nmt.evaluation.bleu_tokens import bleu_words
from nmt.evaluation.branches import Branch
from nmt.evaluation.insight import records_of_heads
from nmt.evaluation.looks import Looks
from nmt.evaluation.metrics import sentence_chrf
from nmt.evaluation.neighbors import Neighbors
from nmt.evaluation.results import Evaluation, ranks_above
from nmt.evaluation.samples import Samples
from nmt.pipe.progress import watched
from nmt.report.beam import beam_places
from nmt.report.flags import marks, sentence_flags

Later = Callable[[], Any]
"""Gives a JSON value."""


def sentence_rows(
    evaluation: Evaluation, baseline: Evaluation | None, run: Sequence[Evaluation] = ()
) -> list[dict[str, Any]]:
    """The rows of all sentences; the baseline is an evaluation of the same, `run` all evaluations of the run."""
    sides = evaluation.translations, evaluation.references, evaluation.forced, evaluation.gold
    each_side = zip(*sides, marks(evaluation, run), strict=True)
    rows = [
        sentence_row(*each)
        for each in watched(each_side, len(evaluation.references), f"sentences of {evaluation.label}")
    ]
    for row, record in zip(rows, evaluation.translations, strict=True):
        row["beam"] = partial(beam_places, record, evaluation.search)
    if baseline:
        both = zip(evaluation.translations, baseline.translations, strict=True)
        for row, (own, record), marked in zip(rows, both, marks(baseline, run), strict=True):
            shown = _baseline(record, own, row["reference"], marked)
            row["baseline"] = {**shown, "beam": partial(beam_places, record, baseline.search)}
        if evaluation.scores_as(baseline):
            for row, found, record in zip(rows, evaluation.translations, baseline.translations, strict=True):
                row["baseline"]["above"] = ranks_above(record, found)
    counts = evaluation.training_counts
    for row, words in zip(rows, _misused(evaluation), strict=True):
        row |= words
        row["rarest"] = counts.rarest(row["source"]["text"]) if counts else None
    if not evaluation.is_comparable:
        for row in rows:
            row["reference"]["score"] = None
    insight = evaluation.insight
    for row, looks in zip(rows, insight.looks, strict=False):
        row["hypothesis"]["looks"] = partial(_looks, looks)
    if insight.neighbors:
        for row, steps in zip(rows, insight.neighbors.steps, strict=True):
            row["hypothesis"]["neighbors"] = steps
    _add_matrices(rows, "hypothesis", insight.heads, insight.effects)
    _add_matrices(rows, "reference", insight.forced_heads, insight.forced_effects)
    if baseline:
        _add_matrices(rows, "baseline", baseline.insight.heads, baseline.insight.effects)
    if insight.forced_heads:
        of_heads = zip(*records_of_heads(evaluation.forced, insight.forced_heads), strict=True)
        for row, records, gold in zip(rows, of_heads, evaluation.gold, strict=True):
            row["head_aers"] = [_aer(record, gold) for record in records]
    for branch in insight.branches:
        row = rows[branch.fork.sentence]
        found = evaluation.translations[branch.fork.sentence]
        is_above = evaluation.is_comparable and ranks_above(branch.translation, found)
        row["branches"].append(_branch(branch, row["reference"]["text"], is_above))
    for other in evaluation.scored_alike(run):
        for row, found, translation in zip(rows, evaluation.translations, other.translations, strict=True):
            row["elsewhere"][other.label] = ranks_above(translation, found)
    return rows


def sentence_row(
    translation: Translation,
    reference: str,
    forced: Translation,
    gold: Sequence[Link] | None,
    marked: Collection[str] = (),
) -> dict[str, Any]:
    """The row of one sentence, as JSON values and `Later` ones.

    `gold` links words of source and reference; `marked` are the flags that only the whole evaluation knows.

    Hypothesis and reference have, beside text and words, the tokens and what the decoder did at each: of the reference
    that is under forced decoding. `baseline` has the same of another evaluation, and the source with its own tokens
    where these are others; `above` says whether it ranks above the hypothesis.
    `branches` are what `nmt.evaluation.branches` says, each with all that a hypothesis has and its own `above`.
    `elsewhere` says by the labels of other evaluations whether theirs rank above; where the scores are of another kind,
    nothing does. `beam` is what `nmt.report.beam` makes of the record.

    `chrf` is 0 to 100, `length_ratio` hypothesis words by reference words, `confidence` the geometric mean of the token
    probabilities, `entropy` that of the attention in nats a token, both of the hypothesis as those of reference and
    baseline stand with them; `aer` the error rate of the reference's attention against gold. A value that is not
    defined for the sentence is None, and so is a reference's score where the hypothesis has one of another kind. A
    hypothesis has `looks` and `neighbors` where the evaluation has, and each side `effects`, in nats, for each token a
    number for each source word, None where there is one word only, and the attention of each of several `heads` with
    their `head_entropies`; `head_aers` is `aer` of each.

    Only the whole evaluation knows `rarest`: how often the rarest word of the source stands in the training data, None
    where that is not known, and the words, as BLEU counts them, that the hypothesis has more often than the reference,
    `surplus`, or less often, `missing`.
    """
    source = _side(translation.source, translation.source_tokens, translation.source_spans)
    hypothesis = _decoded(translation)
    reference_words = word_texts(reference)
    flags = sentence_flags(source["words"], hypothesis["words"], reference_words, translation.finished, marked)
    return {
        "source": source,
        "hypothesis": hypothesis,
        "reference": {**_forced(forced, reference_words), "text": reference, "words": reference_words},
        "baseline": None,
        "gold": gold,
        "chrf": sentence_chrf(translation.text, reference),
        "length_ratio": round(len(hypothesis["words"]) / len(reference_words), 3) if reference_words else None,
        **_means(translation),
        "branches": [],
        "elsewhere": {},
        "beam": [],
        "aer": _aer(forced, gold),
        "flags": flags,
    }


def _means(record: Translation) -> dict[str, float | None]:
    """How sure the model was of a text, and how spread its attention, on average over the tokens; None without one."""
    log_probs = record.token_log_probs
    return {
        "confidence": round(math.exp(sum(log_probs) / len(log_probs)), 4) if log_probs else None,
        "entropy": _mean_entropy(record.attention),
    }


def _mean_entropy(attention: np.ndarray) -> float | None:
    """In nats a token, of attention (T, S); None without a token."""
    entropies = attention_entropy(attention)
    return round(float(entropies.mean()), 3) if len(entropies) else None


def _aer(forced: Translation, gold: Sequence[Link] | None) -> float | None:
    return round(attention_error_rate([forced], [gold]).aer, 4) if gold else None


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


def neighbor_examples(neighbors: Neighbors | None) -> dict[str, Any] | None:
    """The training pairs that the rows of sentences name by their numbers, and among how many they were found."""
    if neighbors is None:
        return None
    return {"examples": [[each.source, each.target] for each in neighbors.examples], "searched": neighbors.searched}


def pack_attention(attention: np.ndarray) -> str:
    """Attention (T, S) as base64 of one byte a weight, row by row: 255 times the square root of the weight.

    The root keeps small weights apart: the error is at most 0.004, near 0.01 at most 0.0004.
    """
    levels = np.rint(255 * np.sqrt(np.clip(attention, 0, 1))).astype(np.uint8)  # rounding may step over either
    return base64.b64encode(levels.tobytes()).decode("ascii")


def _decoded(record: Translation) -> dict[str, Any]:
    """A text with what the decoder did at each of its tokens."""
    return {
        **_side(record.text, record.tokens, record.spans),
        "probabilities": partial(_probabilities, record.token_log_probs),
        "alternatives": partial(_alternatives, record.alternatives),
        "attention": partial(pack_attention, record.attention),
        "log_prob": round(record.log_prob, 4),
        "score": round(record.score, 4),
    }


def _branch(branch: Branch, reference: str, above: bool) -> dict[str, Any]:
    """Another translation, and at which token it leaves the one that was found."""
    fork, found = branch
    place = {"step": fork.step, "token": fork.token, "as_reference": fork.as_reference}
    return {**_decoded(found), **_means(found), **place, "chrf": sentence_chrf(found.text, reference), "above": above}


def _misused(evaluation: Evaluation) -> list[dict[str, list[str]]]:
    """The words of each sentence that its translation has more often than the reference, and less often."""
    texts = [each.text for each in evaluation.translations], evaluation.references
    pairs = zip(*([Counter(words) for words in bleu_words(each, evaluation.tgt)] for each in texts), strict=True)
    return [{"surplus": sorted(own - wanted), "missing": sorted(wanted - own)} for own, wanted in pairs]


def _looks(looks: Looks) -> dict[str, Any]:
    """What each look (T, S) would have brought, row by row: tokens as places among `types`, probabilities packed."""
    fields = looks.to_json()
    return {
        "types": fields["types"],
        "tokens": [place for row in fields["tokens"] for place in row],
        "probabilities": pack_attention(looks.probabilities),
        "written": pack_attention(looks.written),
    }


def _add_matrices(rows: Sequence[dict], side: str, heads: Sequence[np.ndarray], effects: Sequence[np.ndarray]) -> None:
    """Adds to one side of the rows what is known of it: heads (T, M, S), and effects (T, W) to hundredths of a nat."""
    for row, each in zip(rows, heads, strict=False):
        of_heads = list(each.swapaxes(0, 1))
        row[side]["heads"] = [partial(pack_attention, head) for head in of_heads]
        row[side]["head_entropies"] = [_mean_entropy(head) for head in of_heads]
    for row, each in zip(rows, effects, strict=False):
        row[side]["effects"] = partial(_effects, each) if each.size else None


def _effects(effects: np.ndarray) -> list[list[float]]:
    rounded: list[list[float]] = np.round(effects.astype(np.float64), 2).tolist()
    return rounded


def _baseline(
    record: Translation, own: Translation, reference: dict[str, Any], marked: Collection[str]
) -> dict[str, Any]:
    """What another evaluation made of the sentence of a record, whose reference is known."""
    sides = [(each.source, each.source_tokens, each.source_spans) for each in (record, own)]
    source, decoded = _side(*sides[0]), _decoded(record)
    words = source["words"], decoded["words"], reference["words"]
    return {
        **decoded,
        **_means(record),
        "source": None if sides[0] == sides[1] else source,
        "chrf": sentence_chrf(record.text, reference["text"]),
        "above": False,
        "flags": sentence_flags(*words, record.finished, marked),
    }


def _forced(record: Translation, words: Sequence[str]) -> dict[str, Any]:
    """The same of a reference; its tokens belong to its words unless the model cannot write them, such as an emoji."""
    decoded = {**_decoded(record), **_means(record)}
    if len(decoded["words"]) != len(words):
        decoded["words_of_token"] = [[] for _ in record.tokens]
    return decoded


def _side(text: str, tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {
        "text": text,
        "words": word_texts(text),
        "tokens": tokens,
        "words_of_token": partial(words_of_tokens, text, tokens, spans),
    }


def _probabilities(log_probs: Sequence[float]) -> list[float]:
    return [_probability(log_prob) for log_prob in log_probs]


def _alternatives(steps: Sequence[Sequence[tuple[str, float]]]) -> list[list[tuple[str, float]]]:
    return [[(token, _probability(log_prob)) for token, log_prob in step] for step in steps]


def _probability(log_prob: float) -> float:
    return round(math.exp(log_prob), 4)
