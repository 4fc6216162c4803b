"""Lines of output: one for each translation, or one for each hypothesis, whatever the text holds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nmt.decoding.translation import Translation
from nmt.pipe.output import OutputFormat

BEST = Translation(
    source="ab c",
    source_tokens=("<s>", "a", "b", " c"),
    source_spans=((0, 0), (0, 1), (1, 2), (2, 4)),
    text="x y",
    tokens=("x", " y", "</s>"),
    spans=((0, 1), (1, 3), (0, 0)),
    token_log_probs=(-0.1,) * 3,
    attention=np.array([[0.0, 0.1, 0.1, 0.8], [0.2, 0.5, 0.3, 0.0], [1.0, 0.0, 0.0, 0.0]], np.float32),
    alternatives=((("x", -0.1),),) * 3,
    log_prob=-0.3,
    score=-0.123456,
    finished=True,
)
WORSE = replace(BEST, text="z", tokens=("z", "</s>"), spans=((0, 1), (0, 0)), attention=BEST.attention[1:], score=-2.0)


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({}, "x y"),
        ({"scores": True}, "x y ||| -0.1235"),
        ({"alignments": "hard"}, "x y ||| 0-1 1-0"),
        ({"alignments": "soft", "scores": True}, "x y ||| -0.1235 ||| 0-0:0.20 0-1:0.80 1-0:0.80"),
        ({"form": "tsv"}, "ab c\tx y"),
        ({"form": "tsv", "scores": True, "alignments": "hard"}, "ab c\tx y\t-0.1235\t0-1 1-0"),
    ],
)
def test_a_line_holds_what_is_asked_for(wanted: dict, line: str) -> None:
    assert OutputFormat(**wanted).write(7, BEST).decode() == f"{line}\n"


def test_an_n_best_list_has_a_line_for_each_hypothesis_with_the_number_of_its_source() -> None:
    both = replace(BEST, others=(WORSE,))
    moses = b"7 ||| x y ||| -0.1235\n7 ||| z ||| -2.0000\n"
    assert OutputFormat(n_best=2).write(7, both) == moses
    table = b"7\tab c\tx y\t-0.1235\t0-1 1-0\n7\tab c\tz\t-2.0000\t0-0\n"
    assert OutputFormat("tsv", 2, alignments="hard").write(7, both) == table


def test_a_json_line_is_the_record() -> None:
    (line,) = OutputFormat("jsonl").write(7, BEST).splitlines()
    fields = json.loads(line)
    assert json.dumps(fields) == json.dumps(BEST.to_json())
    assert Translation.from_json(fields, BEST.attention).text == "x y"


def test_a_json_line_holds_links_and_the_other_hypotheses() -> None:
    both = replace(BEST, others=(WORSE,))
    fields = json.loads(OutputFormat("jsonl", 2, alignments="hard").write(7, both))
    assert fields["alignment"] == [[0, 1], [1, 0]]
    assert [(each["text"], each["alignment"]) for each in fields["others"]] == [("z", [[0, 0]])]
    soft = json.loads(OutputFormat("jsonl", alignments="soft").write(7, BEST))["alignment"]
    assert soft == [[0, 0, 0.2], [0, 1, 0.8], [1, 0, 0.8]]


def test_a_json_line_has_the_name_of_its_input_whatever_that_is() -> None:
    for name in ("seg-17", 0, ""):
        assert json.loads(OutputFormat("jsonl").write(7, BEST, name))["id"] == name
    assert json.loads(OutputFormat("jsonl", 2).write(7, BEST))["others"] == [], "there was no other"


@pytest.mark.parametrize(
    ("wanted", "line"),
    [({}, "-0.3000"), ({"alignments": "hard"}, "-0.3000 ||| 0-1 1-0"), ({"form": "tsv"}, "ab c\tx?\t-0.3000")],
)
def test_a_translation_that_was_given_has_its_log_probability(wanted: dict, line: str) -> None:
    given = replace(BEST, text="x\ud800") if wanted.get("form") == "tsv" else BEST
    assert OutputFormat(**wanted).write_score(given).decode() == f"{line}\n"


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "tab\there", "\x85 \u2028 \u2029 \x0b\x0c\x1c", "\ud800", "\x00"])
@pytest.mark.parametrize("form", ["text", "tsv", "jsonl"])
def test_no_text_makes_a_second_line_or_column(form: str, text: str) -> None:
    line = OutputFormat(form).write(0, replace(BEST, source=text, text=text)).decode()
    assert line.count("\n") == len(line.splitlines()) == 1
    if form == "jsonl":
        assert json.loads(line)["text"] == text
    else:
        assert line.count("\t") == (form == "tsv")
