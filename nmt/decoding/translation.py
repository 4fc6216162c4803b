"""The Translation record: what decoding hands to evaluation, to the report and to scripts.

Records are saved as a folder of two files, without pickles: ``translations.jsonl`` holds one JSON object a line, in
input order, and ``attention.npz`` all attention matrices, one behind the other, with their shapes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from sys import intern
from typing import Any
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from nmt.checked import check
from nmt.data.json_files import load_json_lines, save_json_lines
from nmt.data.words import Span
from nmt.decoding.attention_file import attention_archive, load_attention
from nmt.decoding.step_rows import StepRows

FORMAT_VERSION = 1
"""Version of the saved records; a reader refuses any other."""

Beam = Sequence[tuple[tuple[int, str, float], ...]]
"""What a beam held after each step: for each place the place of the step before that it continues, the token that it
took, and the token's log-probability."""


@dataclass(frozen=True)
class Request:
    """A sentence to translate, with what its translation must be like; a plain text stands for ``Request(text)``.

    What holds several strings is a tuple, whatever was given.

    Attributes:
        text: the sentence.
        prefix: what the translation begins with.
        include: strings that it contains, as whole words.
        exclude: strings that it does not contain, not even within a word.
        prefix_tokens: in place of a prefix, the tokens that the translation begins with, as its record names them.
        id: the caller's own name for it, which `nmt translate` gives back with the translation.

    Raises:
        ValueError: if something is no string, one of several is empty, one stands where several belong, what must be
            there contains what must not, or there are two beginnings.
    """

    text: str
    prefix: str = ""
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    prefix_tokens: Sequence[str] = ()
    id: str | int | None = None

    def __post_init__(self) -> None:
        for name in ("text", "prefix"):
            check(isinstance(getattr(self, name), str), name, getattr(self, name), "a string")
        for name in ("include", "exclude", "prefix_tokens"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise ValueError(f"{name}: {given!r} is one string, give a tuple of strings")
            check(isinstance(given, Iterable), name, given, "a tuple of strings")
            object.__setattr__(self, name, strings := tuple(given))
            check(all(isinstance(each, str) for each in strings), name, strings, "a tuple of strings")
            if not all(each.strip() for each in strings):
                raise ValueError(f"{name}: an empty string is not allowed")
        check(not (self.prefix and self.prefix_tokens), "prefix_tokens", self.prefix_tokens, "empty beside a prefix")
        for text in self.exclude:
            if any(text in must for must in (self.prefix, *self.include)):
                raise ValueError(f"exclude: {text!r} is a part of what the translation must contain")

    @property
    def is_demanding(self) -> bool:
        """Whether the translation is not free."""
        return bool(self.prefix or self.prefix_tokens or self.include or self.exclude)


@dataclass(frozen=True, eq=False, repr=False)
class Translation:
    """One translated sentence: S source tokens, T target tokens.

    Alternatives and beam are `StepRows`, whatever was given.

    Attributes:
        source: the sentence as it was given; of text that another program has cut, the plain text.
        source_tokens: S tokens in reading order, the first is the special token before the source.
        source_spans: S character spans in `source`; (0, 0) for the special token.
        text: the translation, detokenised.
        tokens: T target tokens, the last is the end-of-sentence token if the sentence is `finished`; none where there
            is nothing to translate.
        spans: T character spans in `text`; (0, 0) for the end-of-sentence token.
        token_log_probs: T natural logarithms of the probability of each token.
        attention: float32 (T, S), row t is what target token t attended to; rows sum to one.
        alternatives: for each step the most probable tokens with their log-probability, best first.
        log_prob: the model's score, the sum of `token_log_probs`.
        score: by which the hypothesis was ranked: `log_prob` with length normalisation, penalty and reward; of a choice
            by the least risk the mean utility, 0 to 100.
        finished: False if the sentence was cut off at the length limit.
        unmet: what of its `Request` it does not do, such as "does not contain 'dog'": search does what it can, but no
            type of the vocabulary may write a string, or a limit may cut it off.
        beam: what the beam held after each step of the search; empty where that was not asked for.
        others: the hypotheses after this one, best first, or samples as they were drawn, where more than one was asked
            for; not saved.
    """

    source: str
    source_tokens: tuple[str, ...]
    source_spans: tuple[Span, ...]
    text: str
    tokens: tuple[str, ...]
    spans: tuple[Span, ...]
    token_log_probs: tuple[float, ...]
    attention: NDArray[np.float32]
    alternatives: Sequence[tuple[tuple[str, float], ...]]
    log_prob: float
    score: float
    finished: bool
    unmet: tuple[str, ...] = ()
    beam: Beam = ()
    others: tuple["Translation", ...] = ()

    def __post_init__(self) -> None:
        for name in ("alternatives", "beam"):
            if not isinstance(steps := getattr(self, name), StepRows):
                object.__setattr__(self, name, StepRows(steps))

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.attention.shape))
        return f"Translation({self.source!r} -> {self.text!r}, log_prob={self.log_prob:.2f}, attention {shape})"

    def _repr_html_(self) -> str:
        """In a notebook: a table of what each target token attended to."""
        head = "".join(f"<th>{escape(token)}</th>" for token in self.source_tokens)
        rows = [
            f"<tr><th>{escape(token)}</th>"
            + "".join(f'<td style="background:rgba(11,92,173,{weight:.3f})">{weight:.2f}</td>' for weight in row)
            for token, row in zip(self.tokens, self.attention.tolist(), strict=True)
        ]
        return f"<p>{escape(self.text)}</p><table><tr><td></td>{head}</tr>{''.join(rows)}</table>"

    @property
    def source_complete(self) -> bool:
        """Whether all of the source was translated; False if it has more tokens than are read of a sentence."""
        rest = self.source[max(end for _, end in self.source_spans) :]
        is_nothing = (each.isspace() or each == "▁" or category(each).startswith("M") for each in rest)  # M: accents
        return len(self.source_spans) == 1 or all(is_nothing)

    def to_json(self) -> dict[str, Any]:
        """All fields but the attention and the other hypotheses, as JSON values; of the beam, only if it was kept."""
        without = {"attention", "others"} if self.beam else {"attention", "others", "beam"}
        fields = {name: value for name, value in vars(self).items() if name not in without}
        steps = {name: tuple(value) for name, value in fields.items() if isinstance(value, StepRows)}
        return {"version": FORMAT_VERSION, **fields, **steps}

    @classmethod
    def from_json(cls, fields: dict[str, Any], attention: NDArray[np.float32]) -> "Translation":
        """The record that `to_json` wrote.

        Raises:
            ValueError: if the record has another format version.
        """
        if fields.get("version") != FORMAT_VERSION:
            raise ValueError(
                f"translation record of format version {fields.get('version')!r}, this program reads {FORMAT_VERSION}: "
                "write the records again with `nmt evaluate` or `nmt translate`"
            )
        return cls(
            source=fields["source"],
            source_tokens=tuple(map(intern, fields["source_tokens"])),
            source_spans=tuple((start, end) for start, end in fields["source_spans"]),
            text=fields["text"],
            tokens=tuple(map(intern, fields["tokens"])),
            spans=tuple((start, end) for start, end in fields["spans"]),
            token_log_probs=tuple(fields["token_log_probs"]),
            attention=attention,
            alternatives=fields["alternatives"],
            log_prob=fields["log_prob"],
            score=fields["score"],
            finished=fields["finished"],
            unmet=tuple(fields.get("unmet", ())),
            beam=fields.get("beam", ()),
        )


def save_translations(folder: Path, translations: Iterable[Translation]) -> None:
    """Writes `translations.jsonl` and `attention.npz` into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with attention_archive(folder / "attention.npz") as add:

        def rest() -> Iterator[dict[str, Any]]:
            for translation in translations:
                yield translation.to_json()
                add(translation.attention)

        save_json_lines(folder / "translations.jsonl", rest())


def load_translations(folder: Path) -> list[Translation]:
    """The records that `save_translations` wrote into `folder`, in order.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if they have another format version, are not JSON, or are not as many as the attention matrices.
    """
    matrices, lines = load_attention(folder / "attention.npz"), load_json_lines(folder / "translations.jsonl")
    records = [Translation.from_json(fields, matrix) for matrix, fields in zip(matrices, lines, strict=False)]
    found = len(records) + sum(1 for _ in lines)
    if found != len(matrices):
        raise ValueError(f"{folder}: {found} translations but {len(matrices)} attention matrices: write them again")
    return records
