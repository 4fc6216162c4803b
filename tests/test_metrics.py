"""Expected numbers are sacreBLEU's own (its test/test_bleu.py, test_chrf.py and test_ter.py) or worked by hand."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import sacrebleu
import sacremoses
from sacrebleu.metrics import BLEU, CHRF, TER

from nmt.evaluation.bleu_tokens import bleu_tokenizer, moses_tokens
from nmt.evaluation.metrics import (
    DETOKENISED,
    LITERATURE,
    NOT_DETOKENISED,
    Score,
    bleu,
    corpus_scores,
    score_differences,
)

HYPOTHESES = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him.", "He left it there."]
REFERENCES = ["The dog bit the man.", "It was not unexpected.", "The man bit him first.", "He left it here."]


def scores_of(hypotheses: list[str], references: list[str]) -> dict[str, Score]:
    return {score.name: score for score in corpus_scores(hypotheses, references, "en", bootstrap=0)}


def test_bleu_has_sacrebleus_published_value() -> None:
    # test_bleu.py, test_case_scoring: 9/10, 7/8, 5/6 and 3/4 of the n-grams give 0.8375922397.
    assert bleu(["a b c d e", "f g h i x"], ["a b c d e", "f g h i j"], "en") == pytest.approx(83.75922397)


def test_bleu_smooths_and_penalises_as_worked_by_hand() -> None:
    # 3/4, 2/3, 1/2 and none of one four-gram, which counts as 1/2 of a match (exponential smoothing).
    assert bleu(["this is a fest"], ["this is a test"], "en") == pytest.approx(
        100 * (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25
    )
    # All n-grams are right, and the brevity penalty is exp(1 - 5 / 4).
    assert bleu(["this is a test"], ["this is a test too"], "en") == pytest.approx(100 * np.exp(-1 / 4))


def test_bleu_is_cased_and_splits_punctuation() -> None:
    assert bleu(["This is a test."], ["This is a test ."], "en") == pytest.approx(100)
    assert bleu(["this is a test."], ["This is a test."], "en") < 90


@pytest.mark.parametrize(
    ("hypotheses", "references", "expected"),
    [(["a b c"], ["abc"], 100), (["a", "b"], ["a", "c"], 50), (["aa"], ["ab"], 25), ([""], ["reference"], 0)],
)
def test_chrf_has_sacrebleus_published_values(
    hypotheses: list[str], references: list[str], expected: float
) -> None:  # test_chrf.py, test_cases_effective_order
    assert scores_of(hypotheses, references)["chrF2"].score == pytest.approx(expected)


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        ("aaaa bbbb cccc dddd", "aaaa bbbb cccc dddd", 0),
        ("dddd eeee ffff", "aaaa bbbb cccc", 100),
        ("d e f g h a b c", "a b c d e f g h", 12.5),
        ("", "a", 100),
    ],
)
def test_ter_has_sacrebleus_published_values(hypothesis: str, reference: str, expected: float) -> None:
    # test_ter.py, test_cases
    ter = scores_of([hypothesis], [reference])["TER"]
    assert ter.score == pytest.approx(expected)
    assert not ter.higher_is_better


def test_ter_is_cased() -> None:
    assert scores_of(["Hunde bellen"], ["hunde bellen"])["TER"].score == pytest.approx(50)


def test_scores_carry_sacrebleus_signatures() -> None:
    scores = corpus_scores(HYPOTHESES, REFERENCES, "en", bootstrap=20)
    version = sacrebleu.__version__
    assert [(score.name, score.signature) for score in scores] == [
        ("BLEU", f"nrefs:1|bs:20|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}"),
        ("chrF2", f"nrefs:1|bs:20|seed:12345|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{version}"),
        ("TER", f"nrefs:1|bs:20|seed:12345|case:mixed|tok:tercom|norm:no|punct:yes|asian:no|version:{version}"),
    ]
    assert {score.form for score in scores} == {DETOKENISED}


def test_the_form_follows_the_references(caplog: pytest.LogCaptureFixture) -> None:
    tokenised = ["The dog bit the man .", "It was not unexpected ."] * 60
    for texts, form in ((REFERENCES, DETOKENISED), (tokenised, NOT_DETOKENISED), (["the d@@ og"], NOT_DETOKENISED)):
        scores = corpus_scores(texts, texts, "en", literature_form=True, bootstrap=0)
        differences = score_differences(texts, texts, texts, "en", literature_form=True, bootstrap=1)
        assert [each.form for each in scores] == [each.form for each in differences] == [form] * 3 + [LITERATURE]
        assert [each.higher_is_better for each in scores] == [True, True, False, True]
    assert not caplog.records  # sacreBLEU's own warning, which names parameters of its own


@pytest.mark.parametrize("tgt", ["zh", "zh-Hant", "zho_Hans", "yue", "ja_JP", "th"])
def test_languages_without_spaces_are_scored_by_smaller_units_than_the_line(tgt: str) -> None:
    hypothesis, reference = "\u72d7\u5728\u8349\u5730\u4e0a\u8dd1\u3002", "\u72d7\u5728\u8349\u5730\u4e0a\u53eb\u3002"
    assert bleu([hypothesis], [reference], "en") < 10
    assert bleu([hypothesis], [reference], tgt) > 40
    scores = {score.name: score for score in corpus_scores([hypothesis], [reference], tgt, bootstrap=0)}
    assert scores["BLEU"].score == pytest.approx(bleu([hypothesis], [reference], tgt))
    assert f"tok:{bleu_tokenizer(tgt)}" in scores["BLEU"].signature
    assert scores["TER"].score == pytest.approx(100.0 if tgt == "th" else 100 / 7)


@pytest.mark.parametrize(
    ("tgt", "expected"),
    [
        ("de", "13a"),
        ("ko", "13a"),
        ("kor_Hang", "13a"),
        ("zh_CN", "zh"),
        ("jp", "char"),
        ("bod_Tibt", "char"),
        ("km", "char"),
        ("cmn", "zh"),
        ("tha_Thai", "char"),
        ("deu_Latn", "13a"),
    ],
)
def test_the_tokenizer_is_the_languages(tgt: str, expected: str) -> None:
    assert bleu_tokenizer(tgt) == expected


@pytest.mark.parametrize(("tgt", "expected"), [("ja", "ja-mecab"), ("kor_Hang", "ko-mecab"), ("zh", "zh")])
def test_words_are_found_where_mecab_is_installed(tgt: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmt.evaluation.bleu_tokens.find_spec", lambda name: name)
    assert bleu_tokenizer(tgt) == expected


def test_the_moses_tokens_are_the_languages_whatever_its_code() -> None:
    for code in ("fr", "fr_FR", "fra_Latn"):
        assert moses_tokens(["L'homme d'ici"], code) == ["l' homme d' ici"]


def test_without_bootstrap_no_interval_is_claimed() -> None:
    for score in corpus_scores(HYPOTHESES, REFERENCES, "en", bootstrap=0):
        assert (score.low, score.high) == (None, None)
        assert "bs:" not in score.signature


@pytest.mark.parametrize("metric", [BLEU(), CHRF(), TER(case_sensitive=True)], ids=["BLEU", "chrF2", "TER"])
def test_interval_is_as_wide_as_sacrebleus_own(metric: BLEU | CHRF | TER, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    theirs = metric.corpus_score(HYPOTHESES, [REFERENCES], n_bootstrap=200)
    ours = {score.name: score for score in corpus_scores(HYPOTHESES, REFERENCES, "en", bootstrap=200, seed=7)}
    score = ours[theirs.name]
    assert score.score == pytest.approx(theirs.score)
    assert score.signature == metric.get_signature().format()
    assert score.low is not None
    assert score.high is not None
    assert score.low < score.score < score.high
    assert (score.high - score.low) / 2 == pytest.approx(theirs._ci, rel=1e-5)


def test_interval_depends_on_the_seed_alone() -> None:
    first, again = (corpus_scores(HYPOTHESES, REFERENCES, "en", bootstrap=50, seed=1) for _ in range(2))
    assert first == again
    assert first != corpus_scores(HYPOTHESES, REFERENCES, "en", bootstrap=50, seed=2)


@pytest.mark.parametrize(
    ("language", "sentence", "expected"),
    [
        ("de", "Ein Kind mit der Nummer „93“ fährt Ski.", 'ein kind mit der nummer " 93 " fährt ski .'),
        ("de", "Z. B. in der U-Bahn, ca. 3,5 Meter.", "z. b. in der u-bahn , ca. 3,5 meter ."),
        ("en", "The man's T-shirt & it’s  RED.", "the man 's t-shirt & it 's red ."),
        ("en", "", ""),
    ],
)
def test_moses_tokens(language: str, sentence: str, expected: str) -> None:
    assert moses_tokens([sentence], language) == [expected]


def test_literatures_form_is_a_score_of_its_own() -> None:
    hypotheses, references = ["ein „Hund“ läuft über die Straße."], ['Ein "Hund" läuft über die straße .']
    scores = corpus_scores(hypotheses, references, "de", literature_form=True, bootstrap=10)
    assert [score.name for score in scores] == ["BLEU", "chrF2", "TER", "BLEU"]
    detokenised, literature = scores[0], scores[3]
    assert detokenised.score < 90
    assert literature.score == pytest.approx(100)
    assert literature.form == LITERATURE
    assert literature.signature == (
        f"nrefs:1|bs:10|seed:12345|case:lc|eff:no|tok:none|smooth:exp|version:{sacrebleu.__version__}"
        f"|form:lowercase+moses|sacremoses:{sacremoses.__version__}"
    )


def test_empty_output_is_scored() -> None:
    hypotheses, references = ["", " "], ["A man.", "A dog."]
    assert bleu(hypotheses, references, "en") == 0.0
    scores = corpus_scores(hypotheses, references, "en", literature_form=True, bootstrap=10)
    assert [(score.score, score.low, score.high) for score in scores] == [
        (0, 0, 0),
        (0, 0, 0),
        (100, 100, 100),
        (0, 0, 0),
    ]


def test_one_empty_hypothesis_keeps_its_place() -> None:
    assert 0 < bleu(["this is a test", ""], ["this is a test", "another test"], "en") < 100


def test_odd_characters_do_not_stop_the_scoring() -> None:
    odd = ["\ud800 a\x00b", "line\u2028break\r\n", "💩 שלום", "\x85"]
    scores = corpus_scores(odd, odd, "en", literature_form=True, bootstrap=0)
    assert scores[1].score == pytest.approx(100)


@pytest.mark.parametrize(("hypotheses", "references"), [(["a"], ["a", "b"]), (["a", "b"], ["a"]), ([], [])])
def test_sentences_without_a_partner_are_refused(hypotheses: list[str], references: list[str]) -> None:
    message = (
        f"{len(hypotheses)} hypotheses but {len(references)} references" if hypotheses else "no sentences to score"
    )
    with pytest.raises(ValueError, match=message):
        bleu(hypotheses, references, "en")
    with pytest.raises(ValueError, match=message):
        corpus_scores(hypotheses, references, "en")


@pytest.mark.parametrize("form", [iter, tuple, np.array])
def test_texts_may_come_in_any_form(form: Callable) -> None:
    hypotheses, references = ["this is a test", "a dog"], ["this is a test", "a cat"]
    plain = corpus_scores(hypotheses, references, "en", bootstrap=0)
    assert corpus_scores(form(hypotheses), form(references), "en", bootstrap=0) == plain
    assert bleu(form(hypotheses), form(references), "en") == plain[0].score
    differences = score_differences(form(references), form(hypotheses), form(references), "en", bootstrap=2)
    assert [each.score for each in differences] == [each.score for each in plain]


@pytest.mark.parametrize("scored", [bleu, corpus_scores, partial(score_differences, ["abc"])])
def test_what_is_no_list_of_texts_is_refused(scored: Callable) -> None:
    with pytest.raises(ValueError, match="hypotheses: 'abc' is not allowed, it must be several texts"):
        scored("abc", ["abd"], "en")
    with pytest.raises(ValueError, match=r"references: \['abc', 'abd'\] is not allowed, it must be a text for each"):
        scored(["abc"], [["abc", "abd"]], "en")


def test_resampled_test_sets_are_counted() -> None:
    with pytest.raises(ValueError, match="bootstrap: -1 is not allowed, it must be at least 0"):
        corpus_scores(["a"], ["a"], "en", bootstrap=-1)
    with pytest.raises(ValueError, match="bootstrap: 0 is not allowed, it must be at least 1"):
        score_differences(["a"], ["a"], ["a"], "en", bootstrap=0)
