import errno
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmt.decoding.translation import Translation
from nmt.evaluation import results
from nmt.evaluation.aer import AlignmentScore
from nmt.evaluation.branches import Branch, Fork
from nmt.evaluation.frequencies import TrainingCounts
from nmt.evaluation.insight import Insight
from nmt.evaluation.metrics import Score
from nmt.evaluation.results import Evaluation, installed_versions
from nmt.evaluation.shift import Shift

SCORE = Score("BLEU", 38.1, 37.0, None, "nrefs:1|version:2.6.0", "cased, detokenised", True)


def translation(text: str) -> Translation:
    return Translation(
        source=text,
        source_tokens=("<s>", text),
        source_spans=((0, 0), (0, len(text))),
        text=text,
        tokens=(text,),
        spans=((0, len(text)),),
        token_log_probs=(-0.5,),
        attention=np.array([[0.25, 0.75]], dtype=np.float32),
        alternatives=(((text, -0.5),),),
        log_prob=-0.5,
        score=-0.5,
        finished=False,
    )


def evaluation(*texts: str) -> Evaluation:
    return Evaluation(
        split="test_2016",
        src="de",
        tgt="en",
        translations=tuple(translation(text) for text in texts),
        references=tuple(f"{text}!" for text in texts),
        forced=tuple(translation(f"{text}!") for text in texts),
        gold=tuple(((0, number), (1, 0, 0)) if number % 2 else None for number in range(len(texts))),
        scores=(SCORE,),
        alignment=AlignmentScore(0.2, 0.9, 0.75, 12, "forced decoding"),
        search={"decoding": "beam 5, fp32", "beam_size": 5, "length_penalty": 1.0},
        checkpoint="checkpoints/best.ckpt",
        command="nmt evaluate runs/x",
        seconds=1.5,
    )


def content(saved: Evaluation) -> dict[str, object]:
    """All fields, in a form that == can compare."""

    def records(of: tuple[Translation, ...]) -> list[tuple]:
        return [(record.to_json(), record.attention.tolist()) for record in of]

    return {**vars(saved), "translations": records(saved.translations), "forced": records(saved.forced)}


@pytest.mark.parametrize("alignment", [None, AlignmentScore(0.2, 0.9, 0.75, 12, "forced decoding")])
def test_an_evaluation_comes_back(tmp_path: Path, alignment: AlignmentScore | None) -> None:
    made = evaluation("eins", "", "lone \ud800\n\u2028\x85\x00", "שלום 💩")
    counts = TrainingCounts({"eins": 3, "שלום": 1, "\ud800": 2}, {}, 9, 10)
    known = {"seen": (1, 3), "seen_references": (2,), "training_counts": counts, "source_worth": 0.5}
    known["shift"] = Shift(1, 3, -1, 20.5, 60.25)
    saved = replace(made, alignment=alignment, **(known if alignment else {}))
    saved.save(tmp_path / "evaluations" / "test_2016")
    assert content(Evaluation.load(tmp_path / "evaluations" / "test_2016")) == content(saved)


def test_each_reference_has_its_record() -> None:
    with pytest.raises(ValueError, match="evaluation of test_2016: .* 2 references, 1 of them under forced decoding"):
        replace(evaluation("eins", "zwei"), forced=(translation("eins!"),))


def test_search_errors_are_references_that_rank_above_what_was_found() -> None:
    plain = evaluation("eins", "zwei", "drei", "vier")
    scores = -0.4, -0.6, -0.5, -0.4  # what was found has -0.5
    forced = tuple(
        replace(translation(text), score=score) for text, score in zip(plain.references, scores, strict=True)
    )
    forced = *forced[:3], replace(forced[3], text="vier")  # the same, in other tokens
    beam = {**plain.search, "method": "beam", "mbr": "none"}
    assert replace(plain, forced=forced, search=beam).search_errors() == [0]
    ended = forced[0], replace(forced[1], finished=True), *forced[2:]  # what was found has been cut off
    assert replace(plain, forced=ended, search=beam).search_errors() == [0, 1]
    for search in ({**beam, "mbr": "chrf"}, {**beam, "method": "sample"}, {**beam, "shortlist": True}):
        assert replace(plain, forced=forced, search=search).search_errors() is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 1]),
        ({"no_repeat_ngram": 1}, [0]),
        ({"no_repeat_ngram": 2}, [0, 1]),
        ({"min_length": 2}, [1]),
        ({"max_length": 1}, [0]),
        ({"max_length_ratio": 0.5, "max_length_offset": 1}, [0]),
    ],
)
def test_what_the_options_of_the_search_forbid_it_has_not_missed(options: dict, expected: list[int]) -> None:
    plain = evaluation("eins", "zwei zwei")
    tokens = ("eins", "</s>"), ("zwei", "zwei", "</s>")
    forced = tuple(
        replace(translation(text), tokens=each, score=-0.4, finished=True)
        for text, each in zip(plain.references, tokens, strict=True)
    )
    search = {**plain.search, "method": "beam", "mbr": "none", **options}
    assert replace(plain, forced=forced, search=search).search_errors() == expected


def test_search_errors_are_also_branches_that_rank_above_what_was_found() -> None:
    plain = evaluation("eins", "zwei", "drei", "vier", "fünf")
    found = tuple(replace(each, finished=True) for each in plain.translations)  # each has -0.5
    better, same = replace(found[0], score=-0.4, text="uno"), replace(found[0], score=-0.50005, text="uno")
    tried = {0: [same, better], 1: [same], 2: [replace(better, finished=False)], 4: [replace(better, text="fünf")]}
    made = replace(
        plain,
        translations=found,
        forced=tuple(replace(translation(text), score=-0.6, finished=True) for text in plain.references),
        insight=Insight(
            branches=tuple(Branch(Fork(sentence, 0, "u"), each) for sentence, some in tried.items() for each in some)
        ),
        search={**plain.search, "method": "beam", "mbr": "none"},
    )
    assert made.search_errors() == [0]
    both = replace(made, forced=(*made.forced[:3], replace(made.forced[3], score=-0.3), made.forced[4]))
    assert both.search_errors() == [0, 3]
    assert replace(made, search={**made.search, "mbr": "chrf"}).search_errors() is None
    assert replace(made, given="other.en").search_errors() is None


def test_search_errors_are_also_translations_of_evaluations_that_give_the_same_scores() -> None:
    plain = evaluation("eins", "zwei", "drei")
    beam = {**plain.search, "method": "beam", "mbr": "none"}
    forced = tuple(replace(translation(text), score=-0.6) for text in plain.references)
    made = replace(plain, forced=forced, search=beam)
    one, two, three = made.translations  # each has -0.5
    others = replace(one, text="uno", score=-0.4), replace(two, text="due"), replace(three, score=-0.4)
    other = replace(made, name="other", translations=others)
    assert made.scored_alike([made, other]) == [other]
    assert made.search_errors([other]) == [0]
    assert made.search_errors() == []
    near = replace(forced[0], score=-0.60009)
    assert made.scores_as(replace(other, forced=(near, *forced[1:])))
    for unlike in (
        replace(other, forced=(replace(forced[0], score=-0.6002), *forced[1:])),
        replace(other, forced=(replace(forced[0], source="one"), *forced[1:])),
        replace(other, search={**beam, "mbr": "chrf"}),
        replace(evaluation("eins", "zwei"), name="other", forced=forced[:2], search=beam),
    ):
        assert made.scored_alike([unlike]) == [] == unlike.scored_alike([made])


def test_files_have_the_layout_that_the_report_reads(tmp_path: Path) -> None:
    folder = tmp_path / "test_2016"
    evaluation("eins", "größer").save(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "attention.npz",
        "forced",
        "references.jsonl",
        "scores.json",
        "translations.jsonl",
    ]
    lines = (folder / "references.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines == [
        '{"reference": "eins!", "alignment": null}',
        '{"reference": "größer!", "alignment": [[0, 1], [1, 0, 0]]}',
    ]
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert scores == {
        "version": 3,
        "split": "test_2016",
        "name": "",
        "given": "",
        "src": "de",
        "tgt": "en",
        "sentences": 2,
        "search": {"decoding": "beam 5, fp32", "beam_size": 5, "length_penalty": 1.0},
        "checkpoint": "checkpoints/best.ckpt",
        "command": "nmt evaluate runs/x",
        "seconds": 1.5,
        "scores": [
            {
                "name": "BLEU",
                "score": 38.1,
                "low": 37.0,
                "high": None,
                "signature": "nrefs:1|version:2.6.0",
                "form": "cased, detokenised",
                "higher_is_better": True,
            }
        ],
        "alignment": {
            "aer": 0.2,
            "precision": 0.9,
            "recall": 0.75,
            "links": 12,
            "method": "forced decoding",
            "possible": 0,
        },
        "source_worth": None,
        "shift": None,
        "seen": None,
        "seen_references": None,
        "versions": installed_versions(),
    }
    assert {"python", "sacrebleu", "sacremoses", "torch"} <= scores["versions"].keys()


def test_saving_again_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    evaluation("eins", "zwei").save(tmp_path / "test")
    evaluation("drei").save(tmp_path / "test")
    assert Evaluation.load(tmp_path / "test").references == ("drei!",)
    assert [path.name for path in tmp_path.iterdir()] == ["test"]


def test_two_that_save_at_once_do_not_break_each_other(tmp_path: Path) -> None:
    made = [evaluation("eins"), evaluation("zwei")]
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(one.save, tmp_path / "evaluations" / "test") for one in made * 10]:
            each.result()
    assert Evaluation.load(tmp_path / "evaluations" / "test").references in (("eins!",), ("zwei!",))
    assert [path.name for path in (tmp_path / "evaluations").iterdir()] == ["test"]


def test_crash_while_writing_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation("eins").save(tmp_path / "test")
    with monkeypatch.context() as patch:
        patch.setattr(results, "save_json", crash)
        with pytest.raises(KeyboardInterrupt):
            evaluation("zwei").save(tmp_path / "test")
    assert Evaluation.load(tmp_path / "test").references == ("eins!",)
    evaluation("drei").save(tmp_path / "test")
    assert [path.name for path in tmp_path.iterdir()] == ["test"]


def test_a_full_disk_is_named_and_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    evaluation("old").save(tmp_path / "flickr")
    monkeypatch.setattr(results, "save_translations", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*flickr"):
        evaluation("new").save(tmp_path / "flickr")
    assert Evaluation.load(tmp_path / "flickr").translations[0].text == "old"


@pytest.mark.parametrize("moves", [0, 1])
def test_crash_while_moving_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    evaluation("eins").save(tmp_path / "test")
    move, done = Path.rename, []

    def rename(path: Path, target: Path) -> Path:
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(path)
        return move(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            evaluation("zwei").save(tmp_path / "test")
    assert Evaluation.load(tmp_path / "test").references == ("eins!",)
    evaluation("drei").save(tmp_path / "test")
    assert Evaluation.load(tmp_path / "test").references == ("drei!",)
    assert [path.name for path in tmp_path.iterdir()] == ["test"]


def test_what_a_killed_process_wrote_is_no_part_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_branch = replace(evaluation("eins"), insight=Insight(branches=(Branch(Fork(0, 0, "u"), translation("uno")),)))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            with_branch.save(tmp_path / "test")
    evaluation("eins").save(tmp_path / "test")
    assert Evaluation.load(tmp_path / "test").insight == Insight()


def test_crash_while_the_old_is_removed_leaves_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation("eins").save(tmp_path / "test")
    remove = shutil.rmtree

    def crash_at_the_old(path: str | Path, **options: Any) -> None:
        if Path(path).exists() and not Path(path).name.startswith("attention.npz."):  # where new attention waits
            crash()
        remove(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", crash_at_the_old)
        with pytest.raises(KeyboardInterrupt):
            evaluation("zwei").save(tmp_path / "test")
    assert Evaluation.load(tmp_path / "test").references == ("zwei!",)


def crash(*args: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_no_evaluation_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no evaluation in .*test: make it with `nmt evaluate`"):
        Evaluation.load(tmp_path / "test")


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    evaluation("eins").save(tmp_path)
    (tmp_path / "scores.json").write_text('{"version": 1}')
    with pytest.raises(ValueError, match="scores.json: format version 1, this program reads 3"):
        Evaluation.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fields: fields.pop("search"), "there is no 'search'"),
        (lambda fields: fields["scores"][0].pop("form"), "'form'"),
        (lambda fields: fields.update(alignment=3), "argument after"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, change: Callable[[dict], object], message: str) -> None:
    evaluation("eins").save(tmp_path / "test")
    path = tmp_path / "test" / "scores.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=f"test holds no whole evaluation.*{message}.*: run `nmt evaluate` again"):
        Evaluation.load(tmp_path / "test")


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    evaluation("eins", "zwei").save(tmp_path / "test")
    path = tmp_path / "test" / "references.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    with pytest.raises(ValueError, match="2 translations, 1 references, .* and 1 gold"):
        Evaluation.load(tmp_path / "test")
    path.write_text('{"reference": "eins!", "alignment": null}\n{"refer\n')
    with pytest.raises(ValueError, match="references.jsonl:2: not JSON"):
        Evaluation.load(tmp_path / "test")
