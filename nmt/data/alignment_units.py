"""Links between what stands between spaces, as an aligner such as fast_align counts -> links between words.

The words of this program are finer: of ``don't go.`` an aligner counts 2, a word here is each of ``don ' t go .``
(`nmt.data.words`). A link of two tokens becomes those of all their words.
"""

import re
from itertools import product
from typing import Any

import datasets

from nmt.config import AlignmentUnits
from nmt.data.links import Link
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.data.words import split_words


def with_word_links(
    corpus: datasets.Dataset, tokenizers: TokenizerPair, units: AlignmentUnits, split: str
) -> datasets.Dataset:
    """A corpus whose `alignment`, if it has one, counts words of the plain text.

    Args:
        corpus: as `nmt.data.corpus.load_split` gives it.
        tokenizers: which know what text that was cut reads as.
        units: what its links count; of text that was cut, a token is a piece.
        split: its name, for errors.

    Raises:
        ValueError: if a link is past the last token, or, of text that was cut, past the last word.
    """
    is_cut = tokenizers.src.takes_presplit
    if "alignment" not in corpus.column_names or (units == "words" and not is_cut):
        return corpus

    def converted(row: dict[str, Any], index: int) -> dict[str, Any]:
        src = words_of_units(tokenizers.src, row["src"], units)
        tgt = words_of_units(tokenizers.tgt, row["tgt"], units)
        links: set[Link] = set()
        for source, target, *possible in row["alignment"]:
            if source >= len(src) or target >= len(tgt):
                told = f"the source has {len(src)} {units}, the target {len(tgt)}, counted from 0"
                if units == "words":
                    told += "; if the links count pieces, give data.alignment_units tokens"
                raise ValueError(f"{split}, pair {index + 1}: link {source}-{target} is past the last: {told}")
            links.update((*words, *possible) for words in product(src[source], tgt[target]))
        return {"alignment": sorted(links)}

    return corpus.map(converted, with_indices=True, desc="counting words")


def words_of_units(tokenizer: Tokenizer, text: str, units: AlignmentUnits) -> list[list[int]]:
    """The words of the plain text that each word, or each token, of a text consists of."""
    if tokenizer.takes_presplit:
        _, _, spans, text = tokenizer.encode(text)
    else:
        spans = [match.span() for match in re.finditer(r"\S+", text)]
    words = list(enumerate(split_words(text)))
    if units == "words":
        return [[word] for word, _ in words]
    return [[word for word, (first, last) in words if first < end and last > start] for start, end in spans]
