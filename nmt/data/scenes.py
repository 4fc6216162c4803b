"""The embedded pictures: drawn scenes, each with its caption and with what every word of it names.

What `nmt.data.phrasebook` is for text, they are for visual attention: as they are drawn, it is known where on the
picture a word belongs. A scene has a small and a big object on a bright ground, and one caption: the small one comes
first, and is to the left of, to the right of, above or below the big one, by the axis on which they are farther apart.

Letters: Y rows, X columns of a picture.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SIDE = 48
"""Rows and columns of a picture."""

COLOURS = {
    "red": (214, 39, 40),
    "orange": (255, 150, 30),
    "yellow": (240, 220, 40),
    "green": (44, 160, 44),
    "blue": (50, 90, 200),
    "purple": (140, 60, 170),
}

Form = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Rows and columns from the centre of an object, in radii -> bool, whether they belong to it."""

FORMS: dict[str, Form] = {
    "circle": lambda y, x: x**2 + y**2 <= 1,
    "ring": lambda y, x: (x**2 + y**2 <= 1) & (x**2 + y**2 >= 0.3),
    "square": lambda y, x: np.maximum(abs(x), abs(y)) <= 0.87,
    "diamond": lambda y, x: abs(x) + abs(y) <= 1,
    "triangle": lambda y, x: (abs(x) <= (y + 0.9) / 1.8) & (y <= 0.9),
    "cross": lambda y, x: (np.minimum(abs(x), abs(y)) <= 0.3) & (np.maximum(abs(x), abs(y)) <= 1),
}

RADII = {"small": (5, 6), "big": (9, 11)}
"""Least and greatest radius of an object of that size, in pixels."""

MARGIN = 6
"""By how many pixels two objects are farther apart on one axis than on the other."""

FINENESS = 4
"""An edge is drawn by so many points a pixel, on either axis."""


class Box(NamedTuple):
    """A part of a picture, in pixels from its upper left; `bottom` and `right` no longer belong to it."""

    top: int
    left: int
    bottom: int
    right: int


class Scene(NamedTuple):
    """A picture, its caption, and what each word of the caption names.

    Attributes:
        picture: uint8 (Y, X, 3), red, green and blue.
        caption: words and a full stop, separated by spaces.
        boxes: for each word where it is to be seen; None for a word that names no object.
    """

    picture: np.ndarray
    caption: str
    boxes: tuple[Box | None, ...]

    def cells(self, pixels: int) -> np.ndarray:
        """Bool (T, Y / pixels, X / pixels): for each of T words, the cells whose middle lies in its box."""
        middles = np.arange(0, SIDE, pixels) + pixels / 2
        found = np.zeros((len(self.boxes), len(middles), len(middles)), dtype=bool)
        for word, box in enumerate(self.boxes):
            if box is not None:
                rows, columns = (
                    (low <= middles) & (middles < high) for low, high in ((box[0], box[2]), (box[1], box[3]))
                )
                found[word] = np.outer(rows, columns)
        return found


class _Object(NamedTuple):
    size: str
    colour: str
    form: str
    y: int
    x: int
    radius: int

    @property
    def words(self) -> list[str]:
        return [self.size, self.colour, self.form]

    @property
    def box(self) -> Box:
        return Box(self.y - self.radius, self.x - self.radius, self.y + self.radius + 1, self.x + self.radius + 1)


def scenes(count: int, seed: int) -> list[Scene]:
    """Drawn scenes; the same seed gives the same, and fewer are the beginning of more."""
    random = np.random.default_rng(seed)
    return [_scene(random) for _ in range(count)]


def _scene(random: np.random.Generator) -> Scene:
    small, big = _objects(random)
    place, boxes = _relation(small, big).split(), [small.box] * 3
    words = ["a", *small.words, "is", *place, "a", *big.words, "."]
    named = [None, *boxes, *[None] * (2 + len(place)), *[big.box] * 3, None]
    picture = np.full((SIDE, SIDE, 3), random.uniform(205, 245))
    for each in (small, big):
        _draw(picture, each, COLOURS[each.colour] + random.uniform(-15, 15, size=3))
    noisy = picture + random.normal(0, 4, size=picture.shape)
    return Scene(noisy.clip(0, 255).round().astype(np.uint8), " ".join(words), tuple(named))


def _objects(random: np.random.Generator) -> tuple[_Object, _Object]:
    """A small and a big one that do not touch, of which it is plain how they lie to each other."""
    while True:
        small, big = (_object(random, size) for size in RADII)
        apart = max(abs(small.y - big.y), abs(small.x - big.x))
        is_plain = abs(abs(small.y - big.y) - abs(small.x - big.x)) >= MARGIN
        if apart > small.radius + big.radius + 1 and is_plain:
            return small, big


def _object(random: np.random.Generator, size: str) -> _Object:
    radius = int(random.integers(*RADII[size], endpoint=True))
    y, x = random.integers(radius, SIDE - radius, size=2)
    return _Object(size, str(random.choice(list(COLOURS))), str(random.choice(list(FORMS))), int(y), int(x), radius)


def _relation(one: _Object, other: _Object) -> str:
    down, right = one.y - other.y, one.x - other.x
    if abs(right) > abs(down):
        return "left of" if right < 0 else "right of"
    return "above" if down < 0 else "below"


def _draw(picture: np.ndarray, what: _Object, colour: np.ndarray) -> None:
    """Paints an object over what is there; of a pixel at its edge, the share that it covers."""
    top, left, bottom, right = what.box
    points = (np.arange(FINENESS * (bottom - top)) + 0.5) / FINENESS - what.radius - 0.5
    inside = FORMS[what.form](points[:, None] / what.radius, points[None, :] / what.radius)
    share = inside.reshape(bottom - top, FINENESS, right - left, FINENESS).mean(axis=(1, 3))[..., None]
    picture[top:bottom, left:right] += share * (colour - picture[top:bottom, left:right])
