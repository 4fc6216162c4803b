#!/usr/bin/env python3
"""Pretrained word vectors -> a model to start from, whose embeddings they are; all else is as a new run begins.

python scripts/vectors.py --out START --src cc.de.300.vec.gz --tgt cc.en.300.vec.gz --config FILE
nmt train --config FILE --training.start_from START --training.freeze '[encoder.embedding]'

The vectors are text as word2vec, GloVe and fastText write it, a word and its numbers on each line; model.embedding_size
is to be their size. All other flags are those of `nmt train`, and are to be the same there. A type of the vocabulary
has the vector of the word that it is, or else of the first that differs from it in case alone: so one of the two may
be in small letters. With data.tokenizer.kind word most types have one. The others begin with random numbers, as without
this program, and keep them where the embedding is frozen.
"""

import sys
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from torch import nn

from nmt.cli.parsing import Parser, file_path
from nmt.cli.settings import parse_settings, settings_parser
from nmt.data.compression import file_lines
from nmt.data.datamodule import TranslationData
from nmt.data.special import PAD_ID
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.model.encoder import Encoder
from nmt.model.saved import ModelInfo, save_model
from nmt.model.seq2seq import Seq2Seq


def read_vectors(path: Path, words: Container[str], size: int) -> Iterator[tuple[str, list[float]]]:
    """The vectors of some words, in the case that the file has them in.

    Args:
        path: text, or compressed text (.gz, .xz, .zst).
        words: whose, in small letters.
        size: of a vector.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it holds something else, or vectors of another size.
    """
    for number, line in enumerate(file_lines(path), 1):
        first, _, rest = line.partition(b" ")
        word, is_second = first.decode(errors="replace"), number == 2  # which is a vector in all of the formats
        is_wanted = word.lower() in words
        if not is_wanted and not is_second:
            continue
        numbers = rest.split()
        has_counts = number == 1 and len(numbers) == 1
        has_several_words = len(numbers) > size and not is_second  # GloVe's largest files have some such lines
        if has_counts or has_several_words:
            continue
        if len(numbers) != size:
            raise ValueError(f"{path}:{number}: {len(numbers)} numbers, but model.embedding_size is {size}")
        try:
            vector = [float(each) for each in numbers]
        except ValueError as error:
            raise ValueError(f"{path}:{number}: not a word and its numbers: {error}") from error
        if is_wanted:
            yield word, vector


def fill(table: nn.Embedding, tokens: Sequence[str], path: Path) -> int:
    """Writes the vectors of a file into the rows of the tokens; how many rows have one.

    A token has that of the word that it is, or else of the first that differs in case alone.
    """
    words = [token.removeprefix("▁") for token in tokens]
    rows = defaultdict(list)
    for row, word in enumerate(words):
        if row != PAD_ID:
            rows[word.lower()].append(row)
    filled: set[int] = set()
    with torch.no_grad():
        for word, vector in read_vectors(path, rows.keys(), table.embedding_dim):
            own = [row for row in rows[word.lower()] if row not in filled or words[row] == word]
            table.weight[own] = torch.tensor(vector)
            filled.update(own)
    return len(filled)


def main(arguments: Sequence[str]) -> None:
    """Writes the model.

    Raises:
        OSError: if a file cannot be read or written.
        ValueError: if a setting is not allowed, or a file is no file of vectors.
    """
    own = Parser("vectors.py", __doc__ or "")
    own.add_argument("--out", type=file_path, required=True, metavar="START", help="a new folder")
    for side, name in (("src", "source"), ("tgt", "target")):
        own.add_argument(f"--{side}", type=file_path, metavar="FILE", help=f"vectors of {name} words")
    given, others = own.parse_known_args(arguments)
    if given.out.exists():
        raise ValueError(f"--out {given.out} exists: give a new folder, or delete it")
    parser = settings_parser()
    config = parser.instantiate(parse_settings(parser, others))
    with TemporaryDirectory() as folder:
        TranslationData(config.data, config.seed, Path(folder)).prepare_data()
        tokenizers = TokenizerPair.load(folder)
    torch.manual_seed(config.seed)
    src, tgt = tokenizers.src, tokenizers.tgt
    model = Seq2Seq(config.model, src.vocab_size, tgt.vocab_size)
    embeddings = cast(Encoder, model.encoder).embedding, model.decoder.embedding
    for path, tokenizer, embedding in zip((given.src, given.tgt), (src, tgt), embeddings, strict=True):
        if path is not None:
            filled = fill(embedding.table, tokenizer.tokens, path)
            print(f"{path}: {filled:,} of {tokenizer.vocab_size:,} types have a vector")
    info = ModelInfo(config.data.src, config.data.tgt, src.vocab_size, tgt.vocab_size, config.model, {"step": 0})
    save_model(given.out, model, info)
    tokenizers.save(given.out)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as error:
        print(f"vectors.py: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
