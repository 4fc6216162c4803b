"""What is remarkable about a translation, by the name of a flag."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from nmt.data.special import UNK
from nmt.data.words import is_run
from nmt.evaluation.frequencies import MOST_PAIRS
from nmt.evaluation.results import Evaluation

FLAGS = {
    "cut_off": ("cut off", "stopped by the length limit before the end of the sentence"),
    "repetition": (
        "repetition",
        "one word three times in a row, or two to eight words twice (where characters are words, three times)",
    ),
    "copied": ("copied", "the same words as the source, where the reference has others"),
    "empty": ("empty", "no word at all"),
    "short": ("much shorter", "at least three words fewer than the reference, and less than 60% of it"),
    "long": ("much longer", "at least three words more than the reference, and more than 160% of it"),
    "unknown": ("unknown token", f"{UNK} stands in the translation, for a word that the vocabulary has not"),
    "shared": ("as for another source", "the text that another source has too, whose reference is another"),
    "search_error": (
        "search error",
        "the reference, a “what if” or another evaluation’s translation ranks above what the search found",
    ),
    "seen": ("seen in training", "the source stands in the training data, whatever its case and marks"),
    "unseen": (
        "unseen word",
        f"a word of the source stands nowhere in the training data, of which at most {MOST_PAIRS:,} pairs are counted",
    ),
    "exact": ("exact", "the same words as the reference"),
}
"""Name of each flag -> its label and what it means."""


def known_flags(evaluation: Evaluation) -> list[str]:
    """The names of the `FLAGS` of which it is known for each sentence of an evaluation whether they hold."""
    known = {
        "search_error": evaluation.search_errors() is not None,
        "seen": evaluation.seen is not None,
        "unseen": evaluation.training_counts is not None,
    }
    return [name for name in FLAGS if known.get(name, True)]


def search_errors_by(evaluation: Evaluation, run: Sequence[Evaluation]) -> list[str]:
    """What search errors were looked for by, in words: the translations that are known beside those that were found.

    Counts of search errors can be compared only where these are the same. `run` is all evaluations of the run.
    """
    alike = evaluation.scored_alike(run)
    by = {"the reference": True, "a “what if”": evaluation.insight.branches, "another evaluation": alike}
    return [name for name, known in by.items() if known]


def flags_of_both(evaluation: Evaluation, baseline: Evaluation, run: Sequence[Evaluation]) -> list[str]:
    """The flags that are known of both by the same means: not search errors that were looked for by others."""
    flags = [name for name in known_flags(evaluation) if name in known_flags(baseline)]
    if search_errors_by(evaluation, run) != search_errors_by(baseline, run) and "search_error" in flags:
        flags.remove("search_error")
    return flags


def marks(evaluation: Evaluation, run: Sequence[Evaluation]) -> list[list[str]]:
    """For each sentence the flags that hold and that only the whole evaluation knows, or the whole run."""
    errors = evaluation.search_errors(evaluation.scored_alike(run))
    holds = {
        "unknown": {number for number, each in enumerate(evaluation.translations) if UNK in each.tokens},
        "shared": _shared(evaluation),
        "search_error": set(errors or ()),
        "seen": set(evaluation.seen or ()),
        "unseen": set(_with_unseen_words(evaluation)),
    }
    return [
        [flag for flag, numbers in holds.items() if number in numbers] for number in range(len(evaluation.translations))
    ]


def _shared(evaluation: Evaluation) -> set[int]:
    """The sentences whose translation is that of another source too, where the references differ as well."""
    of_text = defaultdict(list)
    for number, record in enumerate(evaluation.translations):
        of_text[record.text].append(number)
    sides = [record.source for record in evaluation.translations], evaluation.references
    groups = (group for text, group in of_text.items() if text)
    return {
        each for group in groups if all(len({side[each] for each in group}) > 1 for side in sides) for each in group
    }


def _with_unseen_words(evaluation: Evaluation) -> list[int]:
    """The sentences, from 0, with a source word that stands nowhere in the training data."""
    counts, records = evaluation.training_counts, evaluation.translations
    return [number for number, each in enumerate(records) if counts and counts.rarest(each.source) == 0]


def sentence_flags(
    source: Sequence[str],
    hypothesis: Sequence[str],
    reference: Sequence[str],
    finished: bool,
    marked: Collection[str] = (),
) -> list[str]:
    """The names of the `FLAGS` that hold for a sentence, given its words; `marked` are known already."""
    holds = {
        "cut_off": not finished,
        "repetition": _repeats(hypothesis) and not _repeats(reference),
        "copied": bool(hypothesis) and list(hypothesis) == list(source) != list(reference),
        "empty": not hypothesis,
        "short": 0 < len(hypothesis) < 0.6 * len(reference) and len(reference) - len(hypothesis) >= 3,
        "long": len(hypothesis) > 1.6 * len(reference) > 0 and len(hypothesis) - len(reference) >= 3,
        **{name: name in marked for name in ("unknown", "shared", "search_error", "seen", "unseen")},
        "exact": bool(hypothesis) and list(hypothesis) == list(reference),
    }
    return [name for name in FLAGS if holds[name]]


def _repeats(words: Sequence[str]) -> bool:
    """Whether a word stands three times in a row, or an n-gram of two to eight words twice in a row.

    Where characters are words, twice is no fault: Japanese and Chinese say iroiro and yanjiu yanjiu. Unknown tokens
    repeat nothing: each may stand for another word.
    """
    lowered = [f"{word}{place}" if word == UNK else word.lower() for place, word in enumerate(words)]

    def follows_itself(length: int, times: int, counts: Callable[[str], bool]) -> bool:
        span = length * (times - 1)
        return any(
            lowered[start : start + span] == lowered[start + length : start + length + span]
            and any(map(counts, lowered[start : start + length]))
            for start in range(len(lowered) - length * times + 1)
        )

    def has_letters(word: str) -> bool:
        return any(map(str.isalnum, word))

    thrice = any(follows_itself(length, 3, has_letters) for length in range(1, 9))
    return thrice or any(follows_itself(length, 2, is_run) for length in range(2, 9))
