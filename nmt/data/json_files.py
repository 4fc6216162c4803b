"""JSON in files: one object, or one a line."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def load_json(path: Path) -> dict[str, Any]:
    """The object in a file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not JSON.
    """
    return _parsed(path.read_text(encoding="utf-8"), str(path))


def save_json(path: Path, fields: object) -> None:
    """Writes an object to a file, to be read by people too."""
    path.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def save_json_lines(path: Path, objects: Iterable[object]) -> None:
    """Writes objects to a file, one a line, each as it comes."""
    # UTF-8 cannot hold a lone surrogate; what "backslashreplace" writes for one is its escape in JSON too.
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as lines:
        lines.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in objects)


def load_json_lines(path: Path) -> Iterator[Any]:
    """The objects that `save_json_lines` wrote to a file, each when it is asked for.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: at the first line that is not JSON.
    """
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            yield _parsed(line, f"{path}:{number}")


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{place}: not JSON ({error.msg}): write the file again") from error
