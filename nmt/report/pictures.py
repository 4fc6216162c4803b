"""Captioned pictures -> one HTML file that shows on each picture where the decoder looked for each word."""

import base64
import struct
import zlib
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

DARKEST = 0.85
"""How much is taken from the light of what was not attended to at all."""


class CaptionedPicture(NamedTuple):
    """A picture and what a decoder made of it.

    Attributes:
        picture: uint8 (Y, X, 3), red, green and blue.
        words: T.
        attention: (T, rows, columns) of a grid over the picture, what each word attended to.
        reference: the caption that it should have, or "".
        boxes: (top, left, bottom, right) in pixels of what each word names, or None; empty where that is not known.
    """

    picture: np.ndarray
    words: Sequence[str]
    attention: np.ndarray
    reference: str = ""
    boxes: Sequence[tuple[int, int, int, int] | None] = ()

    @property
    def caption(self) -> str:
        """The words as they are read."""
        return " ".join(self.words)

    @property
    def is_wrong(self) -> bool:
        """Whether it should have another caption."""
        return bool(self.reference) and self.caption != self.reference

    @property
    def astray(self) -> int:
        """How many words attend most to a place outside of the box of what they name."""
        named = [(weights, box) for weights, box in zip(self.attention, self.boxes, strict=False) if box]
        return sum(not _lies_in(weights, box, self.picture.shape[:2]) for weights, box in named)


def faults_first(captioned: Sequence[CaptionedPicture]) -> list[CaptionedPicture]:
    """The same, those with a wrong caption first, then by how many of their words look astray."""
    return sorted(captioned, key=lambda each: (not each.is_wrong, -each.astray))


def pictures_page(title: str, facts: Sequence[str], captioned: Sequence[CaptionedPicture]) -> str:
    """The page, which asks for nothing over the network: for each picture its caption, and a copy for each word.

    A place of a copy is the darker the less the word attended to it (after figure 2 of Xu et al. 2015).

    Args:
        title: of the page.
        facts: sentences about the whole, which stand above the pictures.
        captioned: in the order in which they are shown.
    """
    assets = files("nmt.report") / "assets"
    template = Environment(autoescape=True).from_string((assets / "pictures.html").read_text(encoding="utf-8"))
    style = Markup((assets / "report.css").read_text(encoding="utf-8"))
    return template.render(title=title, facts=facts, style=style, pictures=[_picture(each) for each in captioned])


def _picture(captioned: CaptionedPicture) -> dict[str, object]:
    return {
        "image": _image(captioned.picture),
        "shape": "{1} / {0}".format(*captioned.picture.shape),
        "caption": captioned.caption,
        "reference": captioned.reference if captioned.is_wrong else "",
        "words": [
            {
                "text": word,
                "shade": _image(_shade(weights)),
                "place": "row {} of {}, column {} of {}".format(*_strongest(weights)),
                "box": None if box is None else _in_percent(box, captioned.picture.shape[:2]),
            }
            for word, weights, box in zip(
                captioned.words, captioned.attention, captioned.boxes or [None] * len(captioned.words), strict=True
            )
        ],
    }


def _shade(weights: np.ndarray) -> np.ndarray:
    """Attention (rows, columns) -> black (rows, columns, 4) that lets through the light of what was attended to."""
    opacity = 255 * DARKEST * (1 - weights / weights.max())
    return np.pad(opacity[..., None].round().astype(np.uint8), ((0, 0), (0, 0), (3, 0)))


def _strongest(weights: np.ndarray) -> tuple[int, int, int, int]:
    """Row, rows, column and columns of the greatest weight, counted from 1."""
    row, column = divmod(int(weights.argmax()), weights.shape[1])
    return row + 1, weights.shape[0], column + 1, weights.shape[1]


def _lies_in(weights: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, ...]) -> bool:
    """Whether the middle of the greatest weight's place lies in a box of pixels."""
    row, rows, column, columns = _strongest(weights)
    y, x = (row - 0.5) * size[0] / rows, (column - 0.5) * size[1] / columns
    top, left, bottom, right = box
    return top <= y < bottom and left <= x < right


def _in_percent(box: tuple[int, int, int, int], size: tuple[int, ...]) -> dict[str, float]:
    """A box of pixels as left, top, width and height in percent of the picture."""
    top, left, bottom, right = box
    rows, columns = size
    return {
        "left": 100 * left / columns,
        "top": 100 * top / rows,
        "width": 100 * (right - left) / columns,
        "height": 100 * (bottom - top) / rows,
    }


def _image(pixels: np.ndarray) -> str:
    """Uint8 (Y, X, 3 or 4) -> the address of a PNG that holds itself (ISO/IEC 15948)."""
    rows, columns, channels = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    lines = np.pad(pixels.reshape(rows, columns * channels), ((0, 0), (1, 0)))  # 0: a line without a filter
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
