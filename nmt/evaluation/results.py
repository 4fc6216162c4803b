"""Evaluation <-> folder: all that is known of one evaluated split, for the report and for later comparisons.

``runs/<run>/evaluations/<split or name>/`` holds ``translations.jsonl`` and ``attention.npz`` (see
`nmt.decoding.translation`), ``references.jsonl`` (a line a sentence: the reference and its gold alignment or null),
``forced/`` (what the model makes of the references, as the translations), ``scores.json`` (the scores, and with which
search, checkpoint, command and versions they were made), ``training_counts.json`` where the training data could be read
(see `nmt.evaluation.frequencies`), and what else is known of the translations (see `nmt.evaluation.insight`).
"""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nmt.data.files import locked, put_folder, sibling
from nmt.data.json_files import load_json, load_json_lines, save_json, save_json_lines
from nmt.data.links import Link
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Translation, load_translations, save_translations
from nmt.evaluation.aer import AlignmentScore
from nmt.evaluation.effects import effect_error_rate
from nmt.evaluation.frequencies import TrainingCounts, load_counts, save_counts
from nmt.evaluation.insight import Insight
from nmt.evaluation.metrics import Score
from nmt.evaluation.shift import Shift

FORMAT_VERSION = 3
"""Version of `scores.json`; a reader refuses any other."""

SAME_SCORE = 1e-4
"""Scores that are no further apart are equal: search and forced decoding add up in different orders."""

_PLAIN = (
    *("split", "name", "given", "src", "tgt", "search", "checkpoint", "command", "seconds", "versions"),
    "source_worth",
)
"""The attributes that are in `scores.json` as they are."""

_PACKAGES = ("nmt", "torch", "pytorch-lightning", "tokenizers", "sacrebleu", "sacremoses", "numpy")


def installed_versions() -> dict[str, str]:
    """The versions of Python and of the packages that a score can depend on, as far as they are installed."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


@dataclass(frozen=True, repr=False)
class Evaluation:
    """One split, translated and scored; N sentences in corpus order.

    Attributes:
        split: name of the split, such as "test_2016_flickr".
        src: language code of the source.
        tgt: language code of the target.
        translations: N records.
        references: N reference translations.
        forced: N records of the references under forced decoding, their `score` that of the search.
        gold: N gold alignments, links between words of source and reference, sure and possible ones; None where there
            is no gold.
        scores: the corpus scores.
        alignment: score of the attention against gold; None without gold.
        search: the options of the search by name.
        checkpoint: which weights were used.
        command: the command that made this evaluation.
        seconds: time for decoding and scoring.
        versions: of Python and packages, by name.
        source_worth: by how many nats a token the references are less probable with another sentence's source; None
            where that is not known.
        shift: the stretch of sentences whose references seem to stand in the wrong line; None where there is none.
        seen: the sentences, from 0, whose source stands in the training data, whatever its case and marks; None where
            that was not looked up.
        seen_references: the same of the references.
        insight: what else is known of translations and references.
        training_counts: how often the words of sources, references and translations stand in the training data; None
            where that was not looked up.
        name: that it was given to be kept beside others of its split; empty for that of the split.
        given: the file whose lines the translations are, by forced decoding; empty where a search found them.
    """

    split: str
    src: str
    tgt: str
    translations: tuple[Translation, ...]
    references: tuple[str, ...]
    forced: tuple[Translation, ...]
    gold: tuple[tuple[Link, ...] | None, ...]
    scores: tuple[Score, ...]
    alignment: AlignmentScore | None
    search: Mapping[str, Any]
    checkpoint: str
    command: str
    seconds: float
    versions: Mapping[str, str] = field(default_factory=installed_versions)
    name: str = ""
    insight: Insight = Insight()
    source_worth: float | None = None
    shift: Shift | None = None
    seen: tuple[int, ...] | None = None
    seen_references: tuple[int, ...] | None = None
    training_counts: TrainingCounts | None = None
    given: str = ""

    @property
    def label(self) -> str:
        """What it is called among others: its name, or its split."""
        return self.name or self.split

    def __post_init__(self) -> None:
        sizes = len(self.translations), len(self.references), len(self.forced), len(self.gold)
        if len(set(sizes)) != 1:
            raise ValueError(
                f"evaluation of {self.label}: {sizes[0]} translations, {sizes[1]} references, {sizes[2]} of them under "
                f"forced decoding, and {sizes[3]} gold alignments, but each sentence needs one of each"
            )

    @property
    def is_comparable(self) -> bool:
        """Whether the scores of hypotheses and references are of one kind, those of a search over all types.

        Samples and hypotheses of the least risk are ranked by something else; with a shortlist, fewer types take part.
        Lines of a file have been scored as the references have.
        """
        search = self.search
        return (
            bool(self.given)
            or search.get("method") == "beam"
            and search.get("mbr") == "none"
            and not search.get("shortlist")
        )

    def effect_alignment(self) -> AlignmentScore | None:
        """Score against gold of what the words of the references depend on; None where one of the two is not known."""
        if not self.insight.forced_effects or self.alignment is None:
            return None
        return effect_error_rate(self.forced, self.insight.forced_effects, self.gold)

    def scored_alike(self, others: Sequence["Evaluation"]) -> list["Evaluation"]:
        """Those of other evaluations that give the same scores."""
        return [each for each in others if each.label != self.label and self.scores_as(each)]

    def scores_as(self, other: "Evaluation") -> bool:
        """Whether a translation would have the same score in another evaluation as in this one.

        The references have: so sentences, weights, precision and ranking are the same.
        """
        if not (self.is_comparable and other.is_comparable and len(self.forced) == len(other.forced)):
            return False
        pairs = zip(self.forced, other.forced, strict=True)
        return all(
            (one.source, one.text) == (two.source, two.text) and abs(one.score - two.score) <= SAME_SCORE
            for one, two in pairs
        )

    def search_errors(self, alike: Sequence["Evaluation"] = ()) -> list[int] | None:
        """The sentences, from 0, for which something is known that ranks above what the search found.

        That is the reference; or a branch: what the search found from another beginning; or a translation of `alike`,
        evaluations that are `scored_alike`. There it is not the model that is at fault, but the search; what its
        options forbid, such as a repetition, it has not missed. There may be more: in the other sentences the model
        prefers its own, or the search missed something else. None where the scores are not comparable, or nothing was
        searched.
        """
        known = [*enumerate(self.forced), *((each.fork.sentence, each.translation) for each in self.insight.branches)]
        return self._missed([*known, *(pair for each in alike for pair in enumerate(each.translations))])

    def missed_references(self) -> list[int] | None:
        """The search errors that are known by the references alone, which do not grow with what else was tried."""
        return self._missed(enumerate(self.forced))

    def _missed(self, known: Iterable[tuple[int, Translation]]) -> list[int] | None:
        if self.given or not self.is_comparable:
            return None
        above = ((number, other) for number, other in known if ranks_above(other, self.translations[number]))
        options = SearchOptions.named(self.search)
        return sorted({number for number, other in above if options.allows(other.tokens, len(other.source_tokens))})

    def __repr__(self) -> str:
        """In a line what it is of, and how good; all of it would be every translation and matrix."""
        scores = "".join(f"{each.name} {each.score:.1f}, " for each in self.scores[:1])
        return f"Evaluation({self.label}, {len(self.references):,} sentences, {scores}{self.search.get('decoding')})"

    def save(self, folder: str | Path) -> None:
        """Writes the evaluation to `folder`, in place of one that is there: a crash leaves one of the two whole.

        Of processes that write beside each other at once, one waits for the other.
        """
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent), put_folder(folder) as fresh:
            self._write(fresh)

    def _write(self, folder: Path) -> None:
        save_translations(folder, self.translations)
        save_translations(folder / "forced", self.forced)
        self.insight.save(folder)
        if self.training_counts:
            save_counts(folder / "training_counts.json", self.training_counts)
        pairs = zip(self.references, self.gold, strict=True)
        references = ({"reference": reference, "alignment": links} for reference, links in pairs)
        save_json_lines(folder / "references.jsonl", references)
        scores = {
            "version": FORMAT_VERSION,
            **{name: getattr(self, name) for name in (*_PLAIN, "seen", "seen_references")},
            "shift": None if self.shift is None else self.shift._asdict(),
            "sentences": len(self.references),
            "scores": [asdict(score) for score in self.scores],
            "alignment": None if self.alignment is None else asdict(self.alignment),
        }
        save_json(folder / "scores.json", scores)

    @classmethod
    def load(cls, folder: str | Path) -> "Evaluation":
        """The evaluation that `save` wrote to `folder`.

        Raises:
            FileNotFoundError: if there is none, or a file of it is missing.
            ValueError: if it has another format version, something is missing in it, or its files do not fit together.
        """
        folder = Path(folder)
        if not folder.exists() and sibling(folder, "old").exists():
            folder = sibling(folder, "old")  # the crash came between the two moves of `put_folder`
        if not folder.is_dir():
            raise FileNotFoundError(f"no evaluation in {folder}: make it with `nmt evaluate`")
        try:
            return cls._read(folder)
        except (KeyError, TypeError, AttributeError) as error:
            what = f"there is no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{folder} holds no whole evaluation ({what}): run `nmt evaluate` again") from error

    @classmethod
    def _read(cls, folder: Path) -> "Evaluation":
        scores = load_json(folder / "scores.json")
        if scores.get("version") != FORMAT_VERSION:
            raise ValueError(
                f"{folder / 'scores.json'}: format version {scores.get('version')!r}, this program reads "
                f"{FORMAT_VERSION}: run `nmt evaluate` again"
            )
        lines = load_json_lines(folder / "references.jsonl")
        references = [(fields["reference"], _links(fields["alignment"])) for fields in lines]
        alignment, translations = scores["alignment"], tuple(load_translations(folder))
        forced = tuple(load_translations(folder / "forced"))
        return cls(
            **{name: scores[name] for name in _PLAIN},
            seen=_numbers(scores["seen"]),
            seen_references=_numbers(scores["seen_references"]),
            shift=None if scores["shift"] is None else Shift(**scores["shift"]),
            translations=translations,
            references=tuple(reference for reference, _ in references),
            gold=tuple(links for _, links in references),
            scores=tuple(Score(**score) for score in scores["scores"]),
            alignment=None if alignment is None else AlignmentScore(**alignment),
            forced=forced,
            insight=Insight.load(folder, translations, forced),
            training_counts=load_counts(folder / "training_counts.json"),
        )


def ranks_above(other: Translation, found: Translation) -> bool:
    """Whether a search would rank another text above what it found; what is cut off ranks below what has ended."""
    if other.text == found.text or other.finished < found.finished:
        return False
    return other.finished > found.finished or other.score > found.score + SAME_SCORE


def _numbers(sentences: list[int] | None) -> tuple[int, ...] | None:
    return None if sentences is None else tuple(sentences)


def _links(pairs: list[list[int]] | None) -> tuple[Link, ...] | None:
    return None if pairs is None else tuple(map(tuple, pairs))
