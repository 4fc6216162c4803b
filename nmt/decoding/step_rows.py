"""What there was to choose from at each step of a sentence, kept in columns: an eighth of what nested tuples take."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from sys import intern
from typing import Any, TypeVar, overload

Row = TypeVar("Row", bound=tuple)


class StepRows(Sequence[tuple[Row, ...]]):
    """For each step a tuple of rows; equal to the nested tuples that it stands for.

    Args:
        steps: the rows of each step, all of as many values: strings, ints, or floats, which may be written as ints.
    """

    __slots__ = ("_columns", "_ends")

    def __init__(self, steps: Iterable[Sequence[Sequence[Any]]]) -> None:
        steps = list(steps)
        self._ends = array("i", accumulate(map(len, steps)))
        self._columns = tuple(map(_column, zip(*chain.from_iterable(steps), strict=True)))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, step: int) -> tuple[Row, ...]: ...

    @overload
    def __getitem__(self, step: slice) -> tuple[tuple[Row, ...], ...]: ...

    def __getitem__(self, step: int | slice) -> tuple[Any, ...]:
        """The rows of a step, or of several."""
        if isinstance(step, slice):
            return tuple(self)[step]
        step = range(len(self))[step]
        rows = slice(self._ends[step - 1] if step else 0, self._ends[step])
        return tuple(zip(*(column[rows] for column in self._columns), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))


def _column(values: tuple[Any, ...]) -> Sequence[Any]:
    """The values, numbers packed; each string is there once in a program, however often it is read from a file."""
    if isinstance(values[0], str):
        return tuple(map(intern, values))
    return array("i" if all(isinstance(value, int) for value in values) else "d", values)
