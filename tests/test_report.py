import base64
import csv
import gzip
import html
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from operator import call
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sacrebleu import sentence_chrf

from nmt.cli.searching import search_options, translating_parser
from nmt.data.marks import marks_in
from nmt.data.special import UNK
from nmt.data.words import split_words, word_texts
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Translation
from nmt.evaluation.aer import AlignmentScore, attention_error_rate
from nmt.evaluation.branches import Branch, Fork
from nmt.evaluation.effects import effect_columns, effect_error_rate
from nmt.evaluation.frequencies import MOST_PAIRS, TrainingCounts
from nmt.evaluation.insight import Insight
from nmt.evaluation.looks import Looks
from nmt.evaluation.metrics import DETOKENISED, NOT_DETOKENISED, Score
from nmt.evaluation.neighbors import MOST_EXAMPLES, Example, Neighbor, Neighbors
from nmt.evaluation.results import Evaluation
from nmt.evaluation.samples import Samples, load_samples
from nmt.report import build, sentences
from nmt.report.attention_findings import special, spread
from nmt.report.beam import beam_places
from nmt.report.build import build_report
from nmt.report.figures import distribution_figure, training_figures
from nmt.report.flags import flags_of_both, marks, sentence_flags
from nmt.report.search_flags import search_flags
from nmt.report.sentences import pack_attention, sentence_row
from nmt.report.settings import changed_settings, shown
from nmt.report.tables import sentences_csv
from nmt.report.text_findings import quality
from nmt.report.word_table import word_rows

HOSTILE = "</script><script>alert(1)</script> <b>x</b> &amp; \"q\" '%{x}' \u2028 \0 שלום <!-- =1+1"


def make_translation(source: str, text: str, finished: bool = True, longest: int = 5) -> Translation:
    """A record with one token a word, but words of more characters than `longest` in two tokens; sharp attention."""

    def tokens_of(sentence: str) -> tuple[list[str], list[tuple[int, int]]]:
        spans = []
        for start, end in split_words(sentence):
            spans += [(start, end)] if end - start <= longest else [(start, start + 4), (start + 4, end)]
        return [sentence[start:end] for start, end in spans], spans

    source_tokens, source_spans = tokens_of(source)
    tokens, spans = tokens_of(text)
    if finished:
        tokens, spans = [*tokens, "</s>"], [*spans, (0, 0)]
    rows, columns = len(tokens), len(source_tokens) + 1
    attention = np.random.default_rng(rows * 100 + columns).dirichlet(np.full(columns, 0.3), rows).astype(np.float32)
    log_probs = tuple(math.log(0.5 + 0.4 / (step + 1)) for step in range(rows))
    return Translation(
        source=source,
        source_tokens=("<s>", *source_tokens),
        source_spans=((0, 0), *source_spans),
        text=text,
        tokens=tuple(tokens),
        spans=tuple(spans),
        token_log_probs=log_probs,
        attention=attention,
        alternatives=tuple(
            ((token, log_prob), ("other", math.log(0.05))) for token, log_prob in zip(tokens, log_probs, strict=True)
        ),
        log_prob=sum(log_probs),
        score=sum(log_probs),
        finished=finished,
    )


def with_beam(record: Translation) -> Translation:
    """The record, found by a beam of two: "other" led at first; what became of it was dropped at the third step."""
    own, other = (
        [(0, token, value) for token, value in zip(record.tokens, record.token_log_probs, strict=True)],
        "other",
    )
    first, second, third, *rest = own
    held = [((0, other, -0.125), first), ((1, *second[1:]), (0, other, -4.0)), (third,), *[(each,) for each in rest]]
    return replace(record, beam=tuple(held))


def with_ends(record: Translation) -> Translation:
    """The record, found by a beam of two: beside it, the end was tried after each of the first two tokens."""
    (first, second, *rest) = [
        [(0, token, log_prob)] for token, log_prob in zip(record.tokens, record.token_log_probs, strict=True)
    ]
    return replace(
        record, beam=tuple(map(tuple, [first, [*second, (0, "</s>", -1.0)], [*rest[0], (0, "</s>", -3.0)], *rest[1:]]))
    )


def make_forced(source: str, text: str, reference: str, finished: bool) -> Translation:
    """A record of the reference; where the search was cut off, it ranks above what that found."""
    record = make_translation(source, reference)
    return record if finished else replace(record, score=make_translation(source, text, finished).score + 0.5)


SENTENCES = [
    ("Ein Hund läuft schnell.", "A dog runs fast.", "A dog runs fast.", True),
    ("Zwei Kinder spielen im Garten.", "Two kids kids kids playing.", "Two children play in the garden.", False),
    (HOSTILE, HOSTILE[::-1], HOSTILE, True),
    ("Ja.", "", "Yes.", True),
]
"""Source, hypothesis, reference, finished."""

BETTER = [SENTENCES[0], (SENTENCES[1][0], "Two children play.", SENTENCES[1][2], True), *SENTENCES[2:]]


def make_evaluation(
    run: Path,
    split: str = "test",
    sentences: list[tuple[str, str, str, bool]] = SENTENCES,
    name: str = "",
    longest: int = 5,
) -> None:
    signature = "nrefs:1|case:mixed|tok:13a"
    form = NOT_DETOKENISED if any(marks_in([reference for _, _, reference, _ in sentences])) else DETOKENISED
    Evaluation(
        split=split,
        src="de",
        tgt="en",
        translations=tuple(
            with_beam(record) if len(record.tokens) > 2 else record
            for record in (make_translation(source, text, finished, longest) for source, text, _, finished in sentences)
        ),
        references=tuple(reference for _, _, reference, _ in sentences),
        forced=tuple(make_forced(*each) for each in sentences),
        insight=Insight(
            branches=(Branch(Fork(1, 2, "children"), make_translation(sentences[1][0], "Two kids children play.")),)
        ),
        gold=(((0, 0), (1, 1, 0)), ((0, 0),), *[None] * (len(sentences) - 2)),
        scores=(
            Score("BLEU", 31.24, 30.1, 32.3, signature, form, True),
            Score("TER", 52.0, None, None, "nrefs:1|case:mixed|tok:tercom", form, False),
        ),
        alignment=AlignmentScore(0.25, 0.8, 0.7, 2, "forced decoding"),
        search={"decoding": "beam 5, fp32", "method": "beam", "mbr": "none", "beam_size": 5, "length_penalty": 1.0},
        checkpoint="best.ckpt",
        command="nmt evaluate runs/toy --split test",
        seconds=2.5,
        versions={"torch": "2.13"},
        name=name,
    ).save(run / "evaluations" / (name or split))


def make_run(run: Path, **evaluation: list[tuple[str, str, str, bool]]) -> Path:
    make_evaluation(run, **evaluation)
    (run / "config.yaml").write_text("name: toy\nseed: 1  # <i>\n", encoding="utf-8")
    for step, text in ((20, "Dogs dogs dogs"), (100, "Three dogs.")):
        watched = make_translation("Drei Hunde.", text), make_translation(HOSTILE, HOSTILE)
        Samples(step, watched, ("Three dogs!", HOSTILE)).save(run / "samples")
    (run / "metrics.csv").write_text(
        "epoch,step,train_loss,train_nll,val_loss,val_bleu,learning_rate\n"
        "0,10,5.5,5.25,,,0.001\n0,20,nan,nan,,,0.001\n0,20,,,4.5,12.5,\n",
        encoding="utf-8",
    )
    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "runs" / "toy")


def report_of(page: Path) -> dict:
    return json.loads((page.parent / "report.json").read_text(encoding="utf-8"))


def test_report_json_holds_run_scores_and_curves(run: Path, tmp_path: Path) -> None:
    report = report_of(build_report(run, tmp_path / "out"))
    assert report["run"] == {"name": "toy", "folder": str(run), "config": "name: toy\nseed: 1  # <i>\n"}
    [evaluation] = report["evaluations"]
    assert [(score["name"], score["score"], score["low"]) for score in evaluation["scores"]] == [
        ("BLEU", 31.24, 30.1),
        ("TER", 52.0, None),
    ]
    assert evaluation["alignment"]["aer"] == 0.25
    assert (evaluation["split"], evaluation["search"]["beam_size"]) == ("test", 5)
    likelihood, objective, bleu, rate = report["training"]
    assert [(trace["name"], trace["x"], trace["y"]) for trace in likelihood["data"] + objective["data"]] == [
        ("training", [10], [5.25]),  # the nan is left out
        ("validation", [20], [4.5]),
        ("this run", [10], [5.5]),
    ]
    assert [trace["name"] for trace in bleu["data"] + rate["data"]] == ["this run"] * 2


def test_rows_hold_words_scores_flags_and_alternatives(run: Path, tmp_path: Path) -> None:
    rows = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]["sentences"]
    first, second, _, empty = rows
    assert first["source"]["tokens"] == ["<s>", "Ein", "Hund", "läuft", "schn", "ell", "."]
    assert first["source"]["words_of_token"] == [[], [0], [1], [2], [3], [3], [4]]
    assert first["source"]["words"] == ["Ein", "Hund", "läuft", "schnell", "."]
    assert first["gold"] == [[0, 0], [1, 1, 0]]
    assert first["chrf"] == 100
    assert second["chrf"] == pytest.approx(sentence_chrf(SENTENCES[1][1], [SENTENCES[1][2]]).score, abs=5e-5)
    assert second["length_ratio"] == pytest.approx(6 / 7, abs=5e-4)
    assert first["confidence"] == pytest.approx(math.prod(first["hypothesis"]["probabilities"]) ** (1 / 6), abs=1e-3)
    assert first["hypothesis"]["alternatives"][0] == [["A", 0.9], ["other", 0.05]]
    assert [row["flags"] for row in rows] == [["exact"], ["cut_off", "repetition", "search_error"], [], ["empty"]]
    assert empty["hypothesis"]["tokens"] == ["</s>"]


def test_rows_hold_what_else_a_translation_could_have_been(run: Path, tmp_path: Path) -> None:
    rows = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]["sentences"]
    assert [len(row["branches"]) for row in rows] == [0, 1, 0, 0]
    (branch,) = rows[1]["branches"]
    assert (branch["step"], branch["token"], branch["text"]) == (2, "children", "Two kids children play.")
    assert branch["words"] == ["Two", "kids", "children", "play", "."]
    assert branch["chrf"] == pytest.approx(sentence_chrf(branch["text"], [SENTENCES[1][2]]).score, abs=5e-5)
    found = make_translation(SENTENCES[1][0], branch["text"])
    assert branch["score"] == pytest.approx(found.score, abs=1e-4)
    assert branch["attention"] == pack_attention(found.attention)
    assert not branch["as_reference"]


def begun_as_reference(saved: Evaluation) -> Evaluation:
    """The evaluation with one more branch of its second sentence, which the reference leads to."""
    other = make_translation(SENTENCES[1][0], "Two children play in the park.")
    branches = *saved.insight.branches, Branch(Fork(1, 4, "in", as_reference=True), other)
    return replace(saved, insight=replace(saved.insight, branches=branches))


def test_what_begins_as_the_reference_is_not_the_best_of_what_else_there_could_have_been(
    run: Path, tmp_path: Path
) -> None:
    folder = run / "evaluations" / "test"
    begun_as_reference(Evaluation.load(folder)).save(folder)
    page = build_report(run, tmp_path / "out")
    first, other = report_of(page)["evaluations"][0]["sentences"][1]["branches"]
    assert other["as_reference"]
    assert other["chrf"] > first["chrf"]
    with open(page.parent / "sentences.csv", encoding="utf-8", newline="") as lines:
        assert [each["what_if"] for each in csv.DictReader(lines)][1] == first["text"]


def with_insight(saved: Evaluation) -> Evaluation:
    """The evaluation with a look at each source token, the last of which brings another one, neighbours, and effects.

    Of token t and source word w that is t - 2 w + 0.001; the references' is the same, but ten times as large.
    """
    looks = []
    for rows, columns in (each.attention.shape for each in saved.translations):
        probabilities, written = np.full((2, rows, columns), [[[0.5]], [[0.25]]], np.float32)
        looks.append(Looks(((*["other"] * (columns - 1), "A"),) * rows, probabilities, written))
    near = Neighbor(0, "A", 1, 3, 0.9), Neighbor(1, "</s>", 9, 9, 0.125)
    examples = Example("Sieh da!", "💩 A!"), Example(HOSTILE, "Well then")
    steps = tuple((near,) * len(each.tokens) for each in saved.translations)
    neighbors = Neighbors(examples, steps, 1234)
    effects, of_references = (tuple(map(make_effects, each)) for each in (saved.translations, saved.forced))
    forced_effects = tuple(10 * each for each in of_references)
    insight = replace(
        saved.insight, looks=tuple(looks), neighbors=neighbors, effects=effects, forced_effects=forced_effects
    )
    return replace(saved, insight=insight)


def make_effects(record: Translation) -> np.ndarray:
    rows, columns = np.indices((len(record.tokens), effect_columns(record.source)))
    return (rows - 2 * columns + 0.001).astype(np.float32)


def test_rows_hold_looks_and_neighbors_where_they_were_asked_for(run: Path, tmp_path: Path) -> None:
    plain = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]
    assert plain["neighbors"] is None
    assert not {"looks", "neighbors"} & set(plain["sentences"][0]["hypothesis"])
    folder = run / "evaluations" / "test"
    with_insight(Evaluation.load(folder)).save(folder)
    shown = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]
    assert shown["neighbors"] == {"examples": [["Sieh da!", "💩 A!"], [HOSTILE, "Well then"]], "searched": 1234}
    first = shown["sentences"][0]["hypothesis"]
    assert first["neighbors"] == [[[0, "A", 1, 3, 0.9], [1, "</s>", 9, 9, 0.125]]] * len(first["tokens"])
    columns = len(shown["sentences"][0]["source"]["tokens"])
    looks = first["looks"]
    assert [looks["types"][place] for place in looks["tokens"]][:columns] == [*["other"] * (columns - 1), "A"]
    assert looks["probabilities"] == pack_attention(np.full((len(first["tokens"]), columns), 0.5))
    assert looks["written"] == pack_attention(np.full((len(first["tokens"]), columns), 0.25))


def test_rows_hold_effects_where_they_were_asked_for(run: Path, tmp_path: Path) -> None:
    plain = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]
    assert plain["effect_alignment"] is None
    assert not any("effects" in row[side] for row in plain["sentences"] for side in ("hypothesis", "reference"))
    folder = run / "evaluations" / "test"
    saved = with_insight(Evaluation.load(folder))
    saved.save(folder)
    other = make_run(tmp_path / "runs" / "other")
    with_insight(Evaluation.load(other / "evaluations" / "test")).save(other / "evaluations" / "test")
    shown = report_of(build_report(run, tmp_path / "out", other))["evaluations"][0]
    for index in (0, 3):
        row, words = shown["sentences"][index], [5, 2, 0, 2][index]
        own, reference = row["hypothesis"]["effects"], row["reference"]["effects"]
        assert own == [[t - 2 * w for w in range(words)] for t in range(len(row["hypothesis"]["tokens"]))]
        assert reference == [
            [10 * t - 20 * w + 0.01 for w in range(words)] for t in range(len(row["reference"]["tokens"]))
        ]
        assert row["baseline"]["effects"] == own
    of_one_word = with_insight(replace(saved, translations=(make_translation("Ja", "Yes"), *saved.translations[1:])))
    assert sentences.sentence_rows(of_one_word, None)[0]["hypothesis"]["effects"] is None
    expected = effect_error_rate(saved.forced, saved.insight.forced_effects, saved.gold)
    assert shown["effect_alignment"]["aer"] == pytest.approx(expected.aer)


def with_heads(saved: Evaluation) -> Evaluation:
    """The evaluation with two heads, the first of which looks at the last token alone."""

    def heads(record: Translation) -> np.ndarray:
        first = np.zeros_like(record.attention)
        first[:, -1] = 1
        return np.stack([first, record.attention], axis=1)

    of_all, forced = (tuple(map(heads, each)) for each in (saved.translations, saved.forced))
    return replace(saved, insight=replace(saved.insight, heads=of_all, forced_heads=forced))


def test_heads_stand_in_a_table_and_in_their_sentences(run: Path, tmp_path: Path) -> None:
    plain = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]
    assert plain["heads"] == []
    folder = run / "evaluations" / "test"
    saved = with_heads(Evaluation.load(folder))
    saved.save(folder)
    shown = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]
    mean, first, second = shown["heads"]
    assert mean == second
    assert (first["entropy"], first["first"], first["last"]) == (0, 0, 1)
    rows = np.concatenate([each.attention.sum(axis=1) * each.attention[:, 0] for each in saved.translations])
    assert second["first"] == pytest.approx(rows.mean(), abs=1e-4)
    assert second["aer"] == attention_error_rate(saved.forced, saved.gold).aer
    assert first["aer"] == 1  # no word is linked to the last
    first_row = shown["sentences"][0]
    assert first_row["head_aers"] == [1, first_row["aer"]]
    assert first_row["hypothesis"]["head_entropies"] == [0, first_row["entropy"]]
    assert first_row["reference"]["head_entropies"] == [0, first_row["reference"]["entropy"]]
    assert shown["sentences"][2]["head_aers"] == [None, None]  # without gold
    for side in ("hypothesis", "reference"):
        [one, other] = shown["sentences"][0][side]["heads"]
        assert other == shown["sentences"][0][side]["attention"] != one


def test_a_search_is_repeated_by_its_flags(run: Path) -> None:
    saved = Evaluation.load(run / "evaluations" / "test")
    assert search_flags(saved) == []
    options = SearchOptions(
        beam_size=20, n_best=3, length_penalty=0.2, mbr="chrf", max_length=7, replace_unknown=True, keep_beam=True
    )
    command = "nmt evaluate runs/toy --precision int8 --ensemble 'runs/a b' --ensemble=runs/c=d --what-if 2"
    flags = search_flags(replace(saved, search={**asdict(options), "shortlist": True}, command=command))
    asked = translating_parser("translate", "", "").parse_args(["RUN", *flags])
    assert search_options(asked) == replace(options, n_best=1, keep_beam=False)
    assert (asked.precision, asked.shortlist, asked.ensemble) == ("int8", True, ["runs/a b", "runs/c=d"])
    given = replace(saved, search={"decoding": "the lines of a.en, forced decoding, fp32"})
    assert search_flags(given) == []


def test_what_the_source_is_worth_is_a_finding(run: Path, tmp_path: Path) -> None:
    def told(*baseline: Path) -> list[str]:
        shown = report_of(build_report(run, tmp_path / "out", *baseline))["evaluations"][0]["findings"]
        return [each["text"] for each in shown if "The source is worth" in each["text"]]

    assert told() == []
    other = make_run(tmp_path / "runs" / "other")
    for folder, worth in ((run, 0.456), (other, 2)):
        saved = replace(Evaluation.load(folder / "evaluations" / "test"), source_worth=worth)
        saved.save(folder / "evaluations" / "test")
    assert told()[0].startswith("The source is worth 0.46 nats a token: ")
    assert told(other)[0].startswith("The source is worth 0.46 (baseline 2.00) nats a token: ")
    replace(Evaluation.load(run / "evaluations" / "test"), source_worth=-1e-3).save(run / "evaluations" / "test")
    assert told()[0].startswith("The source is worth 0.00 nats a token: ")


def test_another_translation_that_ranks_above_is_a_search_error(run: Path, tmp_path: Path) -> None:
    folder = run / "evaluations" / "test"
    saved = Evaluation.load(folder)
    modest = tuple(
        replace(forced, score=0.0 if number == 2 else -99.0, finished=found.finished)
        for number, (forced, found) in enumerate(zip(saved.forced, saved.translations, strict=True))
    )

    def shown(above: float, **others: object) -> dict:
        rank = {"score": saved.translations[1].score + above, "finished": saved.translations[1].finished}
        found = replace(saved.insight.branches[0].translation, **rank)
        branches = (saved.insight.branches[0]._replace(translation=found),)
        replace(saved, forced=modest, insight=Insight(branches=branches), **others).save(folder)
        return report_of(build_report(run, tmp_path / "out"))["evaluations"][0]

    missed = shown(0.01)
    assert ["search_error" in row["flags"] for row in missed["sentences"]] == [False, True, True, False]
    assert missed["sentences"][1]["branches"][0]["above"]
    [text] = [finding["text"] for finding in missed["findings"] if finding["flag"] == "search_error"]
    assert text.startswith("In at least 2 of 4 sentences (50.0%) the reference or a “what if” ranks above what")
    modest = (*modest[:2], replace(modest[2], score=-99.0), modest[3])
    not_missed = shown(0.00001)
    assert not any("search_error" in row["flags"] for row in not_missed["sentences"])
    assert not not_missed["sentences"][1]["branches"][0]["above"]
    assert any(
        "Nowhere does the reference or a “what if” rank above" in each["text"] for each in not_missed["findings"]
    )
    assert not shown(0.01, search={**saved.search, "mbr": "chrf"})["sentences"][1]["branches"][0]["above"]


def test_a_search_error_without_other_translations_is_that_of_a_reference(run: Path, tmp_path: Path) -> None:
    folder = run / "evaluations" / "test"
    replace(Evaluation.load(folder), insight=Insight()).save(folder)
    found = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]["findings"]
    [text] = [finding["text"] for finding in found if finding["flag"] == "search_error"]
    assert text.startswith("In at least 1 of 4 sentences (25.0%) the reference ranks above")


WIDE = [SENTENCES[0], (SENTENCES[1][0], "Two kids play in it.", SENTENCES[1][2], True)]
NARROW = [SENTENCES[0], (SENTENCES[1][0], "Two kids.", SENTENCES[1][2], True)]
"""What ranks above the second of `WIDE`: each token costs something."""


def test_what_another_evaluation_found_shows_search_errors_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "toy", sentences=WIDE)
    make_evaluation(run, name="narrow", sentences=NARROW)
    folder = run / "evaluations" / "narrow"
    page = build_report(run, tmp_path / "out", folder)
    wide, narrow = report_of(page)["evaluations"]
    assert wide["search_errors_by"] == ["the reference", "a “what if”", "another evaluation"]
    first, second = wide["sentences"]
    assert (first["elsewhere"], second["elsewhere"]) == ({"narrow": False}, {"narrow": True})
    assert ("search_error" in first["flags"], "search_error" in second["flags"]) == (False, True)
    assert [row["baseline"]["above"] for row in wide["sentences"]] == [False, True]
    [text] = [each["text"] for each in wide["findings"] if each["flag"] == "search_error"]
    assert text.startswith(
        "In at least 1 (baseline 0) of 2 sentences (50.0%) the reference, a “what if” or another evaluation ranks above"
    )
    assert [row["elsewhere"] for row in narrow["sentences"]] == [{"test": False}] * 2
    saved = Evaluation.load(folder)
    forced = tuple(replace(each, score=each.score - 1) for each in saved.forced)  # as those of other weights
    replace(saved, forced=forced).save(folder)
    wide, _ = report_of(build_report(run, tmp_path / "out", folder))["evaluations"]
    assert wide["search_errors_by"] == ["the reference", "a “what if”"]
    assert [row["elsewhere"] for row in wide["sentences"]] == [{}] * 2
    assert not any("search_error" in row["flags"] or row["baseline"]["above"] for row in wide["sentences"])


def test_what_ended_in_a_beam_has_the_score_that_it_was_ranked_by() -> None:
    record = with_ends(make_translation(*SENTENCES[0][:2]))
    first, second, third, *_, last = beam_places(record, {"decoding": "beam 2", "length_penalty": 0.5})
    begun, ended = record.token_log_probs[:2], second[1]
    assert (first, len(second[0])) == ([[0, "A", round(begun[0], 3)]], 3)
    assert ended == [0, "</s>", -1.0, pytest.approx((begun[0] - 1) / 2**0.5, abs=1e-4)]
    assert third[1][3] == pytest.approx((sum(begun) - 3) / 3**0.5, abs=1e-4)
    assert last[0][3] == pytest.approx(record.log_prob / len(record.tokens) ** 0.5, abs=1e-4)
    for search in ({"coverage_penalty": 0.1}, {"mbr": "chrf"}):
        assert {len(place) for held in beam_places(record, search) for place in held} == {3}


def test_rows_hold_the_reference_as_it_is_decoded_by_force(run: Path, tmp_path: Path) -> None:
    rows = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]["sentences"]
    for row, (source, _, reference, _) in zip(rows, SENTENCES, strict=True):
        forced, shown = make_translation(source, reference), row["reference"]
        assert (shown["text"], shown["tokens"]) == (reference, list(forced.tokens))
        assert shown["attention"] == pack_attention(forced.attention)
        assert shown["log_prob"] == pytest.approx(forced.log_prob, abs=1e-4)
    assert [row["aer"] is None for row in rows] == [False, False, True, True]  # as there is gold
    assert rows[0]["aer"] == round(
        attention_error_rate([make_translation(*SENTENCES[0][:3:2])], [[(0, 0), (1, 1, 0)]]).aer, 4
    )
    assert rows[1]["reference"]["words_of_token"] == [[0], [1], [1], [2], [3], [4], [5], [5], [6], []]


def written(row: dict) -> dict:
    """A row as it is written."""
    return json.loads(json.dumps(row, default=call))


def test_what_is_not_defined_for_a_sentence_is_none() -> None:
    def row(text: str, reference: str, finished: bool = True) -> dict:
        found = make_translation("Ja", text, finished)
        return sentence_row(found, reference, make_translation("Ja", reference), None)

    assert (row("Yes", "")["length_ratio"], row("", "Yes")["length_ratio"]) == (None, 0)
    cut_off = row("", "Yes", finished=False)
    assert (cut_off["confidence"], cut_off["entropy"]) == (None, None)


def test_tokens_of_a_reference_that_the_model_cannot_write_belong_to_no_word() -> None:
    def words_of_token(reference: str) -> list[list[int]]:
        row = sentence_row(make_translation("Ja", "Yes"), reference, make_translation("Ja", "Yes <unk>"), None)
        return written(row)["reference"]["words_of_token"]

    assert words_of_token("Yes 😀😀") == [[], [], []]
    assert words_of_token("Yes 😀") == [[0], [1], []], "where it stands for one word, it belongs to it"


def test_tokens_of_a_reference_that_the_model_writes_otherwise_belong_to_its_words() -> None:
    row = written(sentence_row(make_translation("Ja", "yes"), "Yes !", make_translation("Ja", "yes !"), None))
    assert row["reference"]["words"] == ["Yes", "!"]
    assert row["reference"]["words_of_token"] == [[0], [1], []]


def test_scores_of_another_kind_are_not_set_beside_each_other(run: Path, tmp_path: Path) -> None:
    saved = Evaluation.load(run / "evaluations" / "test")
    replace(saved, search={**saved.search, "mbr": "chrf"}).save(run / "evaluations" / "test")
    [evaluation] = report_of(build_report(run, tmp_path / "out"))["evaluations"]
    assert all(row["reference"]["score"] is None and row["hypothesis"]["score"] for row in evaluation["sentences"])
    assert "search_error" not in evaluation["flags"]
    assert not any("search" in finding["text"] for finding in evaluation["findings"])


def test_a_first_piece_without_a_letter_is_not_the_special_token() -> None:
    record = make_translation("Ja", "Yes")
    spans = (record.source_spans[0], (0, 0), *record.source_spans[2:])
    attention = np.zeros_like(record.attention)
    attention[:, 0], attention[:, 1] = 0.25, 0.75
    record = replace(record, source_spans=spans, attention=attention)
    [found] = special([record])
    assert "25.0% of it lies on the special token" in found["text"]


def test_a_baseline_is_compared_with_and_its_translations_stand_beside_the_others(run: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "runs" / "before"
    make_evaluation(baseline, sentences=BETTER)
    make_evaluation(run, split="without", sentences=SENTENCES[:2])
    folder = run / "evaluations" / "without"
    saved = Evaluation.load(folder)
    better = Branch(Fork(1, 0, "In"), make_translation(SENTENCES[1][0], "In the garden."))
    replace(saved, insight=Insight(branches=(*saved.insight.branches, better))).save(folder)
    page = build_report(run, tmp_path / "out", baseline)
    test, other = report_of(page)["evaluations"]
    assert (test["label"], other["label"], other["baseline"]) == ("test", "without", None)
    compared = test["baseline"]
    assert (compared["name"], compared["aer"]["baseline"]) == ("before", compared["aer"]["score"])
    bleu = compared["differences"][0]
    assert (bleu["name"], bleu["score"] < bleu["baseline"]) == ("BLEU", True)
    row = test["sentences"][1]["baseline"]
    assert (row["text"], row["source"]) == ("Two children play.", None)  # the same tokens
    record = make_translation(*BETTER[1][:2])
    assert row["attention"] == pack_attention(record.attention)
    assert row["confidence"] == pytest.approx(math.exp(record.log_prob / len(record.tokens)), abs=1e-4)
    assert [len(held) for held in row["beam"]] == [2, 2, *[1] * (len(record.tokens) - 2)]
    assert row["chrf"] > test["sentences"][1]["chrf"]
    assert [each["baseline"]["flags"] for each in test["sentences"]] == [["exact"], ["short"], [], ["empty"]]
    texts = [finding["text"] for finding in test["findings"]]
    [exact] = [finding for finding in test["findings"] if finding["flag"] == "exact"]
    assert exact["text"].startswith("1 (baseline 1) of 4 translations (25.0%)")
    assert (exact["compared"], exact["weight"]) == ("exact", 0)
    assert any(text.startswith("1 (baseline 0) flagged “cut off”") for text in texts)
    [shorter] = [finding for finding in test["findings"] if "“much shorter”" in finding["text"]]
    assert (shorter["text"].startswith("0 (baseline 1) flagged"), shorter["flag"]) == (True, None)
    assert any(text.startswith("In at least 1 (baseline 0) of 4 sentences") for text in texts)
    assert any("shorter than them" in text for text in texts)
    assert [trace["name"] for trace in test["distribution"]["data"]] == ["this evaluation", "baseline"]
    with open(page.parent / "sentences.csv", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [each["baseline"] for each in rows] == [*(text for _, text, _, _ in BETTER), "", ""]
    assert [each["what_if"] for each in rows] == ["", "Two kids children play.", "", "", "", "Two kids children play."]


def test_what_stands_of_a_baseline_is_its_own(run: Path) -> None:
    own = Evaluation.load(run / "evaluations" / "test")
    make_evaluation(run, name="other", longest=3)
    other = with_heads(with_insight(Evaluation.load(run / "evaluations" / "other")))
    ended = tuple(with_ends(each) if len(each.tokens) > 2 else each for each in other.translations)
    other = replace(other, translations=ended, search={**other.search, "length_penalty": 0.5})
    rows = sentences.sentence_rows(replace(own, forced=own.translations, insight=Insight()), other)
    for row, record in zip(rows, ended, strict=True):
        shown = written(row["baseline"])
        assert shown["beam"] == beam_places(record, {"length_penalty": 0.5})
        assert len(shown["heads"]) == 2
        assert "heads" not in row["hypothesis"]
    assert rows[1]["baseline"]["source"]["tokens"] == other.translations[1].source_tokens, "where they are others"
    assert rows[3]["baseline"]["source"] is None
    assert rows[0]["baseline"]["beam"]() != beam_places(ended[0], own.search)
    assert "search_error" in rows[1]["baseline"]["flags"]
    assert "search_error" not in rows[1]["flags"]


def test_the_settings_that_differ_from_the_baseline_are_told(run: Path, tmp_path: Path) -> None:
    before = make_run(tmp_path / "runs" / "before")
    (before / "config.yaml").write_text(
        "name: before\nmodel: {cell: lstm, layers: 2}\nseed: 1\nold: [a, ä]\n", encoding="utf-8"
    )
    (run / "config.yaml").write_text(
        "name: toy\nmodel: {cell: gru, layers: 2}\nseed: 1\ntrainer: {devices: null, new: true}\n", encoding="utf-8"
    )
    make_evaluation(run, name="greedy")
    folder = run / "evaluations" / "greedy"
    saved = Evaluation.load(folder)
    replace(saved, search={**saved.search, "decoding": "greedy, fp32", "beam_size": 1}).save(folder)

    def told(baseline: Path) -> list[list[str]]:
        return report_of(build_report(run, tmp_path / "out", baseline))["evaluations"][0]["baseline"]["settings"]

    config = [["model.cell", "lstm", "gru"], ["old", '["a", "ä"]', "null"], ["trainer.new", "null", "true"]]
    assert told(before) == config
    assert told(before / "evaluations" / "test") == config
    assert told(folder) == [["beam_size", "1", "5"]]
    (before / "config.yaml").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="config.yaml is not YAML: while parsing"):
        told(before)
    (before / "config.yaml").unlink()
    assert told(before) == []


def test_settings_differ_only_between_two_configs() -> None:
    config = "name: toy\nday: 2024-02-03\n"
    assert changed_settings(None, config) == changed_settings(config, None) == {}
    ((key, (before, now)),) = changed_settings("name: before", config).items()
    assert (key, before, shown(now)) == ("day", None, '"2024-02-03"')


def test_search_errors_are_not_set_beside_those_found_by_other_means(run: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "runs" / "before"
    make_evaluation(baseline)
    folder = baseline / "evaluations" / "test"
    replace(Evaluation.load(folder), insight=Insight()).save(folder)
    [test] = report_of(build_report(run, tmp_path / "out", baseline))["evaluations"]
    [missed] = [each for each in test["findings"] if each["text"].startswith("In at least 1 of 4 sentences")]
    assert missed["compared"] is None


def test_search_errors_of_which_nothing_is_known_are_not_compared() -> None:
    known = {"search_errors": lambda: None, "seen": None, "training_counts": None, "scored_alike": lambda run: []}
    one, other = (SimpleNamespace(**known, insight=SimpleNamespace(branches=each)) for each in ((), ("what if",)))
    assert "search_error" not in flags_of_both(one, other, [])


def test_half_of_the_sentences_are_not_said_to_have_more_than_all(run: Path) -> None:
    rows = [sentence_row(make_translation("Ja", "Yes"), "Yes", make_translation("Ja", "Yes"), None)] * 3
    texts = [finding["text"] for finding in quality(rows)]
    assert "At least half of the sentences have a chrF of 100.0; the weakest tenth have 100.0 at most." in texts


def test_an_evaluation_is_a_baseline_for_the_others_of_its_split(run: Path, tmp_path: Path) -> None:
    make_evaluation(run, name="greedy")
    test, greedy = report_of(build_report(run, tmp_path / "out", run / "evaluations" / "greedy"))["evaluations"]
    assert (test["baseline"]["name"], greedy["baseline"]) == ("greedy", None)


def test_what_cannot_be_compared_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--baseline .*toy is the run itself: name another"):
        build_report(run, tmp_path / "out", run)
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder; give a run .* or an evaluation within one"):
        build_report(run, tmp_path / "out", tmp_path / "nowhere")
    make_evaluation(tmp_path / "runs" / "one", split="dev")
    with pytest.raises(FileNotFoundError, match="one has nothing to compare with test: evaluate it on the same split"):
        build_report(run, tmp_path / "out", tmp_path / "runs" / "one")
    make_evaluation(tmp_path / "runs" / "two", sentences=SENTENCES[:2])
    with pytest.raises(ValueError, match="not of the same sentences and references"):
        build_report(run, tmp_path / "out", tmp_path / "runs" / "two")
    assert not (tmp_path / "out").exists()


def test_weights_come_back_within_the_stated_error(run: Path, tmp_path: Path) -> None:
    rows = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]["sentences"]
    for row, (source, text, _, finished) in zip(rows, SENTENCES, strict=True):
        weights = make_translation(source, text, finished).attention
        shape = len(row["hypothesis"]["tokens"]), len(row["source"]["tokens"])
        assert shape == weights.shape
        levels = np.frombuffer(base64.b64decode(row["hypothesis"]["attention"]), np.uint8).reshape(shape)
        np.testing.assert_allclose((levels / 255.0) ** 2, weights, atol=0.004)


def test_entropy_is_the_mean_over_the_target_tokens() -> None:
    def entropy(weights: list[list[float]]) -> float | None:
        attention = np.array(weights, dtype=np.float32).reshape(-1, 2)
        record = replace(make_translation("a", "b"), attention=attention)
        return sentence_row(record, "b", record, None)["entropy"]

    assert entropy([[0.5, 0.5], [1.0, 0.0]]) == pytest.approx(math.log(2) / 2, abs=1e-3)
    assert entropy([]) is None


def test_small_weights_are_kept_apart() -> None:
    levels = np.frombuffer(base64.b64decode(pack_attention(np.array([[0.0, 0.009, 0.01, 1.0]]))), np.uint8)
    np.testing.assert_allclose((levels / 255.0) ** 2, [0, 0.009, 0.01, 1], atol=4e-4)


@pytest.mark.parametrize(
    ("hypothesis", "expected"),
    [
        ("a b c", ["exact"]),
        ("ein zwei drei", ["copied"]),
        ("b b b", ["repetition"]),
        ("b b", []),
        ("in a hat in a Hat", ["repetition", "long"]),
        (". . . .", []),
        ("", ["empty"]),
        ("a b x y z", []),
        ("a b x y z u", ["long"]),
    ],
)
def test_flags(hypothesis: str, expected: list[str]) -> None:
    assert sentence_flags(["ein", "zwei", "drei"], hypothesis.split(), ["a", "b", "c"], finished=True) == expected


@pytest.mark.parametrize(
    ("source", "hypothesis", "reference", "expected"),
    [
        ("a b", "a b", "a b", ["exact"]),  # what the reference copies too may be copied
        ("", "", "", ["empty"]),
        ("", "", "a", ["empty"]),
        ("x", "a b c", "", []),
        ("x", "a b c d e f g h " * 2, "k l m n o p q r s t u v w x y z", ["repetition"]),
        ("x", "a b c d e f g h i " * 2, "k l m n o p q r s t u v w x y z", []),
        ("x", "a b c d", "k l m n o p q", ["short"]),
        ("x", "a b c d e f", "k l m n o p q r s t", []),  # 60% of it
        ("x", "a b c d e f g h", "k l m n o", []),  # 160%
        ("x", f"{UNK} {UNK} {UNK}", "k l m", []),  # each for another word
    ],
)
def test_flags_at_their_edges(source: str, hypothesis: str, reference: str, expected: list[str]) -> None:
    words = source.split(), hypothesis.split(), reference.split()
    assert sentence_flags(*words, finished=True) == expected


def test_what_is_much_shorter_than_the_reference_is_flagged() -> None:
    reference = ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert sentence_flags([], reference[:4], reference, finished=True) == ["short"]
    assert sentence_flags([], reference[:5], reference, finished=True) == []
    assert sentence_flags([], ["a"], reference[:3], finished=True) == []


@pytest.mark.parametrize(
    ("hypothesis", "repeats"),
    [("いろいろです", False), ("哈哈哈", True), ("私は私は私は", True), ("天地人日月火水木" * 3, True)],
)
def test_characters_that_are_words_repeat_themselves_three_times(hypothesis: str, repeats: bool) -> None:
    flags = sentence_flags(["a"], word_texts(hypothesis), list("uvwxyz"), finished=True)
    assert ("repetition" in flags) == repeats


def test_a_repetition_that_the_reference_has_is_no_fault() -> None:
    assert sentence_flags(["ha"], ["ha"] * 3, ["ha"] * 4, finished=True) == []
    assert sentence_flags(["ha"], ["ha"] * 3, ["no"], finished=False) == ["cut_off", "repetition"]


def test_findings_count_what_the_flags_select(run: Path, tmp_path: Path) -> None:
    found = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]["findings"]
    texts = {finding["flag"]: finding["text"] for finding in found if finding["flag"]}
    assert texts["exact"].startswith("1 of 4 translations (25.0%)")
    assert texts["empty"].startswith("1 flagged")
    assert texts["search_error"].startswith("In at least 1 of 4 sentences (25.0%) the reference or a “what if” ranks")
    assert texts["search_error"].endswith("in the other 2 that differ the model prefers its own.")
    assert any("sums to one within" in finding["text"] for finding in found)
    assert "seen" not in texts


def test_what_is_most_serious_is_the_first_finding(run: Path, tmp_path: Path) -> None:
    def told(worth: float, seen: tuple[int, ...]) -> dict[str, float]:
        saved = run / "evaluations" / "test"
        replace(Evaluation.load(saved), source_worth=worth, seen=seen).save(saved)
        [shown] = report_of(build_report(run, tmp_path / "out"))["evaluations"]
        return {each["text"]: each["weight"] for each in shown["findings"]}

    sound, dead = told(5.0, ()), told(0.02, (0, 1))
    assert list(sound.values()) == sorted(sound.values(), reverse=True)
    assert sound["No source stands in the training data."] == 0
    weights = [(text.split(" worth")[0][:11], weight) for text, weight in dead.items()]
    assert weights[:2] == [("2 of 4 sour", 50), ("The source ", 25)]
    assert next(weight for text, weight in sound.items() if text.startswith("The source is")) == 0.1
    assert next(weight for text, weight in sound.items() if "flagged “cut off”" in text) == 5  # a quarter of them
    assert next(weight for text, weight in sound.items() if text.startswith("In at least 1 of 4 sent")) == 1.25


def test_a_model_that_writes_the_same_for_many_sources_is_found_out(tmp_path: Path) -> None:
    pairs = [("eins", "one"), ("zwei", "two"), ("2", "two"), ("drei", "three"), ("drei", "3"), ("vier", "four")]
    texts = "one", "two", "two", "x", "x", "one"  # the twos are right, and one source has one translation
    run = tmp_path / "run"
    make_evaluation(
        run, sentences=[(source, text, right, True) for (source, right), text in zip(pairs, texts, strict=True)]
    )
    other = tmp_path / "other"
    make_evaluation(other, sentences=[(source, source, right, True) for source, right in pairs])

    def found(baseline: Path | None) -> tuple[list[list[str]], list[dict]]:
        [evaluation] = report_of(build_report(run, tmp_path / "out", baseline))["evaluations"]
        return [row["flags"] for row in evaluation["sentences"]], [
            each for each in evaluation["findings"] if "are distinct" in each["text"]
        ]

    flags, [told] = found(None)
    assert [number for number, each in enumerate(flags) if "shared" in each] == [0, 5]
    assert told["text"] == (
        "2 of 6 translations are those of other sources too, whose references differ: 3 are distinct, the most "
        "frequent stands 2 times."
    )
    _, [told] = found(other)
    assert told["text"].startswith("2 (baseline 0) of 6")
    assert told["text"].endswith("3 (baseline 5) are distinct, the most frequent stands 2 (baseline 2) times.")
    assert (told["flag"], told["compared"]) == ("shared", "shared")
    make_evaluation(run, sentences=[(source, source, right, True) for source, right in pairs])
    assert found(None)[1] == found(other)[1] == []


def test_nothing_at_all_is_not_what_another_source_has_too(tmp_path: Path) -> None:
    make_evaluation(tmp_path, sentences=[("eins", "", "one", True), ("zwei", "", "two", True)])
    evaluation = Evaluation.load(tmp_path / "evaluations" / "test")
    assert marks(evaluation, [evaluation]) == [[], []]


def test_the_spread_of_attention_is_told_as_a_share_of_the_most() -> None:
    def record(*weights: list[float]) -> Translation:
        attention = np.array(weights, np.float32)
        return replace(make_translation("a b c", "x"), attention=attention)

    def told(*records: Translation, before: Translation | None = None) -> list[str]:
        rows = [sentence_row(each, "x", each, None) for each in records]
        for row in rows:
            row["baseline"] = before and {
                **sentence_row(before, "x", before, None),
                "source": None,
                "words": [],
                "flags": [],
            }
        return [each["text"].split(" of the most")[0] for each in spread(rows)]

    even, half, sharp = [0.25] * 4, [0.5, 0.5, 0, 0], [1, 0, 0, 0]
    assert told(record(even, even)) == ["The attention has 100%"]
    assert told(record(even, sharp), record(half, half)) == ["The attention has 50%"]
    assert told(record(sharp, sharp), before=record(even, sharp)) == ["The attention has 0% (baseline 50%)"]


def test_sources_of_the_training_data_are_told_where_they_were_looked_up(run: Path, tmp_path: Path) -> None:
    def shown(seen: tuple[int, ...] | None) -> dict:
        saved = run / "evaluations" / "test"
        replace(Evaluation.load(saved), seen=seen).save(saved)
        return report_of(build_report(run, tmp_path / "out"))["evaluations"][0]

    assert "seen" not in shown(None)["flags"]
    assert any(each["text"] == "No source stands in the training data." for each in shown(())["findings"])
    some = shown((0, 3))
    assert "seen" in some["flags"]
    assert [number for number, row in enumerate(some["sentences"]) if "seen" in row["flags"]] == [0, 3]
    [text] = [finding["text"] for finding in some["findings"] if finding["flag"] == "seen"]
    chrf = [row["chrf"] for row in some["sentences"]]
    means = f"{(chrf[0] + chrf[3]) / 2:.1f}, that of the others {(chrf[1] + chrf[2]) / 2:.1f}"
    assert text == f"2 of 4 sources (50.0%) stand in the training data: their mean sentence chrF is {means}."
    every = [finding["text"] for finding in shown((0, 1, 2, 3))["findings"] if finding["flag"] == "seen"]
    assert every == ["4 of 4 sources (100.0%) stand in the training data."]


COUNTS = TrainingCounts(
    {"Ein": 9, "Hund": 3, "läuft": 4, "schnell": 7, ".": 99, "Ja": 5}, {"dog": 4, "A": 12}, pairs=100, of_pairs=300
)
"""In the training data each word of the first source and the last stands, of the others not."""


def with_counts(run: Path, label: str = "test") -> Path:
    """The run, one of whose evaluations knows how often words stand in the training data."""
    folder = run / "evaluations" / label
    replace(Evaluation.load(folder), training_counts=COUNTS).save(folder)
    return run


def test_words_never_seen_in_training_are_told_where_they_were_looked_up(run: Path, tmp_path: Path) -> None:
    plain = report_of(build_report(run, tmp_path / "out"))["evaluations"][0]
    assert "unseen" not in plain["flags"]
    assert [row["rarest"] for row in plain["sentences"]] == [None] * 4
    assert {row["in_training"] for row in plain["words"]} == {None}
    assert (plain["training_counts"], plain["breakdown"]["by_rarest"]) == (None, [])
    page = build_report(with_counts(run), tmp_path / "out")
    [shown] = report_of(page)["evaluations"]
    assert "unseen" in shown["flags"]
    assert [row["rarest"] for row in shown["sentences"]] == [3, 0, 0, 5]
    assert ["unseen" in row["flags"] for row in shown["sentences"]] == [False, True, True, False]
    assert {row["word"]: row["in_training"] for row in shown["words"]}.items() >= {"Hund": 3, "Kinder": 0}.items()
    assert shown["training_counts"] == {"pairs": 100, "of_pairs": 300}
    chrf = [row["chrf"] for row in shown["sentences"]]
    [told] = [finding for finding in shown["findings"] if finding["flag"] == "unseen"]
    assert told["weight"] == 1
    assert told["text"] == (
        "2 of 4 sources (50.0%) have a word that stands nowhere in the training data: their mean sentence chrF is "
        f"{(chrf[1] + chrf[2]) / 2:.1f}, that of the others {(chrf[0] + chrf[3]) / 2:.1f}."
    )
    with open(page.parent / "sentences.csv", encoding="utf-8", newline="") as lines:
        assert [row["rarest"] for row in csv.DictReader(lines)] == ["3", "0", "0", "5"]
    with open(page.parent / "words.csv", encoding="utf-8", newline="") as lines:
        assert {row["in_training"] for row in csv.DictReader(lines) if row["word"] == "Hund"} == {"3"}
    known = replace(COUNTS, src=dict.fromkeys(split_texts(run), 1))
    folder = run / "evaluations" / "test"
    replace(Evaluation.load(folder), training_counts=known).save(folder)
    [shown] = report_of(build_report(run, tmp_path / "out"))["evaluations"]
    assert "Each word of the sources stands in the training data." in [each["text"] for each in shown["findings"]]


def split_texts(run: Path) -> list[str]:
    """The words of the sources of a run."""
    records = Evaluation.load(run / "evaluations" / "test").translations
    return [word for record in records for word in word_texts(record.source)]


def test_rows_hold_the_words_that_are_too_many_and_those_that_are_missing(run: Path, tmp_path: Path) -> None:
    [shown] = report_of(build_report(run, tmp_path / "out"))["evaluations"]
    second = shown["sentences"][1]
    assert second["surplus"] == ["kids", "playing"]
    assert second["missing"] == ["children", "garden", "in", "play", "the"]
    assert (shown["sentences"][0]["surplus"], shown["sentences"][0]["missing"]) == ([], [])
    saved = Evaluation.load(run / "evaluations" / "test")
    reversed_words = make_translation(SENTENCES[1][0], "playing kids Two")
    translations = (saved.translations[0], reversed_words, *saved.translations[2:])
    assert sentences.sentence_rows(replace(saved, translations=translations), None)[1]["surplus"] == ["kids", "playing"]


def test_a_breakdown_stands_beside_that_of_the_baseline(run: Path, tmp_path: Path) -> None:
    make_evaluation(tmp_path / "before", sentences=BETTER)
    [own] = report_of(build_report(run, tmp_path / "out"))["evaluations"]
    [both] = report_of(build_report(run, tmp_path / "out", tmp_path / "before"))["evaluations"]
    [short, long] = own["breakdown"]["by_length"]
    assert (short["least"], short["most"], short["sentences"], long["sentences"]) == (0, 9, 3, 1)
    chrf = [row["chrf"] for row in own["sentences"]]
    assert short["chrf"] == [pytest.approx((chrf[0] + chrf[1] + chrf[3]) / 3, abs=0.01)]
    before, now = both["breakdown"]["by_length"][0]["chrf"]
    assert [now] == short["chrf"]
    assert before > now


def test_csv_and_pharaoh_have_a_line_for_each_sentence_of_all_splits(run: Path, tmp_path: Path) -> None:
    make_evaluation(run, split="a_split", sentences=SENTENCES[:2])
    page = build_report(run, tmp_path / "out")
    with open(page.parent / "sentences.csv", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["split"], row["id"]) for row in rows] == [
        ("test", "1"), ("test", "2"), ("test", "3"), ("test", "4"), ("a_split", "1"), ("a_split", "2"),
    ]  # fmt: skip
    assert rows[2]["source"] == HOSTILE
    assert "what_if" in rows[0]
    assert "baseline" not in rows[0]
    alone = sentence_row(make_translation("Ja", "Yes"), "Yes", make_translation("Ja", "Yes"), None) | {"rarest": 3}
    header, line = sentences_csv({"evaluations": [{"label": "test", "sentences": [alone]}]}).splitlines()
    assert header.endswith(",reference_log_prob,reference_score,flags")
    assert line.startswith("test,1,Ja,Yes,Yes,100.0,1.0,")
    assert rows[1]["flags"] == "cut_off repetition search_error"
    assert float(rows[1]["reference_score"]) > float(rows[1]["score"])
    assert len((page.parent / "alignments.pharaoh").read_text().splitlines()) == 6


def test_pharaoh_links_words_by_their_strongest_attention(tmp_path: Path) -> None:
    record = make_translation("Ein Hund läuft schnell.", "Fast dogs.")
    attention = np.full(record.attention.shape, 0.01, np.float32)
    # fast <- schn + ell, though "läuft" has the strongest single token; dogs <- the special token; . <- .
    attention[0, 3:6] = 0.4, 0.3, 0.25
    attention[1, 0] = attention[2, 6] = attention[3, 6] = 0.95
    Evaluation(
        "test", "de", "en", (replace(record, attention=attention),), ("x",), (record,), (None,), (), None,
        {"beam_size": 1}, "best.ckpt", "nmt evaluate", 1.0,
    ).save(tmp_path / "run" / "evaluations" / "test")  # fmt: skip
    page = build_report(tmp_path / "run", tmp_path / "out")
    assert (page.parent / "alignments.pharaoh").read_text() == "3-0 4-2\n"


def test_words_have_what_attended_to_them_and_how_often_they_were_passed_over(run: Path, tmp_path: Path) -> None:
    record = make_translation("ein alter ein", "an aged one")
    assert record.source_tokens == ("<s>", "ein", "alter", "ein")
    rows = [
        # <s>  ein  alter ein
        [0.00, 0.2, 0.80, 0.0],  # an
        [0.25, 0.0, 0.75, 0.0],  # aged
        [0.60, 0.1, 0.00, 0.3],  # one
        [1.00, 0.0, 0.00, 0.0],  # </s>
    ]
    attended = replace(record, attention=np.array(rows, np.float32))
    first, second = word_rows([attended])
    assert (first["word"], first["count"], first["received"], first["passed_over"]) == ("ein", 2, 0.3, [0, 0])
    assert first["targets"] == [["one", pytest.approx(0.667)], ["an", pytest.approx(0.333)]]
    assert (second["word"], second["count"], second["received"], second["passed_over"]) == ("alter", 1, 1.55, [])
    assert second["targets"] == [["an", 0.516], ["aged", 0.484]]
    silent = word_rows([attended, make_translation("Ja.", "")])[1:3]
    assert [(row["word"], row["received"], row["passed_over"], row["targets"]) for row in silent] == [
        (".", 0, [1], []), ("Ja", 0, [1], []),
    ]  # fmt: skip


def test_the_words_are_a_table_beside_the_page(run: Path, tmp_path: Path) -> None:
    page = build_report(run, tmp_path / "out")
    with open(page.parent / "words.csv", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    (evaluation,) = report_of(page)["evaluations"]
    expected = [[row["word"], target, str(share)] for row in evaluation["words"] for target, share in row["targets"]]
    assert [[row["word"], row["target"], row["share"]] for row in rows if row["target"]] == expected
    [silent] = [row for row in rows if row["word"] == "Ja"]  # whose translation is empty
    assert (silent["count"], silent["passed_over"]) == ("1", "1")


def test_samples_have_what_each_validation_made_of_them(run: Path, tmp_path: Path) -> None:
    first, second = report_of(build_report(run, tmp_path / "out"))["samples"]
    assert (first["source"]["text"], first["reference"]["text"]) == ("Drei Hunde.", "Three dogs!")
    assert first["reference"]["words"] == ["Three", "dogs", "!"]
    texts = [(each["step"], each["hypothesis"]["text"]) for each in first["history"]]
    assert texts == [(20, "Dogs dogs dogs"), (100, "Three dogs.")]
    assert first["history"][1]["hypothesis"]["attention"] == pack_attention(
        make_translation("Drei Hunde.", "Three dogs.").attention
    )
    assert second["source"]["text"] == HOSTILE
    later = make_translation("Drei Hunde.", "Three"), make_translation("Neu.", "New.")
    Samples(120, later, ("Three dogs!", "New.")).save(run / "samples")
    (one,) = report_of(build_report(run, tmp_path / "out"))["samples"]  # the others were not translated each time
    assert [each["step"] for each in one["history"]] == [20, 100, 120]


def test_samples_that_cannot_be_read_are_named(run: Path, tmp_path: Path) -> None:
    damaged = run / "samples" / "step-000000020"
    (damaged / "attention.npz").unlink()
    with pytest.raises(ValueError, match=f"{re.escape(str(damaged))} cannot be read .*: delete it"):
        build_report(run, tmp_path / "out")


def test_samples_of_a_step_replace_those_of_before(tmp_path: Path) -> None:
    for text in ("Dogs", "Three dogs."):
        Samples(7, (make_translation("Drei Hunde.", text),), ("x",)).save(tmp_path)
    (only,) = load_samples(tmp_path)
    assert (only.step, only.translations[0].text, only.references) == (7, "Three dogs.", ("x",))
    assert load_samples(tmp_path / "nothing") == []


def test_page_inlines_the_same_report_and_no_markup_from_data(run: Path, tmp_path: Path) -> None:
    page = build_report(run, tmp_path / "out")
    text = page.read_text(encoding="utf-8")
    [data] = re.findall(r'<script type="text/plain" id="report-gzip">(.*?)</script>', text, re.DOTALL)
    assert json.loads(gzip.decompress(base64.b64decode(data, validate=True))) == report_of(page)
    assert "alert(1)</script>" not in text
    assert len(re.findall("<script", text)) == 3
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)


def test_the_page_names_how_much_of_the_training_data_was_looked_at(run: Path, tmp_path: Path) -> None:
    page = build_report(run, tmp_path / "out").read_text(encoding="utf-8")
    assert f"of which at most {MOST_PAIRS:,} pairs are counted" in page
    assert f"training pairs, of {MOST_EXAMPLES:,} of them at most" in page


def test_who_waits_for_a_large_page_is_told_so_and_sees_how_far_it_is(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    seen = []

    def watched(items: Iterable[tuple], total: int, what: str) -> list[tuple]:
        seen.append((total, what))
        return list(items)

    monkeypatch.setattr(sentences, "watched", watched)
    build_report(run, tmp_path / "out")
    assert (seen, capsys.readouterr().err) == ([(len(SENTENCES), "sentences of test")], "")
    monkeypatch.setattr(build, "MANY_SENTENCES", len(SENTENCES) - 1)
    build_report(run, tmp_path / "out")
    assert capsys.readouterr().err.startswith(f"nmt report: the page of {len(SENTENCES)} sentences will have about")


def test_a_hostile_run_name_is_escaped(tmp_path: Path) -> None:
    run = make_run(tmp_path / "<b>&")
    text = build_report(run, tmp_path / "out").read_text(encoding="utf-8")
    assert f"<title>{html.escape('<b>&')} · translation report</title>" in text


def test_without_metrics_and_config_the_report_is_built(run: Path, tmp_path: Path) -> None:
    (run / "metrics.csv").unlink()
    (run / "config.yaml").unlink()
    report = report_of(build_report(run, tmp_path / "out"))
    assert report["training"] == []
    assert report["run"]["config"] is None


def test_missing_records_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nope: no such folder; give a run \(runs/<name>\)$"):
        build_report(tmp_path / "nope", tmp_path / "out")
    (tmp_path / "run").mkdir()
    with pytest.raises(FileNotFoundError, match=r"make one with `nmt evaluate .*run`$"):
        build_report(tmp_path / "run", tmp_path / "out")
    make_evaluation(tmp_path / "run")
    (tmp_path / "run" / "evaluations" / "test" / "references.jsonl").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks references.jsonl: .* `nmt evaluate runs/toy --split test`$"):
        build_report(tmp_path / "run", tmp_path / "out")
    (tmp_path / "run" / "evaluations" / "test" / "scores.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks scores.json: make it again with .*run --split test`$"):
        build_report(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_cell_that_is_no_number_is_named_by_its_line(run: Path, tmp_path: Path) -> None:
    (run / "metrics.csv").write_text("step,train_loss\n1,2.0\n2,much\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics.csv:3: a cell is not a number"):
        build_report(run, tmp_path / "out")


def test_the_rows_of_all_sentences_hold_nothing_that_only_the_page_needs(run: Path) -> None:
    evaluation = Evaluation.load(run / "evaluations" / "test")
    for row in sentences.sentence_rows(evaluation, evaluation):
        for side in ("hypothesis", "reference", "baseline"):
            later = {name for name, value in row[side].items() if callable(value)} - {"beam"}
            assert later == {"words_of_token", "probabilities", "alternatives", "attention"}
        assert callable(row["beam"])
        assert callable(row["baseline"]["beam"])
        assert all(callable(branch["attention"]) for branch in row["branches"])


def test_the_data_are_written_sentence_by_sentence() -> None:
    report = {"evaluations": [{"sentences": [{"a": "]}"}, {"a": 2}], "b": 3}, {"sentences": []}], "version": [4]}
    pieces = list(build._pieces(report, "evaluations", "sentences"))
    assert max(map(len, pieces)) == len('{"version":[4],"evaluations":[')
    assert json.loads("".join(pieces)) == report


def test_a_page_is_compressed_as_a_whole_however_it_comes() -> None:
    parts = [np.random.default_rng(size).bytes(size) for size in (1, 70_000, 2, 300_000)]
    pieces = list(build._compressed(parts))
    assert gzip.decompress(base64.b64decode("".join(pieces), validate=True)) == b"".join(parts)
    assert max(map(len, pieces)) < len("".join(pieces))
    assert list(build._compressed(parts)) == pieces


def test_a_failed_build_leaves_the_old_report(run: Path, tmp_path: Path) -> None:
    page = build_report(run, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in page.parent.iterdir()}
    assert set(before) == {"report.html", "report.json", "sentences.csv", "words.csv", "alignments.pharaoh"}
    (run / "evaluations" / "test" / "scores.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="scores.json"):
        build_report(run, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in page.parent.iterdir()} == before


def test_the_report_is_built_without_torch() -> None:
    check = "import sys, nmt.report.build; assert not {'torch', 'pytorch_lightning', 'datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_distribution_counts_every_sentence_once() -> None:
    [trace] = distribution_figure([0, 4.99, 5, 97, 100])["data"]
    counts = dict(zip(map(tuple, trace["customdata"]), trace["y"], strict=True))
    assert {bounds: count for bounds, count in counts.items() if count} == {(0, 5): 2, (5, 10): 1, (95, 100): 2}


def test_curves_share_their_steps_and_mark_those_whose_weights_were_kept() -> None:
    rows = [{"step": 1, "val_bleu": 2.0, "train_loss": 3.0}, {"step": 9, "val_bleu": 4.0}]
    loss, bleu = training_figures(rows, [{"step": 20, "val_bleu": 5.0, "only_there": 1.0}], kept_step=9)
    assert loss["layout"]["xaxis"]["range"] == bleu["layout"]["xaxis"]["range"] == [0, pytest.approx(20.4)]
    how = [(each["name"], each["line"]["dash"], each["marker"]["symbol"]) for each in bleu["data"]]
    assert how == [("this run", "solid", "circle"), ("baseline", "dash", "circle-open")]
    assert len({each["line"]["color"] for each in bleu["data"]}) == 2
    assert [trace["name"] for trace in loss["data"]] == ["this run"]
    [line] = bleu["layout"]["shapes"]
    assert (line["x0"], line["x1"]) == (9, 9)
    assert "shapes" not in training_figures(rows)[0]["layout"]


def test_the_step_of_the_kept_weights_and_the_curves_of_a_baseline_are_read(run: Path, tmp_path: Path) -> None:
    (run / "model").mkdir()
    (run / "model" / "config.json").write_text('{"training": {"step": 21}}', encoding="utf-8")
    before = make_run(tmp_path / "runs" / "before")
    make_evaluation(run, name="greedy")

    def likelihood(baseline: Path | None) -> dict:
        return report_of(build_report(run, tmp_path / "out", baseline))["training"][0]

    own = ["training", "validation"]
    both = [*own, "training, baseline", "validation, baseline"]
    for baseline, names in (
        (None, own), (before, both), (before / "evaluations" / "test", both), (run / "evaluations" / "greedy", own),
    ):  # fmt: skip
        figure = likelihood(baseline)
        assert [trace["name"] for trace in figure["data"]] == names
        assert figure["layout"]["shapes"][0]["x0"] == 21
    (run / "model" / "config.json").write_text("{", encoding="utf-8")
    assert "shapes" not in likelihood(None)["layout"]


def test_the_evenness_of_the_attention_stands_behind_its_entropy() -> None:
    figures = training_figures([{"step": 1, "val_attention_evenness": 0.5, "val_attention_entropy": 1.2}])
    told = [(figure["layout"]["title"]["text"], figure["layout"]["yaxis"]["title"]["text"]) for figure in figures]
    assert told == [
        ("Entropy of the attention", "nats a target token"),
        ("Evenness of the attention", "share of the most entropy"),
    ]


def test_an_unknown_column_gets_a_chart_of_its_own() -> None:
    figures = training_figures([{"step": 1, "my_loss": 2.0, "train_loss": 3.0}])
    assert [figure["layout"]["title"]["text"] for figure in figures] == ["What is minimised", "my_loss"]
    assert training_figures([]) == []


def test_weights_that_rounding_took_out_of_bounds_are_packed_as_the_bounds() -> None:
    assert pack_attention(np.array([[-1e-6, 1.01]])) == pack_attention(np.array([[0.0, 1.0]]))
