"""Translation at a terminal: the map fits its width and cannot be broken by what the words hold."""

import os
import pty
import re
import select
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmt.data.words import split_words
from nmt.decoding.translation import Translation
from nmt.pipe.terminal import attention_map, fitted, printable, width


def record(source: str, text: str) -> Translation:
    """A token for each word; target word t attends to source word t with 0.8, the rest goes to the first."""
    src, tgt = split_words(source), split_words(text)
    attention = np.zeros((len(tgt) + 1, len(src) + 1), np.float32)
    attention[:, min(1, len(src))] += 0.2
    for row in range(len(tgt) + 1):
        attention[row, min(row + 1, len(src))] += 0.8
    return Translation(
        source,
        ("<s>", *(source[slice(*span)] for span in src)),
        ((0, 0), *src),
        text,
        (*(text[slice(*span)] for span in tgt), "</s>"),
        (*tgt, (0, 0)),
        (0.0,) * (len(tgt) + 1),
        attention,
        ((),) * (len(tgt) + 1),
        0.0,
        0.0,
        True,
    )


def test_a_map_has_a_row_for_each_word_and_a_column_as_wide_as_the_word_of_the_source() -> None:
    shown = attention_map(record("der Hund läuft", "the dog runs"), 40, colour=False)
    assert shown == (
        "     der Hund läuft\n"
        "the  ███\n"
        "dog  ▂▂▂ ▆▆▆▆\n"
        "runs ▂▂▂      ▆▆▆▆▆\n"
    )  # fmt: skip


def test_words_of_one_token_are_one_column() -> None:
    one = record("男人", "man")
    bound = replace(one, source_tokens=("<s>", "男人"), source_spans=((0, 0), (0, 2)), attention=one.attention[:, :2])
    assert attention_map(bound, 40, colour=False).splitlines()[0] == "    男人"


def test_colours_tell_the_weight_and_end_with_each_cell() -> None:
    shown = attention_map(record("ja", "yes"), 40, colour=True)
    assert shown == "    ja\nyes \x1b[38;2;255;140;0m███\x1b[0m\n"
    assert attention_map(record("der Hund läuft", "the dog runs"), 40, colour=True).count("\x1b[38") == 5, "no blank"


def test_a_long_source_goes_on_below() -> None:
    shown = attention_map(record("eins zwei drei vier", "one two"), 16, colour=False)
    assert [line.split()[0] for line in shown.splitlines()] == ["eins", "one", "two", "drei", "one", "two"]


def test_all_columns_but_the_last_are_used() -> None:
    sentence = record("eins zwei drei", "one two three")
    wide = attention_map(sentence, 80, colour=False)
    columns = max(map(width, wide.splitlines()))
    assert attention_map(sentence, columns + 1, colour=False) == wide
    assert attention_map(sentence, columns, colour=False).count("\n") == 2 * wide.count("\n")


WORDS = [
    "猫猫猫",
    "שלום",
    "مرحبا",
    "👩‍👩‍👧",
    "e\u0301\u0323" * 3,
    "x" * 300,
    "\x1b[31m",
    "\u202egnal",
    "\ud800",
    "\x00",
    "한국어",
    ".",
]


@pytest.mark.parametrize("columns", [1, 5, 20, 80, 400])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_terminal_whatever_the_words_hold(columns: int, colour: bool) -> None:
    shown = attention_map(record(" ".join(WORDS), " ".join(reversed(WORDS))), columns, colour)
    plain = re.sub(r"\x1b\[(38;2;\d+;\d+;\d+|0)m", "", shown).replace("\N{LEFT-TO-RIGHT MARK}", "")
    assert "\x1b" not in plain
    assert shown.count("\n") > len(WORDS)
    assert max(map(width, plain.splitlines())) <= max(columns, 4)


def test_nothing_has_no_map() -> None:
    assert attention_map(record("", ""), 80, colour=False) == attention_map(record("a", ""), 80, colour=False) == ""


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("ab", 4, "ab  "),
        ("abcdef", 4, "abc…"),
        ("猫猫猫", 4, "猫… "),
        ("猫", 2, "猫"),
        ("Ｈｉ", 5, "Ｈｉ "),
        ("é", 3, "é  "),
        ("a\u20dd", 3, "a\u20dd  "),
        ("\u200da\u200cb", 3, "\u200da\u200cb "),
        ("abc", 1, "…"),
    ],
)
def test_text_is_fitted_by_the_width_of_its_characters(text: str, size: int, expected: str) -> None:
    assert fitted(text, size) == expected
    assert width(expected) == size


@pytest.mark.parametrize("word", ["שלום", "سلام", "٣٤٥٦"])
def test_text_from_right_to_left_keeps_its_place(word: str) -> None:
    assert fitted(word, 6) == f"{word}\N{LEFT-TO-RIGHT MARK}  "


def test_what_could_steer_the_terminal_is_not_printed() -> None:
    assert printable("a\x1b[2Jb\u202e\x9b\nc\u2028\u2029") == "a·[2Jb··\nc··"


def converse(model_folder: Path, *typed: bytes, options: tuple[str, ...] = ()) -> tuple[str, int]:
    """What a terminal shows when lines are typed, each at the prompt, and the exit code."""
    outer, inner = pty.openpty()
    script = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a job may be deaf to it
    script += "from nmt.cli import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        script,
        "translate",
        str(model_folder),
        "--beam-size",
        "1",
        "--min-length",
        "2",
        *options,
    ]
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "60", "NO_COLOR": "1"}
    process = subprocess.Popen(
        command,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=environment,
        start_new_session=True,
        preexec_fn=_own_terminal,
    )
    os.close(inner)
    shown = b""
    waiting, idle = list(typed), 0
    while idle < 120:
        if not select.select([outer], [], [], 0.5)[0]:
            if typed[-1] == b"\x03" and not waiting:  # a signal can come between the prompt and the wait for a key
                os.write(outer, b"\x03")
            idle += 1
            continue
        try:
            shown += os.read(outer, 1000)
        except OSError:  # the other end is closed
            break
        if waiting and shown.endswith(b"> "):
            os.write(outer, waiting.pop(0))
    os.close(outer)
    if idle == 120:
        process.kill()
    return shown.decode("utf-8", "replace").replace("\r", ""), process.wait(timeout=60)


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_sentences_are_answered_with_a_map_until_the_end_of_input(model_folder: Path) -> None:
    shown, code = converse(model_folder, b"\n", "der Hund läuft\n".encode(), b"\xff ja\n", b"\x04")
    assert code == 0
    answers = re.split("^> ", shown, flags=re.MULTILINE)
    assert len(answers) == 5
    assert answers[1].strip() == ""
    typed, translated, words, *rows = answers[2].splitlines()
    assert typed == "der Hund läuft"
    assert words.split() == typed.split()
    assert rows
    assert all(row.split()[0] in translated for row in rows)
    assert "Traceback" not in shown


def test_a_translation_goes_on_from_a_beginning(model_folder: Path) -> None:
    lines = ("=> ja\n", "der Hund läuft\n", "=> ja ja\n", "\n", "=> Hund\n", "=>\n", "ja\n")
    typed = [line.encode() for line in lines]
    shown, code = converse(model_folder, *typed, b"\x04", options=("--exclude", "Hund"))
    assert code == 0
    hint, nothing, free, forced, empty, refused, free_again, other, _ = re.split("^> ", shown, flags=re.MULTILINE)
    assert "=>" in hint
    assert nothing.splitlines() == ["=> ja"]  # there is no sentence yet
    assert forced.splitlines()[1].startswith("ja ja")
    assert empty.strip() == ""
    assert refused.splitlines()[1].startswith("exclude: 'Hund' is a part of what the translation must contain")
    assert free_again.splitlines()[1:] == free.splitlines()[1:]
    assert other.splitlines()[0] == "ja"


def test_ctrl_c_ends_a_conversation_quietly(model_folder: Path) -> None:
    shown, code = converse(model_folder, b"ja\n", b"\x03")
    assert code == 130
    assert "Traceback" not in shown
