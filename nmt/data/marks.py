"""What other programs leave in a text that they have cut or tokenised."""

import re
from collections.abc import Collection, Iterator

MANY = 0.02
"""Part of the sentences that have a mark of another program; of plain text none has one."""

JOINERS = {"@@": re.compile(r"\S@@( |$)"), "▁": re.compile("(^| )▁")}
"""Of what cuts words into pieces; a text without spaces has ▁ only at its beginning, as a piece of its own."""

MARKS = {
    **JOINERS,
    "&apos;": re.compile(r"&(apos|quot|#91|#93|#124);"),
    "&amp;": re.compile(r"&(?!(apos|quot|#91|#93|#124);)(#\w+|\w{2,});"),
    "@-@": re.compile(r" @[-/.,]@ "),
    " .": re.compile(r"\w [.,]( |$)"),  # French has spaces before ? ! : ; as well
    " 。": re.compile(r"\w [。，、]"),
}


def is_in_many(mark: re.Pattern[str], texts: Collection[str]) -> bool:
    """Whether so many texts have a mark that it is none of their own."""
    return sum(bool(mark.search(text)) for text in texts) > MANY * len(texts)


def marks_in(texts: Collection[str]) -> Iterator[str]:
    """The marks that many texts have, as a person would write them."""
    return (sign for sign, mark in MARKS.items() if is_in_many(mark, texts))
