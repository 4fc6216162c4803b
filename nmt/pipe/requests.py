"""Lines of text or JSON -> requests: whatever a line holds, it is one request, and what is wrong with it is said."""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from nmt.config import Joiner
from nmt.data.compression import MAGIC
from nmt.data.pretokens import is_uncut
from nmt.decoding.translation import Request

SHOWN = 10
"""Warnings of one kind that are printed; the others are counted."""

TOLD_OF_UNCUT = "it has no ▁, without which its spaces are lost: give what `spm_encode` writes"

FIELDS = ("text", "prefix", "include", "exclude", "id")
"""Of a line of JSON."""


class Warnings:
    """Says what is wrong with which line; after the first of a kind it only counts.

    Args:
        name: where the lines come from.
        say: prints one line.
    """

    def __init__(self, name: str, say: Callable[[str], object]) -> None:
        self.name, self._say = name, say
        self._counts: Counter[str] = Counter()

    def __call__(self, number: int, kind: str, message: str) -> None:
        """Says `message` of line `number`, from 0; `kind` is what such lines are."""
        self._counts[kind] += 1
        if self._counts[kind] <= SHOWN:
            self._say(f"{self.name}:{number + 1}: {message}")

    def close(self) -> None:
        """Says how many were only counted."""
        for kind, count in self._counts.items():
            if count > SHOWN:
                self._say(f"{self.name}: {count - SHOWN:,} more lines {kind}")


class RequestReader:
    """Turns lines into requests.

    Args:
        form: "text", a sentence a line; or "jsonl", an object with `text` and, where wanted, `prefix`, `include`,
            `exclude` and `id` (as in `Request`), or a bare JSON string.
        common: what holds for all lines; a line's own prefix replaces the common one, its other demands are added.
        warn: is told of what is wrong with a line.
        sampled: whether translations are drawn, which cannot be made to include anything.
        joiner: of text that is to be cut.
    """

    def __init__(
        self,
        form: Literal["text", "jsonl"],
        common: Request,
        warn: Warnings,
        sampled: bool = False,
        joiner: Joiner = "none",
    ) -> None:
        self._read = {"text": self._text, "jsonl": self._json}[form]
        self._common, self._warn, self._sampled, self._joiner = common, warn, sampled, joiner

    def __call__(self, number: int, line: bytes) -> Request:
        """The request of line `number`, counted from 0.

        Raises:
            ValueError: if the lines are UTF-16, or compressed, as the first one tells.
        """
        form = next((form for magic, form in MAGIC.items() if number == 0 and line.startswith(magic)), None)
        if form:
            raise ValueError(
                f"{self._warn.name} is compressed ({form}): unpack it, or give a file named .gz, .xz or .zst"
            )
        if number == 0 and line.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise ValueError(f"{self._warn.name} is UTF-16: convert it to UTF-8, as by `iconv -f UTF-16 -t UTF-8`")
        try:
            text = line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError as error:
            self._warn(number, "are not UTF-8", f"byte {error.start + 1} is not UTF-8, read as U+FFFD")
            text = line.decode("utf-8", "replace")
        request = self._read(number, text)
        if is_uncut(request.text, self._joiner):
            self._warn(number, "have no ▁", TOLD_OF_UNCUT)
        return request

    def _text(self, number: int, text: str) -> Request:
        return replace(self._common, text=text)

    def _json(self, number: int, line: str) -> Request:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            self._warn(number, "are not JSON", f"not JSON ({error}), translated as text")
            return self._text(number, line)
        if isinstance(fields, str):
            fields = {"text": fields}
        if not isinstance(fields, dict):
            self._warn(number, "are no object", "neither a JSON string nor an object, translated as text")
            return self._text(number, line)
        if not isinstance(fields.get("text"), str):
            self._warn(number, "have no text", "no 'text' that is a string: nothing is translated")
            fields["text"] = ""
        unknown = [key for key in fields if key not in FIELDS]
        if unknown:
            told = f"left out {', '.join(map(repr, unknown))}: the fields are {', '.join(map(repr, FIELDS))}"
            self._warn(number, "have unknown fields", told)
        ill_typed = [key for key in FIELDS if key in fields and not _is_right(key, fields[key])]
        if ill_typed:
            told = "a 'prefix' is a string, an 'id' too or a whole number, 'include' and 'exclude' are lists of strings"
            self._warn(number, "have fields that were left out", f"left out {', '.join(map(repr, ill_typed))}: {told}")
        wrong = [*unknown, *ill_typed]
        if self._sampled and fields.get("include"):
            wrong.append("include")
            self._warn(
                number, "were drawn without 'include'", "left out 'include': samples cannot be made to contain it"
            )
        given = {key: value for key, value in fields.items() if key not in wrong}
        include, exclude = (
            (*common, *given.get(name, ()))
            for name, common in (("include", self._common.include), ("exclude", self._common.exclude))
        )
        try:
            prefix = given.get("prefix", self._common.prefix)
            return Request(given["text"], prefix, include, exclude, id=given.get("id"))
        except ValueError as error:
            self._warn(number, "contradict themselves", f"{error}; translated without what the line demands")
            return replace(self._text(number, given["text"]), id=given.get("id"))


def _is_right(key: str, value: Any) -> bool:
    """Whether such a value is of the field's type."""
    if key in ("include", "exclude"):
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if key == "id":
        return isinstance(value, str) or type(value) is int  # not a bool, which is an int too
    return isinstance(value, str)
