"""What a search is asked for: how it explores, how it ranks, how long it goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from nmt.checked import check, fit_types
from nmt.data.special import EOS

LARGEST = 1_000_000
"""What no number of a search exceeds."""


@dataclass(frozen=True)
class SearchOptions:
    """What search is asked for.

    Attributes:
        method: "beam", or "sample": ancestral sampling, each hypothesis drawn on its own.
        beam_size: K, hypotheses kept at each step, in all groups; 1 is greedy search, or one sample.
        n_best: hypotheses to give back, best first, or samples, as they were drawn; at most `beam_size`.
        mbr: "none"; or give back first what has the least Bayes risk among the `beam_size` hypotheses, with sentence
            "chrf" or "bleu" as the utility.
        length_norm: what the log-probability of a hypothesis of T tokens (EOS included) is divided by for ranking:
            "power", ``T ** length_penalty``, or "gnmt", ``((5 + T) / 6) ** length_penalty``.
        length_penalty: alpha of the norm; 0 ranks by the plain log-probability, 1 with "power" by the average.
        coverage_penalty: beta, of ``beta * sum_s log(min(sum_t a_ts, 1))``, which is added to the score (Wu et al.
            2016, eq. 14): attention that leaves source words out costs.
        word_reward: added to the score for each token, EOS included (He et al. 2016, section 3.3).
        min_length: a hypothesis has at least this many tokens, EOS not counted,
        max_length: and at most this many, EOS not counted, or one more if it is cut off there. What is demanded of it
            does not extend this; a longer prefix is cut off. None: only the next two set a limit.
        max_length_ratio: a hypothesis has at most this many tokens, EOS counted, for each source token, BOS counted,
        max_length_offset: and this many more, beside those of a prefix and of what it must include.
        no_repeat_ngram: no sequence of this many tokens comes twice in a hypothesis; 0 allows it.
        replace_unknown: in place of each unknown token write the source token that it attended to most, as of names
            (Jean et al. 2015, section 3.3). BPE and Unigram have no unknown token.
        early_stopping: end a sentence as soon as no open hypothesis can overtake the best; the result is the same.
        groups: of a diverse beam, each of ``beam_size / groups`` (Vijayakumar et al. 2016); 1 is the ordinary beam.
        diversity: what a token costs a group, in nats, for each time an earlier group takes it at the same step.
        temperature: of sampling; below 1 the probable becomes more probable.
        top_k: sample among this many most probable tokens; 0 for all.
        top_p: sample among the fewest tokens that have this probability together (Holtzman et al. 2020).
        seed: of sampling; with the number of the sentence it fixes what is drawn, whatever the batch, but that
            rounding can change one sample in some hundreds.
        alternatives: the most probable tokens to record at each step.
        keep_beam: record what the beam held after each step; of samples there is none.
    """

    method: Literal["beam", "sample"] = "beam"
    beam_size: int = 5
    n_best: int = 1
    mbr: Literal["none", "chrf", "bleu"] = "none"
    length_norm: Literal["power", "gnmt"] = "power"
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    word_reward: float = 0.0
    min_length: int = 0
    max_length: int | None = None
    max_length_ratio: float = 2.0
    max_length_offset: int = 10
    no_repeat_ngram: int = 0
    replace_unknown: bool = False
    early_stopping: bool = True
    groups: int = 1
    diversity: float = 0.5
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 1
    alternatives: int = 5
    keep_beam: bool = False

    def __post_init__(self) -> None:
        fit_types(self)
        for name in ("beam_size", "n_best", "groups", "max_length_offset"):
            self._check(getattr(self, name) >= 1, name, "at least 1")
        not_negative = ("length_penalty", "coverage_penalty", "max_length_ratio", "diversity", "seed", "alternatives")
        for name in (*not_negative, "min_length", "no_repeat_ngram", "top_k"):
            self._check(getattr(self, name) >= 0, name, "at least 0")
        self._check(self.max_length is None or self.max_length >= 1, "max_length", "at least 1")
        self._check(self.max_length is None or self.max_length >= self.min_length, "max_length", "at least min_length")
        self._check(self.n_best <= self.beam_size, "n_best", f"at most beam_size, which is {self.beam_size}")
        self._check(self.beam_size % self.groups == 0, "groups", f"a divisor of beam_size, which is {self.beam_size}")
        self._check(self.groups == 1 or not self.is_sampled, "groups", "1 with method sample")
        weights = "length_penalty", "coverage_penalty", "word_reward", "diversity"
        for name in (*weights, "max_length_ratio", "temperature"):
            self._check(abs(getattr(self, name)) <= LARGEST, name, f"at most {LARGEST:,}")
        for name in ("min_length", "max_length", "max_length_offset", "beam_size", "alternatives"):
            self._check((getattr(self, name) or 0) <= LARGEST, name, f"at most {LARGEST:,}")
        self._check(self.seed < 1 << 63, "seed", "below 2 ** 63")
        self._check(self.temperature >= 1e-6, "temperature", "at least 1e-6")
        self._check(0 < self.top_p <= 1, "top_p", "above 0 and at most 1")

    @classmethod
    def named(cls, values: Mapping[str, Any]) -> "SearchOptions":
        """The options among named values, such as those that an evaluation keeps; the others have their defaults."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def _check(self, holds: bool, name: str, allowed: str) -> None:
        check(holds, name, getattr(self, name), allowed)

    def limit(self, src_tokens: int, more: int = 0) -> int:
        """The most target tokens of a sentence, EOS included: a property of the sentence, not of its batch.

        Args:
            src_tokens: with BOS.
            more: tokens beyond the limit of the source's length, for what is demanded.
        """
        most = int(src_tokens * self.max_length_ratio) + self.max_length_offset + more
        most = most if self.max_length is None else min(most, self.max_length + 1)
        return max(most, self.min_length + 1)

    def allows(self, tokens: Sequence[str], src_tokens: int) -> bool:
        """Whether a translation may be these tokens, by its length and by what comes twice in it.

        Args:
            tokens: with EOS, if it has ended.
            src_tokens: with BOS.
        """
        written = tuple(tokens[:-1] if tokens[-1:] == (EOS,) else tokens)
        n = self.no_repeat_ngram
        grams = [written[at : at + n] for at in range(len(written) - n + 1)] if n else []
        fits = self.min_length <= len(written) and len(tokens) <= self.limit(src_tokens)
        return fits and len(set(grams)) == len(grams)

    def __str__(self) -> str:
        """The method in a few words: "beam 5"."""
        if self.is_sampled:
            drawn = "one sample" if self.width == 1 else f"{self.width} samples"
            searched = f"{drawn} at temperature {self.temperature:g}, seed {self.seed}"
        else:
            searched = "greedy" if self.beam_size == 1 else f"beam {self.beam_size}"
            searched += f" in {self.groups} groups" if self.groups > 1 else ""
        return searched if self.mbr == "none" else f"least risk by {self.mbr} of {searched}"

    @property
    def width(self) -> int:
        """The most hypotheses of a sentence at a time; of samples, no more are drawn than are needed."""
        return self.n_best if self.is_sampled and self.mbr == "none" else self.beam_size

    @property
    def is_sampled(self) -> bool:
        """Whether hypotheses are drawn, not searched for."""
        return self.method == "sample"
