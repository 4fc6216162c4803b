"""Translation at a terminal: a sentence is typed, its translation and a map of its attention are shown.

The map has a row for each word of the translation and a column, as wide as the word, for each word of the source.
"""

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import cast

from nmt.data.words import word_texts
from nmt.decoding.alignment import between_words
from nmt.decoding.translation import Translation

PROMPT = "> "
BEGINNING = "=>"
HINT = f"Type a sentence; then {BEGINNING} and some words, to see how a translation that begins with them goes on."
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"
_KEPT = f"\n{_JOINERS}"
BARS = " ▁▂▃▄▅▆▇█"
LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"
WIDEST_ROW_LABEL, NARROWEST_COLUMN = 16, 3
FAINT, STRONG = (80, 140, 210), (255, 140, 0)
"""24-bit colours of a weight near zero and of a weight of one, to be seen on black and on white."""


def converse(translate: Callable[[str, str | None], Translation], show: Callable[[Translation], str]) -> None:
    """Reads sentences until the end of input, and prints what `show` makes of each translation and its map.

    Args:
        translate: a sentence, and what its translation is to begin with or None -> its translation; what it raises a
            ValueError for is printed.
        show: a translation -> text.
    """
    with suppress(ImportError):
        import_module("readline")  # where it is there, lines can be edited and called back
    cast(TextIOWrapper, sys.stdin).reconfigure(errors="replace")
    print(HINT)
    sentence = ""
    while True:
        try:
            line = input(PROMPT)
        except (EOFError, KeyboardInterrupt) as end:
            print()
            if isinstance(end, KeyboardInterrupt):
                raise
            return
        typed, beginning = line.strip(), None
        if typed.startswith(BEGINNING):
            beginning = typed.removeprefix(BEGINNING).strip()
        elif typed:
            sentence = line
        if typed and sentence:
            try:
                translation = translate(sentence, beginning)
            except ValueError as error:
                print(printable(str(error)))
                continue
            print(printable(show(translation)))
            print(attention_map(translation, shutil.get_terminal_size().columns, "NO_COLOR" not in os.environ), end="")


def attention_map(translation: Translation, columns: int, colour: bool) -> str:
    """Lines of text, none wider than `columns`; a long source continues below, in another block.

    Args:
        translation: with its attention.
        columns: width of the terminal.
        colour: show weights by 24-bit colours too, not by the height of a bar alone.
    """
    src_words, tgt_words, weights = between_words(translation)
    sources, targets = (
        ["".join(texts[word] for word in words) for words in of_tokens]
        for texts, of_tokens in ((word_texts(translation.source), src_words), (word_texts(translation.text), tgt_words))
    )
    if not targets:
        return ""
    margin = min(WIDEST_ROW_LABEL, max(map(width, targets)), columns // 3)
    widths = [min(max(width(word), NARROWEST_COLUMN), max(1, columns - margin - 2)) for word in sources]
    lines = []
    start = 0
    while start < len(sources):
        end = start + 1
        while end < len(sources) and margin + 1 + sum(each + 1 for each in widths[start : end + 1]) <= columns:
            end += 1
        words = (fitted(word, size) for word, size in zip(sources[start:end], widths[start:end], strict=True))
        lines.append(f"{'':{margin}} {' '.join(words)}".rstrip())
        for target, row in zip(targets, weights.tolist(), strict=True):
            cells = (
                _cell(weight, size, colour) for weight, size in zip(row[start:end], widths[start:end], strict=True)
            )
            lines.append(f"{fitted(target, margin)} {' '.join(cells)}".rstrip())
        start = end
    return "".join(f"{line}\n" for line in lines)


def _cell(weight: float, size: int, colour: bool) -> str:
    """A bar as wide as the column and as high as the weight."""
    bar = BARS[round(weight * (len(BARS) - 1))] * size
    if not colour or bar.isspace():
        return bar
    red, green, blue = (round(low + weight * (high - low)) for low, high in zip(FAINT, STRONG, strict=True))
    return f"\x1b[38;2;{red};{green};{blue}m{bar}\x1b[0m"


def width(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    return sum(map(_character_width, printable(text)))


def fitted(text: str, size: int) -> str:
    """`text` in exactly `size` columns: padded, or cut off with an ellipsis.

    A mark keeps text that runs from right to left in its place.
    """
    text = printable(text)
    if width(text) > size:
        kept = ""
        for character in text:
            if width(kept + character) > size - 1:
                break
            kept += character
        text = f"{kept}…"
    padding = " " * (size - width(text))
    mark = LEFT_TO_RIGHT if any(unicodedata.bidirectional(each) in ("R", "AL", "AN") for each in text) else ""
    return text + mark + padding


def printable(text: str) -> str:
    """`text` without what could steer the terminal: such characters become a middle dot; line ends stay."""
    return "".join("·" if each not in _KEPT and unicodedata.category(each) in _STEERING else each for each in text)


def _character_width(character: str) -> int:
    if character in _JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
