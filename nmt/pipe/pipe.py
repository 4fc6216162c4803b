"""Windows of lines -> requests -> translations -> lines of output, in order; nothing is kept but the present window."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator
from nmt.pipe.output import OutputFormat
from nmt.pipe.progress import Progress
from nmt.pipe.requests import RequestReader, Warnings


def told_of_cut(record: Translation) -> str:
    """How much of a sentence that is too long is translated, in words."""
    return f"only the first {len(record.source_tokens) - 1} tokens are translated"


@dataclass(frozen=True)
class Pipe:
    """All that stands between lines in and lines out.

    Attributes:
        translator: translates.
        search: what it is asked for.
        batch_sentences: sentences that are searched together.
        read: turns a line into a request.
        output: turns a translation into lines.
        warn: is told of sentences that are not translated as a whole, or not as they were to be.
        progress: is told of every translation.
    """

    translator: Translator
    search: SearchOptions
    batch_sentences: int
    read: RequestReader
    output: OutputFormat
    warn: Warnings
    progress: Progress

    def run(
        self,
        windows: Iterable[list[bytes]],
        write: Callable[[bytes], object],
        add_attention: Callable[[np.ndarray], None] | None = None,
        first: int = 0,
    ) -> int:
        """Translates all lines; the number of the line after the last.

        Args:
            windows: of lines.
            write: takes the output of one line.
            add_attention: takes the attention matrix of one line.
            first: number of the first line in the whole input.
        """
        number = first
        for window in windows:
            requests = [self.read(number + row, line) for row, line in enumerate(window)]
            records = self.translator.translate(requests, self.search, self.batch_sentences, first=number)
            for request, record in zip(requests, records, strict=True):
                if not record.source_complete:
                    self.warn(number, "were cut off", told_of_cut(record))
                if record.unmet:
                    self.warn(number, "do not meet their demands", f"the translation {', '.join(record.unmet)}")
                if add_attention:  # first: what has come out has its attention
                    add_attention(record.attention)
                write(self.output.write(number, record, request.id))
                self.progress.add(len(record.tokens))
                number += 1
        return number
