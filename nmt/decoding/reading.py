"""Sentences as they come -> windows of requests; what cannot be asked for is named, and loses nothing before it."""

from collections.abc import Iterable, Iterator
from itertools import islice

from nmt.data.tokenizer import Tokenizer
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Request


def possible(text: str | Request, options: SearchOptions, tokenizer: Tokenizer) -> Request:
    """What is asked for, once it is known that it can be.

    Raises:
        ValueError: if the text is no string, a sample is to contain something, or a token is not in the vocabulary.
    """
    request = text if isinstance(text, Request) else Request(text)
    if options.method == "sample" and request.include:
        raise ValueError("include: samples cannot be made to contain anything: choose method beam")
    tokenizer.ids(request.prefix_tokens)
    return request


def windows(
    texts: Iterable[str | Request], options: SearchOptions, tokenizer: Tokenizer, first: int, ahead: int, most: int
) -> Iterator[list[Request]]:
    """The requests in windows, each read when it is asked for.

    Args:
        texts: sentences.
        options: of the search.
        tokenizer: of the target language.
        first: the number of the first sentence.
        ahead: sentences of the first window; each that follows has twice as many as the one before,
        most: up to this many.

    Raises:
        ValueError: at a sentence that asks for what cannot be, which is named; like whatever `texts` raises, after the
            window of those before it.
    """
    requests, error = _named(texts, options, tokenizer, first), None
    while error is None:
        window, error = _read(requests, ahead)
        if not window:
            break
        yield window
        ahead = min(2 * ahead, most)
    if error is not None:
        raise error


def _named(
    texts: Iterable[str | Request], options: SearchOptions, tokenizer: Tokenizer, first: int
) -> Iterator[Request]:
    """The requests that are possible; an error names the sentence."""
    for number, text in enumerate(texts, start=first):
        try:
            request = possible(text, options, tokenizer)
        except ValueError as error:
            name = f", id {text.id!r}" if isinstance(text, Request) and text.id is not None else ""
            raise ValueError(f"sentence {number:,} (from 0{name}): {error}") from error
        yield request


def _read(requests: Iterator[Request], most: int) -> tuple[list[Request], Exception | None]:
    """The next requests, and what kept from reading more of them: what came before it is not lost."""
    read: list[Request] = []
    try:
        read.extend(islice(requests, most))
    except Exception as error:  # also of the caller's own
        return read, error
    return read, None
