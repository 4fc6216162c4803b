"""Sentences as they come -> requests, in windows; what cannot be asked for is named, and loses nothing before it."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from nmt.data.tokenizer import Tokenizer
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Request

Item = TypeVar("Item")


def possible(text: str | Request, options: SearchOptions, tokenizer: Tokenizer) -> Request:
    """What is asked for, once it is known that it can be.

    Raises:
        ValueError: if the text is no string, a sample is to contain something, or a token is not in the vocabulary.
    """
    request = text if isinstance(text, Request) else Request(text)
    if options.is_sampled and request.include:
        raise ValueError("include: samples cannot be made to contain anything: choose method beam")
    tokenizer.ids(request.prefix_tokens)
    return request


def possible_requests(
    texts: Iterable[str | Request], options: SearchOptions, tokenizer: Tokenizer, first: int
) -> Iterator[Request]:
    """The requests, each read when it is asked for.

    Args:
        texts: sentences.
        options: of the search.
        tokenizer: of the target language.
        first: the number of the first sentence.

    Raises:
        ValueError: at a sentence that asks for what cannot be, which is named.
    """
    for number, text in enumerate(texts, start=first):
        try:
            request = possible(text, options, tokenizer)
        except ValueError as error:
            name = f", id {text.id!r}" if isinstance(text, Request) and text.id is not None else ""
            raise ValueError(f"sentence {number:,} (from 0{name}): {error}") from error
        yield request


def windows(items: Iterable[Item], first: int, most: int) -> Iterator[list[Item]]:
    """The items in windows: `first` of them, then twice as many each time, up to `most`.

    What reading them raises comes after the window of those before it.
    """
    remaining, error = iter(items), None
    while error is None:
        window, error = _read(remaining, first)
        if window:
            yield window
        elif error is None:
            return
        first = min(2 * first, most)
    raise error


def _read(items: Iterator[Item], most: int) -> tuple[list[Item], Exception | None]:
    """The next items, and what kept from reading more of them: what came before it is not lost."""
    read: list[Item] = []
    try:
        read.extend(islice(items, most))
    except Exception as error:  # also of the caller's own
        return read, error
    return read, None
