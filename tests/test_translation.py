import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmt.data.json_files import load_json_lines
from nmt.decoding.translation import Translation, load_translations, save_translations

HOSTILE = [
    "",
    " ",
    "Zwei Hunde.",
    "a\nb\r\nc\rd",
    "tab\tnul\x00 bell\x07 next line\x85 separators\u2028\u2029",
    "lone surrogates \ud800 \udc80, after a backslash \\\udfff",
    'quotes " \\" \\u00e9 </script><!-- {}',
    "\ufeff\u202e שלום 💩 e\u0301 \U0010ffff",
    "x" * 20_000,
]


def translation(text: str, rows: int = 3, columns: int = 2) -> Translation:
    attention = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns) + len(text)
    return Translation(
        source=f"{text}?",
        source_tokens=(text,) * columns,
        source_spans=((0, 0), (1, 2)),
        text=text,
        tokens=(text,) * rows,
        spans=((0, 1),) * rows,
        token_log_probs=(-0.1,) * rows,
        attention=attention,
        alternatives=(((text, -0.1), ("</s>", -2.5)),) * rows,
        log_prob=-0.3,
        score=-0.1,
        finished=rows % 2 == 0,
    )


def assert_equal(left: Translation, right: Translation) -> None:
    assert left.to_json() == right.to_json()
    assert left.attention.dtype == right.attention.dtype == np.float32
    np.testing.assert_array_equal(left.attention, right.attention)


def test_records_of_any_text_and_shape_come_back_in_order(tmp_path: Path) -> None:
    records = [translation(text, rows, rows + 2) for rows, text in enumerate(HOSTILE)]
    save_translations(tmp_path / "new" / "folder", records)
    loaded = load_translations(tmp_path / "new" / "folder")
    assert len(loaded) == len(records)
    for left, right in zip(loaded, records, strict=True):
        assert_equal(left, right)


def test_a_beam_comes_back_and_is_not_mentioned_where_none_was_kept(tmp_path: Path) -> None:
    beam = (((0, "A", -0.5), (0, "The", -1.5)), ((1, "</s>", -0.25),))
    save_translations(tmp_path, [replace(translation("one"), beam=beam), translation("two")])
    assert [each.beam for each in load_translations(tmp_path)] == [beam, ()]
    lines = (tmp_path / "translations.jsonl").read_text(encoding="utf-8").splitlines()
    assert ["beam" in json.loads(line) for line in lines] == [True, False]


def test_unmet_demands_come_back_and_older_records_have_none(tmp_path: Path) -> None:
    save_translations(tmp_path, [replace(translation("one"), unmet=("does not contain 'two'",)), translation("two")])
    assert [each.unmet for each in load_translations(tmp_path)] == [("does not contain 'two'",), ()]
    path = tmp_path / "translations.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"unmet": [], ', ""), encoding="utf-8")
    assert [each.unmet for each in load_translations(tmp_path)] == [("does not contain 'two'",), ()]


def test_records_are_one_line_of_json_each_in_utf8(tmp_path: Path) -> None:
    save_translations(tmp_path, [translation(text) for text in HOSTILE])
    lines = (tmp_path / "translations.jsonl").read_bytes().decode("utf-8").split("\n")
    assert [json.loads(line)["text"] for line in lines[:-1]] == HOSTILE
    assert lines[-1] == ""
    assert "שלום" in lines[7]


def test_records_that_are_read_share_what_is_alike(tmp_path: Path) -> None:
    save_translations(tmp_path, [translation("one"), translation("one")])
    left, right = load_translations(tmp_path)
    assert left.tokens[0] is right.tokens[0] is left.source_tokens[0] is right.alternatives[0][0][0]


def test_lines_of_json_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text('{"a": 1}\n{\n', encoding="utf-8")
    lines = load_json_lines(tmp_path / "lines")
    assert next(lines) == {"a": 1}
    with pytest.raises(ValueError, match="lines:2: not JSON"):
        next(lines)


def test_no_records_make_files_too(tmp_path: Path) -> None:
    save_translations(tmp_path, [])
    assert load_translations(tmp_path) == []


def test_saving_again_leaves_nothing_of_before(tmp_path: Path) -> None:
    save_translations(tmp_path, [translation("one"), translation("two")])
    save_translations(tmp_path, iter([translation("three", rows=1)]))
    (loaded,) = load_translations(tmp_path)
    assert_equal(loaded, translation("three", rows=1))


def test_missing_records_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="attention.npz"):
        load_translations(tmp_path)


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    save_translations(tmp_path, [translation("one")])
    path = tmp_path / "translations.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"version": 1', '"version": 2'), encoding="utf-8")
    with pytest.raises(ValueError, match="format version 2, this program reads 1"):
        load_translations(tmp_path)


def test_truncated_records_are_refused_with_their_place(tmp_path: Path) -> None:
    save_translations(tmp_path, [translation("one"), translation("two")])
    path = tmp_path / "translations.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("\n") + 10], encoding="utf-8")
    with pytest.raises(ValueError, match=r"translations.jsonl:2: not JSON"):
        load_translations(tmp_path)
    line = text[: text.index("\n") + 1]
    for lines in (1, 4):
        path.write_text(line * lines, encoding="utf-8")
        with pytest.raises(ValueError, match=f"{lines} translations but 2 attention matrices"):
            load_translations(tmp_path)


def test_arrays_are_loaded_without_pickle(tmp_path: Path) -> None:
    save_translations(tmp_path, [translation("one")])
    np.savez(tmp_path / "attention.npz", weights=np.array([{}], dtype=object), shapes=np.array([[1, 1]]))
    with pytest.raises(ValueError, match="attention.npz is no archive of attention that nmt has written"):
        load_translations(tmp_path)


def test_a_source_is_complete_where_its_last_token_has_no_text() -> None:
    record = replace(translation("x"), source="ab", source_tokens=("<s>", "ab", "▁"))
    assert replace(record, source_spans=((0, 0), (0, 2), (0, 0))).source_complete
    assert not replace(record, source_spans=((0, 0), (0, 1), (0, 0))).source_complete
