"""BPE-dropout: the training split in other pieces each epoch (Provilkov et al. 2020).

The library's own dropout cannot be seeded. Here every choice is a function of seed, epoch and row, so that a resumed
run repeats it; normal form, pre-tokens and spans remain the library's.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any

import datasets
from tokenizers import PreTokenizedString, Token
from torch.utils.data import Dataset

from nmt.data.special import BYTE_TOKENS, SPECIAL_TOKENS, UNK_ID
from nmt.data.tokenizer import Encoded, Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.data.vocabulary import encodable
from nmt.data.words import words_of_tokens

CACHE_ENTRIES = 2**16
"""Words, and states of words on their way from characters to pieces, that are remembered; some 500 bytes each."""

Pieces = tuple[str, ...]

_BYTES = frozenset(BYTE_TOKENS)


class BPEDropout:
    """Segments as a BPE tokenizer does, but may skip merges.

    This is algorithm 1 of Provilkov et al. (2020, "BPE-Dropout: Simple and Effective Subword Regularization"): at each
    step every possible merge of a word is left out with a probability, and the first learned of the others is applied;
    where none is left the word is done.

    Args:
        tokenizer: of kind BPE.
        probability: that a merge is skipped. 0 gives the tokenizer's own segmentation, 1 characters and bytes.
    """

    def __init__(self, tokenizer: Tokenizer, probability: float) -> None:
        model = json.loads(tokenizer.backend.to_str())["model"]
        self.tokenizer, self.probability = tokenizer, probability
        self._vocab: dict[str, int] = model["vocab"]
        self._ranks = {tuple(pair): rank for rank, pair in enumerate(model["merges"])}
        fixed = {*SPECIAL_TOKENS, *BYTE_TOKENS, *(first + second for first, second in self._ranks)}
        self._whole = {token for token in self._vocab if len(token) > 1} - fixed  # protected: no merge makes them
        # Each access to these of the library makes a copy.
        self._normalizer, self._pre_tokenizer = tokenizer.backend.normalizer, tokenizer.backend.pre_tokenizer
        self._symbols_of = lru_cache(CACHE_ENTRIES)(self._symbols)
        self._merges_of = lru_cache(CACHE_ENTRIES)(self._merges)
        self._tokens_of = lru_cache(CACHE_ENTRIES)(self._tokens)

    def encode(self, text: str, random: Random) -> Encoded:
        """As `Tokenizer.encode`, with the merges that `random` leaves; a lone ``▁`` stands for the space alone."""
        sentence = PreTokenizedString(encodable(text))
        sentence.normalize(self._normalizer.normalize)
        self._pre_tokenizer.pre_tokenize(sentence)
        sentence.tokenize(lambda word: self._tokens_of(self._segment(word, random)))
        return self.tokenizer.encoded(text, sentence.to_encoding())

    def _segment(self, word: str, random: Random) -> Pieces:
        if word in self._whole:
            return (word,)
        pieces = self._symbols_of(word)
        while (at := self._survivor(self._merges_of(pieces), random)) is not None:
            pieces = (*pieces[:at], pieces[at] + pieces[at + 1], *pieces[at + 2 :])
        return pieces

    def _survivor(self, merges: Sequence[int], random: Random) -> int | None:
        """The first merge that is not skipped; the choices for those after it would change nothing."""
        for at in merges:
            if random.random() >= self.probability:
                return at
        return None

    def _symbols(self, word: str) -> Pieces:
        """The characters of a word; the bytes of a character that is not in the vocabulary."""
        symbols = ([char] if char in self._vocab else [BYTE_TOKENS[byte] for byte in char.encode()] for char in word)
        return tuple(symbol for each in symbols for symbol in each)

    def _merges(self, pieces: Pieces) -> tuple[int, ...]:
        """The positions whose piece can be joined to the next, first learned merge first, then from the left."""
        ranked = ((self._ranks.get(pair), at) for at, pair in enumerate(pairwise(pieces)))
        return tuple(at for _, at in sorted((rank, at) for rank, at in ranked if rank is not None))

    def _tokens(self, pieces: Pieces) -> list[Token]:
        """The pieces as the library wants them, with the bytes of the word that each stands for."""
        tokens, start = [], 0
        for piece in pieces:
            end = start + (1 if piece in _BYTES else len(piece.encode()))
            tokens.append(Token(self._vocab.get(piece, UNK_ID), piece, (start, end)))
            start = end
        return tokens


class DroppedPairs(Dataset[dict[str, Any]]):
    """The rows of `encode`, segmented anew in each epoch: other `src_ids` and `tgt_ids`, and other words of them.

    Skipped merges make sentences longer. Batches are cut by the lengths without dropout, which do not depend on
    the epoch: they hold the same number of pairs, and some more tokens than `data.batch_tokens` allows.

    Args:
        pairs: the rows, with `src`, `tgt` and `index`; where they have `src_words` and `tgt_words`, these follow.
        tokenizers: both of kind BPE.
        probability: that a merge is skipped.
        seed: with the epoch and `index` it gives the pieces.
        epoch: gives the epoch.
    """

    def __init__(
        self,
        pairs: datasets.Dataset,
        tokenizers: TokenizerPair,
        probability: float,
        seed: int,
        epoch: Callable[[], int],
    ) -> None:
        self.pairs, self.seed, self.epoch = pairs, seed, epoch
        self._src = BPEDropout(tokenizers.src, probability)
        self._tgt = self._src if tokenizers.joint else BPEDropout(tokenizers.tgt, probability)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitems__(self, rows: list[int]) -> list[dict[str, Any]]:
        """The rows of a batch."""
        return [self._segmented(pair) for pair in self.pairs.__getitems__(rows)]

    def _segmented(self, pair: dict[str, Any]) -> dict[str, Any]:
        random = Random(f"{self.seed} {self.epoch()} {pair['index']}")
        for side, dropout in (("src", self._src), ("tgt", self._tgt)):
            encoded = dropout.encode(pair[side], random)
            pair[f"{side}_ids"] = encoded.ids
            if f"{side}_words" in pair:
                pair[f"{side}_words"] = words_of_tokens(encoded.text, encoded.tokens, encoded.spans)
        return pair
