"""What else a translation could have been: the narrowest steps, and how the search goes on from another token."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SENTENCES
from test_results import content, evaluation

from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Request, Translation
from nmt.decoding.translator import Translator
from nmt.evaluation.branches import Branch, Fork, branch, divergence, forks, load_branches, narrowest
from nmt.evaluation.insight import Insight
from nmt.evaluation.results import Evaluation

SOURCES = [source for source, _ in SENTENCES]


def record(*steps: tuple[tuple[str, float], ...]) -> Translation:
    """A translation whose token at each step is the first that is named, beside its alternatives, best first."""
    best_first = tuple(tuple(sorted(step, key=lambda each: -each[1])) for step in steps)
    return Translation(
        source="x",
        source_tokens=("<s>", "x"),
        source_spans=((0, 0), (0, 1)),
        text="",
        tokens=tuple(step[0][0] for step in steps),
        spans=((0, 0),) * len(steps),
        token_log_probs=tuple(step[0][1] for step in steps),
        attention=np.full((len(steps), 2), 0.5, np.float32),
        alternatives=best_first,
        log_prob=0.0,
        score=0.0,
        finished=True,
    )


def test_the_narrowest_steps_are_those_whose_token_was_least_ahead() -> None:
    found = record(
        (("a", -0.5), ("b", -1.5), ("c", -3.0)),  # ahead by 1
        (("d", -2.0), ("e", -1.0), ("f", -4.0)),  # behind by 1: the beam had its reasons
        (("g", -0.1), ("h", -4.1), ("i", -5.0)),  # ahead by 4
        (("</s>", -0.7), ("j", -0.9)),  # ahead by 0.2
    )
    assert narrowest(found, 2) == [(1, "e"), (3, "j")]
    assert narrowest(found, 9) == [(0, "b"), (1, "e"), (2, "h"), (3, "j")]
    assert narrowest(found, 0) == []


def test_there_is_nothing_to_go_on_from_behind_an_end() -> None:
    impossible = (("b", -0.5), ("c", -math.inf))
    assert narrowest(record((("a", -0.7), ("</s>", -0.8), ("b", -0.9)), impossible, (("d", -0.1),)), 3) == []


def steps(*tokens: str) -> Translation:
    return record(*((((token, -0.5), ("x", -0.6))) for token in tokens))


def test_a_translation_leaves_its_reference_at_the_first_other_token() -> None:
    assert divergence(steps("a", "b", "c", "</s>"), steps("a", "d", "e", "</s>")) == (1, "d")
    assert divergence(steps("a", "</s>"), steps("a", "d", "</s>")) == (1, "d")
    for same in (("a", "b", "</s>"), ("a", "b"), ("a", "</s>"), ("a", "<unk>", "</s>"), ()):
        assert divergence(steps("a", "b", "</s>"), steps(*same)) is None


def test_a_fork_that_the_reference_takes_is_tried_once() -> None:
    found, references = [steps("a", "b", "c")] * 4, [steps("a", "x", "c"), steps("a", "b", "d"), steps("a", "b", "c")]
    references.append(steps("x", "b"))
    places = forks(found, references, 1)
    assert places == [
        (0, 0, "x", False),
        (0, 1, "x", True),
        (1, 0, "x", False),
        (1, 2, "d", True),
        *[(2, 0, "x", False)],
        (3, 0, "x", True),
    ]


def test_a_branch_has_the_other_token_and_all_that_was_before_it(model_folder: Path) -> None:
    translator, options = Translator.load(model_folder, device="cpu"), SearchOptions(beam_size=2, keep_beam=True)
    translations = list(translator.translate(SOURCES, options))
    places = forks(translations, list(translator.force(SENTENCES)), 2)
    branches = list(branch(translator, SOURCES, translations, places, options, size=3))
    assert [each.fork for each in branches] == places
    assert sum(each.fork.as_reference for each in branches) == len(SOURCES)
    assert len(branches) > len(SOURCES)
    for each in branches:
        left = translations[each.fork.sentence]
        assert each.fork.token != left.tokens[each.fork.step]
        assert each.translation.source == left.source
        assert (bool(left.beam), each.translation.beam) == (True, ()), "what is asked of the sentence is not of these"
        assert each.translation.tokens[: each.fork.step + 1] == (*left.tokens[: each.fork.step], each.fork.token)
        assert each.translation.finished or len(each.translation.tokens) > each.fork.step + 1


def test_tokens_to_begin_with_are_taken_as_they_are(model_folder: Path) -> None:
    translator = Translator.load(model_folder, device="cpu")
    assert translator.translate(Request(SOURCES[0], prefix_tokens=("e", "▁", "n"))).tokens[:3] == ("e", "▁", "n")
    with pytest.raises(ValueError, match="token 'never' is not in the vocabulary"):
        translator.translate(Request(SOURCES[0], prefix_tokens=("never",)))
    with pytest.raises(ValueError, match="prefix_tokens: .* must be empty beside a prefix"):
        Request("x", prefix="a", prefix_tokens=("b",))


def test_branches_come_back_with_their_evaluation(tmp_path: Path) -> None:
    plain = evaluation("eins", "zwei")
    other = evaluation("drei").translations[0]
    left = Fork(1, 0, "▁dr\u2028"), Fork(1, 2, "x", as_reference=True)
    saved = replace(plain, insight=Insight(branches=tuple(Branch(fork, other) for fork in left)))
    saved.save(tmp_path / "test")
    loaded = Evaluation.load(tmp_path / "test")
    assert [(each.fork, each.translation.to_json()) for each in loaded.insight.branches] == [
        (fork, other.to_json()) for fork in left
    ]
    assert content(replace(loaded, insight=Insight())) == content(plain)
    places = tmp_path / "test" / "branches" / "places.jsonl"
    places.write_text('{"sentence": 0, "step": 2, "token": "x"}\n' * 2)  # as it was written once
    assert [each.fork for each in load_branches(places.parent)] == [Fork(0, 2, "x")] * 2
    places.write_text("")
    with pytest.raises(ValueError, match="0 places but 2 translations"):
        load_branches(tmp_path / "test" / "branches")
