"""`nmt shortlist`: which target types a source type is likely to need, from the attention of the training data."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from nmt.cli.parsing import Parser, at_least, file_path

if TYPE_CHECKING:
    from nmt.config import Config, DataConfig
    from nmt.data.batch import Batch
    from nmt.data.tokenizer_pair import TokenizerPair

READ_AGAIN = 64
"""So many batches are read a second time, at most, for what the other types weigh."""


def run(arguments: list[str]) -> int:
    """Reads training pairs and writes the shortlist beside the model; the exit code."""
    parser = Parser("nmt shortlist", "The target types that a source is likely to need, for `--shortlist`.")
    parser.add_argument("run", type=file_path, help="folder of the run")
    parser.add_argument("--path", metavar="CORPUS", help="read this corpus, not the run's")
    parser.add_argument(
        "--per-token", type=at_least(1), default=100, metavar="N", help="most target types of a source type"
    )
    parser.add_argument(
        "--frequent", type=at_least(0), default=1000, metavar="N", help="target types of every sentence"
    )
    parser.add_argument(
        "--sentences", type=at_least(1), default=100_000, metavar="N", help="training pairs read, at most"
    )
    options = parser.parse_args(arguments)
    from nmt.data.runs import config_with_corpus
    from nmt.data.tokenizer_pair import TokenizerPair
    from nmt.decoding.fit_shortlist import build_shortlist, fit_rest
    from nmt.decoding.shortlist import FILE
    from nmt.model.saved import load_model
    from nmt.pipe.progress import watched

    config, folder = config_with_corpus(options.run, options.path), options.run / "model"
    model, _ = load_model(folder)
    tokenizers = TokenizerPair.load(folder)
    batches, total = _batches(config, tokenizers, options.sentences)
    shortlist = build_shortlist(
        model, tokenizers, watched(batches, total, "reading pairs"), options.per_token, options.frequent
    )
    shortlist.rest = fit_rest(model, shortlist, islice(batches, 0, None, -(-total // READ_AGAIN)))
    shortlist.save(folder)
    print(folder / FILE)
    return 0


def _batches(config: "Config", tokenizers: "TokenizerPair", sentences: int) -> tuple[Iterable["Batch"], int]:
    """Training pairs, evenly drawn and filtered as for training, in batches; and how many batches."""
    import datasets
    from torch.utils.data import DataLoader

    from nmt.data.batch import BucketSampler, collate
    from nmt.data.mixture import load_training
    from nmt.data.pairs import training_pairs

    datasets.disable_progress_bars()
    data: DataConfig = config.data
    corpus = load_training(data)
    drawn = corpus.select(range(0, len(corpus), -(-len(corpus) // sentences) or 1))
    pairs, lengths, _ = training_pairs(drawn, tokenizers, data)
    sampler = BucketSampler(lengths, data.batch_tokens, data.batch_sentences, shuffle=False)
    return DataLoader(pairs, batch_sampler=sampler, collate_fn=collate), len(sampler)
