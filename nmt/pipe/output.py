"""Translations -> lines of output: text, tab-separated, or JSON."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from nmt.decoding.alignment import attention_alignment, pharaoh, soft_alignment
from nmt.decoding.translation import Translation

Format = Literal["text", "tsv", "jsonl"]
Alignments = Literal["none", "hard", "soft"]

_SEPARATORS_IN_JSON = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}
_SEPARATOR = re.compile(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class OutputFormat:
    r"""What is written for a translation.

    Attributes:
        form: "text": the translation; what else is asked for stands behind it, after `` ||| ``.
            "tsv": source, translation, and what else is asked for, after tabs.
            "jsonl": an object with all of `Translation.to_json`; other hypotheses are a list `others` in it.
        n_best: a translation has the hypotheses after it, this many at most in all. With more than one, text and TSV
            have a line for each, which begins with the number of the input line, from 0 (in text this is the n-best
            list of Moses: ``0 ||| text ||| score``).
        scores: text and TSV have the search's score (JSON always has it). An n-best list always has it.
        alignments: "hard", the source word that each word attended to most: ``0-0 1-2``, source first. "soft", all
            weights from 0.005 on: ``0-0:0.97 1-2:0.83``. Positions are of words and punctuation marks, from 0
            (`nmt.data.words`), as in the files that guided alignment reads. In JSON a list: ``[[0, 0], [1, 2]]``.
    """

    form: Format = "text"
    n_best: int = 1
    scores: bool = False
    alignments: Alignments = "none"

    def write(self, number: int, translation: Translation, name: str | int | None = None) -> bytes:
        """The line of output, or the lines, of the translation of input line `number`, counted from 0.

        In JSON it has the `name` that the input has for it, if it has one, as `id`.
        """
        hypotheses = (translation, *translation.others)
        if self.form == "jsonl":
            fields = self._json(translation) if name is None else {"id": name, **self._json(translation)}
            if self.n_best > 1:
                fields["others"] = [self._json(each) for each in translation.others]
            # UTF-8 cannot hold a lone surrogate; what "backslashreplace" writes for one is its escape in JSON too.
            line = json.dumps(fields, ensure_ascii=False).translate(_SEPARATORS_IN_JSON)
            return f"{line}\n".encode("utf-8", "backslashreplace")
        lines = []
        for each in hypotheses:
            columns = [str(number)] if self.n_best > 1 else []
            columns += [each.source, each.text] if self.form == "tsv" else [each.text]
            columns += [f"{each.score:.4f}"] if self.scores or self.n_best > 1 else []
            lines.append(self._joined([*columns, *self._aligned(each)]))
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")

    def write_score(self, record: Translation) -> bytes:
        """The line of output of a translation that was given: its log-probability, in TSV behind source and target."""
        if self.form == "jsonl":
            return self.write(0, record)
        columns = [record.source, record.text] if self.form == "tsv" else []
        columns.append(f"{record.log_prob:.4f}")
        return f"{self._joined([*columns, *self._aligned(record)])}\n".encode("utf-8", "replace")

    def _joined(self, columns: list[str]) -> str:
        return (" ||| " if self.form == "text" else "\t").join(_SEPARATOR.sub(" ", each) for each in columns)

    def _aligned(self, translation: Translation) -> list[str]:
        return [] if self.alignments == "none" else [self._alignment(translation)]

    def _json(self, translation: Translation) -> dict[str, Any]:
        fields = translation.to_json()
        if self.alignments == "hard":
            fields["alignment"] = sorted(attention_alignment([translation])[0])
        elif self.alignments == "soft":
            fields["alignment"] = [[s, t, round(weight, 4)] for s, t, weight in soft_alignment(translation)]
        return fields

    def _alignment(self, translation: Translation) -> str:
        if self.alignments == "hard":
            return pharaoh(attention_alignment([translation])[0])
        return " ".join(f"{source}-{target}:{weight:.2f}" for source, target, weight in soft_alignment(translation))
