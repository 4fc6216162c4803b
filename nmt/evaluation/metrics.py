"""Hypotheses and references -> BLEU, chrF and TER, each with the signature of its settings and a 95% interval.

All numbers come from sacreBLEU (Post 2018, "A Call for Clarity in Reporting BLEU Scores") on cased, detokenised text.
Older results on Multi30k were computed on lowercased Moses tokens instead; such a score is not comparable with the
detokenised one, so it is a score of its own, named in `Score.form` and at the end of its signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from sacrebleu.metrics import BLEU, CHRF, TER
from sacremoses import MosesPunctNormalizer, MosesTokenizer

DETOKENISED = "cased, detokenised"
LITERATURE = "lowercased, Moses-normalised and -tokenised"

UNSPACED = {"zh": "zh", "yue": "zh", "ja": "char", "th": "char", "lo": "char", "km": "char", "my": "char"}
"""sacreBLEU's tokenizer for languages that are written without spaces between words; for the others it is 13a."""


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


def bleu(hypotheses: Sequence[str], references: Sequence[str], tgt: str) -> float:
    """BLEU (cased), 0 to 100: the first score of `corpus_scores` alone, fast enough for every validation.

    Raises:
        ValueError: if there are no sentences, or not as many hypotheses as references.
    """
    _check_pairs(hypotheses, references)
    return _score(BLEU(tokenize=bleu_tokenizer(tgt), force=True), hypotheses, references, bootstrap=0, seed=0).score


def corpus_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tgt: str,
    literature_form: bool = False,
    bootstrap: int = 1000,
    seed: int = 12345,
) -> list[Score]:
    """BLEU, chrF2 and TER of detokenised text, then BLEU in the literature's form if asked for.

    Args:
        hypotheses: detokenised translations; an empty one counts as such.
        references: one reference for each hypothesis, in the same order.
        tgt: language code of both, such as "de" or "de_DE", for the rules of the tokenizers.
        literature_form: add BLEU of lowercased Moses tokens, the form of published Multi30k results.
        bootstrap: resampled test sets for the interval; 0 for no interval.
        seed: of the resampling; sacreBLEU's default gives sacreBLEU's own samples.

    Raises:
        ValueError: if there are no sentences, or not as many hypotheses as references.
    """
    _check_pairs(hypotheses, references)
    asian = _language(tgt) in ("zh", "yue", "ja")
    ter = TER(case_sensitive=True, normalized=asian, asian_support=asian)
    metrics = (BLEU(tokenize=bleu_tokenizer(tgt)), CHRF(), ter)
    scores = [_score(metric, hypotheses, references, bootstrap, seed) for metric in metrics]
    if literature_form:
        metric = BLEU(tokenize="none", lowercase=True, force=True)
        tokens = moses_tokens(hypotheses, tgt), moses_tokens(references, tgt)
        score = _score(metric, *tokens, bootstrap, seed)
        signature = f"{score.signature}|form:lowercase+moses|sacremoses:{version('sacremoses')}"
        scores.append(replace(score, form=LITERATURE, signature=signature))
    return scores


def moses_tokens(sentences: Sequence[str], language: str) -> list[str]:
    """The literature's form of sentences: lowercased, Moses-normalised and -tokenised, spaces between the tokens."""
    normalizer, tokenizer = MosesPunctNormalizer(_language(language)), MosesTokenizer(_language(language))
    return [
        tokenizer.tokenize(normalizer.normalize(sentence.lower()), escape=False, return_str=True)
        for sentence in sentences
    ]


def bleu_tokenizer(tgt: str) -> str:
    """The name of sacreBLEU's tokenizer for a language: Japanese words where MeCab is installed, else characters."""
    if _language(tgt) == "ja" and find_spec("MeCab") and find_spec("ipadic"):
        return "ja-mecab"
    return UNSPACED.get(_language(tgt), "13a")


def _language(code: str) -> str:
    """The language of a code with or without a region or script: "de" of "de_DE", "zh" of "zh-Hant"."""
    return code.replace("_", "-").split("-")[0].lower()


def _check_pairs(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses but {len(references)} references: each line needs one of both")
    if not hypotheses:
        raise ValueError("no sentences to score: the test set is empty")


def _score(
    metric: BLEU | CHRF | TER, hypotheses: Sequence[str], references: Sequence[str], bootstrap: int, seed: int
) -> Score:
    # One matrix of sufficient statistics, a row a sentence, gives the score and every resampled score. It is not public
    # in sacreBLEU, whose public bootstrap tells only the width of its interval and holds all samples in memory at once.
    statistics = np.array(metric._extract_corpus_statistics(hypotheses, [references]), dtype=np.float64)
    result = metric._compute_score_from_stats(statistics.sum(axis=0).tolist())
    low, high = None, None
    if bootstrap:
        low, high = _interval(metric, statistics, bootstrap, seed)
        metric.n_bootstrap, metric.seed = bootstrap, seed
    return Score(
        name=result.name,
        score=float(result.score),
        low=low,
        high=high,
        signature=metric.get_signature().format(),
        form=DETOKENISED,
        higher_is_better=not isinstance(metric, TER),
    )


def _interval(metric: BLEU | CHRF | TER, statistics: np.ndarray, bootstrap: int, seed: int) -> tuple[float, float]:
    """The 2.5% and the 97.5% quantile over resampled test sets (Koehn 2004, "Statistical Significance Tests")."""
    rng = np.random.default_rng(seed)
    sentences = len(statistics)
    scores = sorted(
        metric._compute_score_from_stats(statistics[rng.choice(sentences, sentences)].sum(axis=0).tolist()).score
        for _ in range(bootstrap)
    )
    outside = bootstrap // 40
    return float(scores[outside]), float(scores[-1 - outside])
