"""Hypotheses and references -> BLEU, chrF and TER, each with the signature of its settings and a 95% interval.

All numbers come from sacreBLEU (Post 2018, "A Call for Clarity in Reporting BLEU Scores") on cased, detokenised text;
where the references are not detokenised, `Score.form` says so. Older results on Multi30k were computed on lowercased
Moses tokens instead; such a score is not comparable with the detokenised one, so it is a score of its own, named in
`Score.form` and at the end of its signature.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from sacrebleu.metrics import BLEU, CHRF, TER

from nmt.checked import check
from nmt.data.languages import language_of
from nmt.data.marks import marks_in
from nmt.evaluation.bleu_tokens import bleu_tokenizer, moses_tokens
from nmt.evaluation.chance import SEED, beyond_chance, interval, resampled_sums

DETOKENISED = "cased, detokenised"
NOT_DETOKENISED = "cased, not detokenised"
LITERATURE = "lowercased, Moses-normalised and -tokenised"


@dataclass(frozen=True)
class Score:
    """One number for one test set, with what is needed to compute it again.

    Attributes:
        name: as sacreBLEU prints it: "BLEU", "chrF2" or "TER".
        score: from 0 to 100; TER has no upper limit.
        low: lower end of the 95% bootstrap interval; None without bootstrap.
        high: upper end of the same interval; None without bootstrap.
        signature: sacreBLEU's, with the version that computed it; longer where the text was changed before scoring.
        form: the form of text that was scored, in words.
        higher_is_better: False for TER, which counts errors.
    """

    name: str
    score: float
    low: float | None
    high: float | None
    signature: str
    form: str
    higher_is_better: bool

    @property
    def interval(self) -> str:
        """The interval in words; nothing without bootstrap."""
        return f"[{self.low:.1f}, {self.high:.1f}]" if self.low is not None and self.high is not None else ""


@dataclass(frozen=True)
class Difference:
    """One number for two systems on one test set: by how much they differ, and whether by more than chance.

    Attributes:
        name: as sacreBLEU prints it: "BLEU", "chrF2" or "TER"; or "AER", 0 to 1.
        baseline: score of the one.
        score: score of the other.
        low: lower end of the 95% bootstrap interval of ``score - baseline``.
        high: upper end of the same interval.
        p_value: of a difference as large as this one, either way, if there were none (paired bootstrap, samples shifted
            to a mean of zero: Riezler & Maxwell 2005); it agrees with the interval, where sacreBLEU's, which shifts the
            amounts of the differences, is about half as large. 1 for a single sentence, which tells nothing of chance.
        p_text: the same as it is to be shown: "0.012", or "≤ 0.001" where the samples cannot tell how small it is.
        signature: sacreBLEU's, as in `Score`; of AER where the links came from.
        form: the form of text, or the links, that were scored, in words.
        higher_is_better: or lower.
    """

    name: str
    baseline: float
    score: float
    low: float
    high: float
    p_value: float
    p_text: str
    signature: str
    form: str
    higher_is_better: bool


class _Measure(NamedTuple):
    """A metric, the form of text that it is of, what brings text into that form, and what its signature says of it.

    A metric is one of sacreBLEU's, or has what they have: `_extract_corpus_statistics`, `_compute_score_from_stats` and
    `get_signature`, by which scores, intervals and differences come from the statistics of single sentences.
    """

    metric: BLEU | CHRF | TER
    form: str
    higher_is_better: bool = True
    prepare: Callable[[Sequence[str]], Sequence[str]] = list
    note: str = ""

    def signature(self) -> str:
        """Known once something was scored."""
        return f"{self.metric.get_signature().format()}{self.note}"


_BLEU = BLEU()
"""Whose tokenizer does not matter: it turns sums of statistics into scores."""


def bleu(hypotheses: Iterable[str], references: Iterable[str], tgt: str) -> float:
    """BLEU (cased), 0 to 100: the first score of `corpus_scores` alone, fast enough for every validation.

    Raises:
        ValueError: if there are no sentences, or not as many hypotheses as references.
    """
    return bleu_of(bleu_statistics(hypotheses, references, tgt).sum(axis=0))


def bleu_statistics(hypotheses: Iterable[str], references: Iterable[str], tgt: str) -> np.ndarray:
    """(N, 10) what BLEU counts in each sentence: words of hypothesis and reference, right n-grams, all n-grams.

    Raises:
        ValueError: as `bleu`.
    """
    return _statistics(BLEU(tokenize=bleu_tokenizer(tgt), force=True), *_pairs(hypotheses, references))


def bleu_of(sums: np.ndarray) -> float:
    """BLEU, 0 to 100, of the sums (10,) of `bleu_statistics` over sentences."""
    return float(_BLEU._compute_score_from_stats(sums.tolist()).score)


def corpus_scores(
    hypotheses: Iterable[str],
    references: Iterable[str],
    tgt: str,
    literature_form: bool = False,
    bootstrap: int = 1000,
    seed: int = SEED,
) -> list[Score]:
    """BLEU, chrF2 and TER of the texts as they are, then BLEU in the literature's form if asked for.

    Args:
        hypotheses: detokenised translations; an empty one counts as such.
        references: one reference for each hypothesis, in the same order, detokenised too: where many have marks of
            another program, the form of the scores says so.
        tgt: language code of both, such as "de" or "de_DE", for the rules of the tokenizers.
        literature_form: add BLEU of lowercased Moses tokens, the form of published Multi30k results.
        bootstrap: resampled test sets for the interval; 0 for no interval.
        seed: of the resampling; sacreBLEU's default gives sacreBLEU's own samples.

    Raises:
        ValueError: if there are no sentences, not as many hypotheses as references, or one is no text.
    """
    hypotheses, references = _pairs(hypotheses, references)
    check(bootstrap >= 0, "bootstrap", bootstrap, "at least 0")
    scores = []
    for measure in _measures(references, tgt, literature_form):
        metric = measure.metric
        statistics = _statistics(metric, measure.prepare(hypotheses), measure.prepare(references))
        low, high = interval(_resampled(metric, statistics, bootstrap, seed)) if bootstrap else (None, None)
        result, told = _result(metric, statistics), (measure.signature(), measure.form, measure.higher_is_better)
        scores.append(Score(result.name, result.score, low, high, *told))
    return scores


def score_differences(
    baseline: Iterable[str],
    hypotheses: Iterable[str],
    references: Iterable[str],
    tgt: str,
    literature_form: bool = False,
    bootstrap: int = 1000,
) -> list[Difference]:
    """How the scores of `corpus_scores` differ between two systems, over the same resampled test sets.

    Args:
        baseline: detokenised translations of the one.
        hypotheses: detokenised translations of the other, in the same order.
        references: one reference for each.
        tgt: as in `corpus_scores`, and so are the others.
        literature_form: add BLEU of lowercased Moses tokens.
        bootstrap: resampled test sets, at least 1.

    Raises:
        ValueError: if there are no sentences, or not as many of each.
    """
    baseline, references = _pairs(baseline, references)
    hypotheses, references = _pairs(hypotheses, references)
    check(bootstrap >= 1, "bootstrap", bootstrap, "at least 1")
    found = []
    for measure in _measures(references, tgt, literature_form):
        metric, prepared = measure.metric, measure.prepare(references)
        both = [_statistics(metric, measure.prepare(each), prepared) for each in (baseline, hypotheses)]
        one, other = (_result(metric, each).score for each in both)
        ones, others = (_resampled(metric, each, bootstrap, SEED) for each in both)
        scores = _result(metric, both[0]).name, one, other, *beyond_chance(other - one, others - ones, len(references))
        found.append(Difference(*scores, measure.signature(), measure.form, measure.higher_is_better))
    return found


_CHRF = CHRF()

SENTENCE_DIGITS = 4
"""Of the chrF of a sentence: what agrees so far is alike."""


def sentence_chrf(hypothesis: str, reference: str) -> float:
    """ChrF of one sentence, 0 to 100, rounded to `SENTENCE_DIGITS`: so far it is the same on all machines."""
    return round(float(_CHRF.sentence_score(hypothesis, [reference]).score), SENTENCE_DIGITS)


def sentence_chrf_signature() -> str:
    """The sacreBLEU signature of it: one reference, the settings, the version."""
    sentence_chrf("a", "a")  # the signature knows the number of references only after a score
    return str(_CHRF.get_signature())


def _pairs(hypotheses: Iterable[str], references: Iterable[str]) -> tuple[list[str], list[str]]:
    """Both as lists, once they are known to be texts and as many of each."""
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        check(not isinstance(texts, str), name, texts, "several texts, one for each sentence")
    both = list(hypotheses), list(references)
    for name, listed in zip(("hypotheses", "references"), both, strict=True):
        strange = next((each for each in listed if not isinstance(each, str)), "")
        check(isinstance(strange, str), name, strange, "a text for each sentence")
    if len(both[0]) != len(both[1]):
        raise ValueError(f"{len(both[0])} hypotheses but {len(both[1])} references: each line needs one of both")
    if not both[0]:
        raise ValueError("no sentences to score: the test set is empty")
    return both


def _measures(references: Sequence[str], tgt: str, literature_form: bool) -> list[_Measure]:
    form = NOT_DETOKENISED if any(marks_in(references)) else DETOKENISED
    asian = language_of(tgt) in ("zh", "yue", "ja")
    ter = TER(case_sensitive=True, normalized=asian, asian_support=asian)
    found = [
        _Measure(BLEU(tokenize=bleu_tokenizer(tgt), force=True), form),  # by force: without a warning of its own
        _Measure(CHRF(), form),
        _Measure(ter, form, higher_is_better=False),
    ]
    if literature_form:
        metric = BLEU(tokenize="none", lowercase=True, force=True)
        note = f"|form:lowercase+moses|sacremoses:{version('sacremoses')}"
        found.append(_Measure(metric, LITERATURE, True, lambda sentences: moses_tokens(sentences, tgt), note))
    return found


def _statistics(metric: BLEU | CHRF | TER, hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """A row of sufficient statistics a sentence, which gives the score and every resampled score.

    It is not public in sacreBLEU, whose public bootstrap tells only the width of its interval and holds all samples in
    memory at once.
    """
    return np.array(metric._extract_corpus_statistics(hypotheses, [references]), dtype=np.float64)


def _result(metric: BLEU | CHRF | TER, statistics: np.ndarray) -> Any:
    """The score of all sentences as sacreBLEU has it, with its name."""
    return metric._compute_score_from_stats(statistics.sum(axis=0).tolist())


def _resampled(metric: BLEU | CHRF | TER, statistics: np.ndarray, bootstrap: int, seed: int) -> np.ndarray:
    """(bootstrap,) scores of resampled test sets (Koehn 2004, "Statistical Significance Tests"); the signature says so.

    They are the same test sets for every system that is scored on as many sentences with the same seed.
    """
    metric.n_bootstrap, metric.seed = bootstrap, seed
    sums = resampled_sums(statistics, bootstrap, seed)
    return np.array([metric._compute_score_from_stats(each.tolist()).score for each in sums])
