import pickle
import tracemalloc

import pytest

from nmt.decoding.step_rows import StepRows

BEAM = (((0, "A", -0.5), (0, "The", -float("inf"))), ((1, "</s>", -0.1),), ())


@pytest.mark.parametrize("steps", [(), ((), ()), BEAM, ((("a", -0.1), ("b", -2.5)),) * 3])
def test_they_are_read_as_the_nested_tuples_that_they_stand_for(steps: tuple) -> None:
    rows: StepRows = StepRows(list(map(list, step)) for step in steps)  # as JSON has them, one after the other
    assert rows == steps
    assert steps == rows
    assert rows == StepRows(steps) == pickle.loads(pickle.dumps(rows))
    assert rows != (*steps, ())
    assert rows != ((("x", -9.0),),) * len(steps) or not steps
    assert rows != 1
    assert (list(rows), len(rows), bool(rows), repr(rows)) == (list(steps), len(steps), bool(steps), repr(steps))
    assert [rows[step] for step in range(-len(steps), 0)] == list(steps)
    assert (rows[1:], rows[::-1]) == (steps[1:], steps[::-1])
    with pytest.raises(IndexError):
        rows[len(steps)]


@pytest.mark.parametrize("scores", [(0, -2.5), (-2.5, 0)])
def test_numbers_may_be_written_as_ints(scores: tuple) -> None:
    steps = (tuple(zip("ab", scores, strict=True)),)
    assert StepRows(steps) == steps


def test_rows_of_several_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        StepRows([[("a", -0.1)], [("b",)]])


def test_they_take_a_fraction_of_the_memory() -> None:
    def nested() -> tuple:
        """As from a file: each token a string of its own."""
        return tuple(tuple((place, f"token {place}", step / 7) for place in range(5)) for step in range(20))

    def memory(count: int, compact: bool) -> int:
        tracemalloc.start()
        kept = [StepRows(nested()) if compact else nested() for _ in range(count)]
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(kept) == count
        return size

    assert memory(200, compact=True) < memory(200, compact=False) / 2
