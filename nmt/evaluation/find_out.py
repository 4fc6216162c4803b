"""Translations -> what else is known of them: heads, branches, looks, neighbours, effects.

Letters: n steps of translations, m steps of training pairs, R readout size, k neighbours of a step, T target tokens,
S source tokens, M heads, W source words.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import datasets
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from nmt.checked import check
from nmt.data.special import EOS, EOS_ID
from nmt.data.tokenizer import Encoded
from nmt.data.words import words_of_tokens
from nmt.decoding.options import SearchOptions
from nmt.decoding.records import ids_of
from nmt.decoding.steps import head_attention, looks, readouts, token_log_probs
from nmt.decoding.translation import Translation
from nmt.decoding.translator import MAX_SOURCE_TOKENS, Translator
from nmt.evaluation.branches import branch, forks
from nmt.evaluation.effects import effect_columns
from nmt.evaluation.insight import Insight
from nmt.evaluation.looks import Looks
from nmt.evaluation.neighbors import MOST_EXAMPLES, Example, Neighbor, Neighbors
from nmt.model.seq2seq import Seq2Seq
from nmt.pipe.progress import watched

BLOCK_STEPS = 1 << 11
"""Steps of training pairs that the others are compared with at once."""

BLOCK_QUERIES = 1 << 13
"""Steps of translations that are compared at once."""


@dataclass(frozen=True)
class Wanted:
    """What is to be found out of each translation beside its scores, for the report.

    Attributes:
        what_if: narrow steps at which another token is tried, and if any, where the reference is left its token: see
            `nmt.evaluation.branches`.
        looks: whether to try at each step to look at each source token alone: see `nmt.evaluation.looks`.
        neighbors: of each step, so many steps of training pairs: see `nmt.evaluation.neighbors`.
        effects: whether to leave out each source word in turn: see `nmt.evaluation.effects`.
    """

    what_if: int = 0
    looks: bool = False
    neighbors: int = 0
    effects: bool = False

    def __post_init__(self) -> None:
        check(self.what_if >= 0, "what_if", self.what_if, "at least 0")
        check(self.neighbors >= 0, "neighbors", self.neighbors, "at least 0")


def find_out(
    wanted: Wanted,
    translator: Translator,
    sources: Sequence[str],
    translations: Sequence[Translation],
    forced: Sequence[Translation],
    options: SearchOptions,
    size: int,
    training: datasets.Dataset | None,
) -> Insight:
    """What is wanted, and each of several heads.

    Args:
        wanted: what.
        translator: which made the translations; with one model, unless only branches or effects are wanted.
        sources: the sentences as they were given.
        translations: of which.
        forced: the references under forced decoding.
        options: of the search.
        size: sentences that are searched together.
        training: the training pairs, where neighbours are wanted.
    """
    found = Insight()
    if has_heads(translator):
        sides = (ids_of(translator.tokenizers, each) for each in (translations, forced))
        heads, forced_heads = (tuple(head_attention(translator.engine, *each)) for each in sides)
        found = replace(found, heads=heads, forced_heads=forced_heads)
    if wanted.what_if:
        places = forks(translations, forced, wanted.what_if)
        branches = branch(translator, sources, translations, places, options, size)
        found = replace(found, branches=tuple(watched(branches, len(places), "searching on from other tokens")))
    if wanted.looks:
        of_each = watched(looks_of(translator, translations), len(translations), "looking at each source token alone")
        found = replace(found, looks=tuple(of_each))
    if wanted.neighbors and training is not None:
        found = replace(found, neighbors=neighbors_of(translator, translations, training, wanted.neighbors))
    if wanted.effects:
        effects, forced_effects = (tuple(effects_of(translator, each)) for each in (translations, forced))
        found = replace(found, effects=effects, forced_effects=forced_effects)
    return found


def has_heads(translator: Translator) -> bool:
    """Whether the attention of a record is the mean of several heads, and not of several models."""
    network = translator.engine.network
    return isinstance(network, Seq2Seq) and network.decoder.attention.heads > 1


def looks_of(translator: Translator, translations: Sequence[Translation]) -> Iterator[Looks]:
    """What each step of translations could have looked at, in their order.

    Raises:
        ValueError: if the translator has several models.
    """
    names = translator.tokenizers.tgt.tokens
    for best, probabilities, written in looks(translator.engine, *ids_of(translator.tokenizers, translations)):
        tokens = tuple(tuple(names[token] for token in row) for row in best.tolist())
        yield Looks(tokens, probabilities, written)


def effects_of(translator: Translator, translations: Sequence[Translation]) -> list[np.ndarray]:
    """For each translation float32 (T, W): by how much the log-probability of each token falls without each word.

    W is 0 where the source has one word only: there would be nothing to read.
    """
    read, written = ids_of(translator.tokenizers, translations)
    sources = [_with_and_without(*each) for each in zip(translations, read, strict=True)]
    order = sorted(range(len(sources)), key=lambda number: len(written[number]))
    targets = [written[number] for number in order for _ in sources[number]]
    found = token_log_probs(translator.engine, [ids for number in order for ids in sources[number]], targets)
    effects = {}
    for number in watched(order, len(order), "leaving out each source word"):
        whole, *without = islice(found, len(sources[number]))
        effects[number] = np.array([whole - each for each in without], np.float32).reshape(len(without), len(whole)).T
    return [effects[number] for number in range(len(sources))]


def _with_and_without(translation: Translation, ids: list[int]) -> list[list[int]]:
    """The ids of a source, and those without the tokens of each of its words in turn."""
    words = words_of_tokens(translation.source, translation.source_tokens[1:], translation.source_spans[1:])
    without = range(effect_columns(translation.source))
    return [ids, *([token for token, own in zip(ids, words, strict=True) if left not in own] for left in without)]


def neighbors_of(
    translator: Translator, translations: Sequence[Translation], corpus: datasets.Dataset, count: int
) -> Neighbors:
    """The steps of training pairs whose readouts have the largest cosine with those of the steps of translations.

    Args:
        translator: which made the translations, with one model.
        translations: with the tokens that were written.
        corpus: the training pairs, columns `src` and `tgt`; of more than `MOST_EXAMPLES`, as many, evenly spread.
        count: how many of each step, at most.

    Raises:
        ValueError: if the translator has several models.
    """
    src, tgt = translator.tokenizers.src, translator.tokenizers.tgt
    chosen = corpus.select(np.linspace(0, len(corpus) - 1, min(MOST_EXAMPLES, len(corpus)), dtype=np.int64))
    pairs = sorted(zip(chosen["src"], chosen["tgt"], strict=True), key=lambda pair: len(pair[1]))
    sources = [ids[:MAX_SOURCE_TOKENS] for ids in src.encode_batch([source for source, _ in pairs])]
    targets = tgt.encode_all([target for _, target in pairs])
    queries = _units(readouts(translator.engine, *ids_of(translator.tokenizers, translations)))
    given = readouts(translator.engine, sources, [[*target.ids, EOS_ID] for target in targets])
    given = watched(given, len(pairs), "searching the training data for neighbors")
    similarities, places = _nearest(queries, _blocks(given), count)
    ends = np.cumsum([len(target.ids) + 1 for target in targets])
    numbers = np.searchsorted(ends, places, side="right")  # which pair, (n, k)
    near, examples = np.unique(numbers, return_inverse=True)
    steps = places - (ends - np.diff(ends, prepend=0))[numbers]
    columns = examples.reshape(places.shape), numbers, steps, similarities
    found = [
        tuple(
            Neighbor(example, *_token(targets[number], step), similarity)
            for example, number, step, similarity in zip(*row, strict=True)
        )
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    sizes = np.cumsum([len(each.tokens) for each in translations]).tolist()
    return Neighbors(
        examples=tuple(Example(src.plain(pairs[number][0]), targets[number].text) for number in near.tolist()),
        steps=tuple(tuple(found[end - len(each.tokens) : end]) for each, end in zip(translations, sizes, strict=True)),
        searched=len(pairs),
    )


def _token(encoded: Encoded, step: int) -> tuple[str, int, int]:
    """What stands at a step of a text, and where: at the last step its end."""
    if step == len(encoded.ids):
        return EOS, len(encoded.text), len(encoded.text)
    return encoded.tokens[step], *encoded.spans[step]


def _units(rows: Iterable[np.ndarray]) -> Tensor:
    """Rows (m, R), in parts -> as vectors of length one."""
    return normalize(torch.from_numpy(np.concatenate(list(rows))))


def _blocks(parts: Iterable[np.ndarray]) -> Iterator[Tensor]:
    """The same rows as vectors of length one, some thousands at a time."""
    block: list[np.ndarray] = []
    for part in parts:
        block.append(part)
        if sum(map(len, block)) >= BLOCK_STEPS:
            yield _units(block)
            block = []
    if block:
        yield _units(block)


def _nearest(queries: Tensor, blocks: Iterable[Tensor], count: int) -> tuple[np.ndarray, np.ndarray]:
    """For vectors (n, R) the largest products with those of all blocks (m, R), best first, and their rows: (n, k)."""
    best = queries.new_full((len(queries), count), -torch.inf)
    places = torch.zeros(best.shape, dtype=torch.int64)
    first = 0
    for block in blocks:
        for rows in torch.arange(len(queries)).split(BLOCK_QUERIES):
            products, columns = (queries[rows] @ block.t()).topk(min(count, len(block)))
            both, all_places = (
                torch.cat([best[rows], products], dim=1),
                torch.cat([places[rows], columns + first], dim=1),
            )
            best[rows], chosen = both.topk(count)
            places[rows] = all_places.gather(1, chosen)
        first += len(block)
    few = min(count, first)
    return best[:, :few].numpy(), places[:, :few].numpy()
