"""The LightningDataModule: corpus -> tokenizers -> ids -> loaders of batches."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch.utils.data import DataLoader

from nmt.config import DataConfig
from nmt.data import doubts
from nmt.data.alignment_units import with_word_links
from nmt.data.batch import BucketSampler, EpochLoader, collate
from nmt.data.bpe_dropout import DroppedPairs
from nmt.data.corpus import load_split
from nmt.data.mixture import load_training
from nmt.data.pair_doubts import of_pairs
from nmt.data.pairs import SPECIAL_COUNTS, encode, pair_lengths, read_by_model, training_pairs
from nmt.data.tokenizer_pair import TokenizerPair, train_tokenizers


class TranslationData(pl.LightningDataModule):
    """The training and validation split of a corpus, tokenised.

    Args:
        config: the corpus, the tokenizer and the batches.
        seed: of the order of the batches and of BPE-dropout.
        folder: where the tokenizers are, or where they go once they are learned from the training split.
        with_alignment: batches of the training split have an alignment.
        tokenizers_from: folder of tokenizers to be taken, where none are to be learned.
        say: prints what is found out about the corpus.
    """

    def __init__(
        self,
        config: DataConfig,
        seed: int,
        folder: Path,
        with_alignment: bool = False,
        tokenizers_from: Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self.tokenizers_from = tokenizers_from
        self.config, self.seed, self.folder = config, seed, folder
        self.with_alignment = with_alignment
        self.say = say
        self.tokenizers: TokenizerPair
        self.validation_references: list[str] = []

    def prepare_data(self) -> None:
        """Learns the tokenizers, unless the run has them already or takes others; in one process of a node.

        Of several, it also tokenises: what each would do in `setup` then lies in the cache of `datasets`.
        """
        self._prepare_tokenizers()
        if self.trainer and self.trainer.world_size > 1:
            tokenizers = TokenizerPair.load(self.folder)
            train, validation = self._with_word_links(*self._splits(), tokenizers)
            encode(train, tokenizers, self.with_alignment)
            encode(validation, tokenizers, with_words="alignment" in validation.column_names)

    @rank_zero_only
    def _say(self, message: str) -> None:
        self.say(message)

    def _prepare_tokenizers(self) -> None:
        if any(self.folder.glob("tokenizer*.json")):
            return
        settings = self.config.tokenizer
        if self.tokenizers_from is not None:
            TokenizerPair.load(self.tokenizers_from).save(self.folder)
            return
        if settings.path:
            try:
                given = TokenizerPair.load(Path(settings.path).expanduser())
            except (OSError, ValueError) as error:
                raise ValueError(f"data.tokenizer.path: {error}") from error
            given.check(settings)
            given.save(self.folder)
            return
        corpus = load_training(self.config)
        self._say(f"learning a {settings.kind} vocabulary of at most {settings.vocab_size:,} types")
        train_tokenizers(corpus, settings).save(self.folder)

    def setup(self, stage: str) -> None:
        """Tokenises both splits; of the training split, pairs that the filters name are left out and counted.

        Raises:
            ValueError: if no training pair is left.
        """
        if self.validation_references:
            return
        config, (train, validation) = self.config, self._splits()
        self.tokenizers = TokenizerPair.load(self.folder)
        self._say_doubts(train, validation)
        train, validation = self._with_word_links(train, validation, self.tokenizers)
        self._say(f"tokenizing {len(train):,} pairs")
        self.train, self.train_lengths, summary = training_pairs(train, self.tokenizers, config, self.with_alignment)
        self._say(f"{config.train_name}: {summary}")
        self.validation_references = [self.tokenizers.tgt.plain(text) for text in validation["tgt"]]
        self.validation = encode(validation, self.tokenizers, with_words="alignment" in validation.column_names)
        self._say(f"{config.validation}: {len(self.validation):,} pairs{self._too_long()}{self._unknown()}")
        references = self.validation_references
        for doubt in (*doubts.of_language(references, config.tgt), *doubts.of_references(references)):
            self._say(f"{config.validation}: {doubt}")

    @rank_zero_only
    def _say_doubts(self, train: datasets.Dataset, validation: datasets.Dataset) -> None:
        """Says what looks like a mistake in the corpus."""
        config = self.config
        once = train
        if config.train_weights or config.train_prefixes:
            once = load_training(replace(config, train_weights=(), train_prefixes=()))
        for doubt in (
            *doubts.of_training(train, config, self.with_alignment),
            *doubts.of_cut_text(validation["src"], validation["tgt"], config.tokenizer.joiner, config.validation),
            *of_pairs(once, validation, config),
            *self._cut_prefixes(),
        ):
            self._say(doubt)

    def _cut_prefixes(self) -> Iterator[str]:
        """Tags before sources that are several tokens, which a text could have too."""
        for prefix in self.config.train_prefixes:
            tokens = len(self.tokenizers.src.encode(prefix).tokens)
            if tokens > 1 and " " not in prefix:
                protected = "data.tokenizer.protected, before the vocabulary is learned"
                yield f"data.train_prefixes: {prefix!r} is {tokens} tokens: to make it one, add it to {protected}"

    def _splits(self) -> tuple[datasets.Dataset, datasets.Dataset]:
        """For training, and for validation."""
        config = self.config
        return load_training(config), load_split(config.path, config.src, config.tgt, config.validation)

    def _with_word_links(
        self, train: datasets.Dataset, validation: datasets.Dataset, tokenizers: TokenizerPair
    ) -> tuple[datasets.Dataset, datasets.Dataset]:
        """Both with gold links of words, as far as they are wanted."""
        config, units = self.config, self.config.alignment_units
        if self.with_alignment:
            train = with_word_links(train, tokenizers, units, config.train_name)
        return train, with_word_links(validation, tokenizers, units, config.validation)

    def state_dict(self) -> dict[str, Any]:
        """What decides how the training split is cut into batches, for the checkpoint."""
        return {
            "pairs": len(self.train),
            "digest of their lengths": sha256(self.train_lengths.tobytes()).hexdigest()[:8],
            "data.batch_tokens": self.config.batch_tokens,
            "data.batch_sentences": self.config.batch_sentences,
            "processes": self._world_size,
            "validation": sha256("\n".join(self.validation_references).encode(errors="replace")).hexdigest()[:8],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warns if the batches are others now: in the epoch that was stopped, pairs may come twice or not at all.

        Raises:
            ValueError: if the validation split is another: what was the best by one is not by the other.
        """
        now = self.state_dict()
        if state_dict.get("validation", now["validation"]) != now["validation"]:
            raise ValueError(
                f"split {self.config.validation!r} of {self.config.path} is not what the run was validated on: "
                "begin a new one with its weights, by --training.start_from RUN"
            )
        changes = "; ".join(f"{name} {old}, now {now[name]}" for name, old in state_dict.items() if old != now[name])
        if changes:
            told = f"not as in the checkpoint ({changes}): the epoch does not go on exactly"
            self._say(f"{self.config.train_name}: {told}")

    def train_dataloader(self) -> DataLoader:
        """Batches in an order, and in pieces, given by seed and epoch; each rank has its own.

        Where the trainer is to overfit some, they are the same in each epoch.

        Raises:
            ValueError: if an epoch has too few for the trainer ever to validate.
        """
        shuffle = not (self.trainer and self.trainer.overfit_batches)  # type: ignore[attr-defined]
        sampler = self._sampler(self.train_lengths, shuffle, self.config.batch_sentences)
        if self.trainer:
            _check_interval(self.trainer, len(sampler))
        probability = self.config.tokenizer.bpe_dropout
        rows = read_by_model(self.train)
        if probability:
            rows = DroppedPairs(self.train, self.tokenizers, probability, self.seed, lambda: sampler.epoch)
        return EpochLoader(rows, sampler, self._position, self._is_on_gpu)

    def batch_sizes(self) -> str:
        """How large the batches of the training split are, and by which setting, in words."""
        sampler = self._sampler(self.train_lengths, True, self.config.batch_sentences)
        sizes = np.array([cut.stop - cut.start for cut in sampler.cuts])
        tokens = (sampler.lengths[:, 1] - 1).sum() / len(sizes)
        if len(sizes) == 1:
            return f"one batch an epoch, of {sizes[0]:,} pairs and {tokens:,.0f} target tokens"
        words = f"{len(sizes):,} batches an epoch, on average {sizes.mean():,.0f} pairs and {tokens:,.0f} target tokens"
        full = (sizes == self.config.batch_sentences).mean()
        return f"{words}; data.batch_{'sentences' if full > 0.5 else 'tokens'} limits most of them"

    def val_dataloader(self) -> DataLoader:
        """Every pair of the validation split once, whatever the number of ranks.

        Raises:
            ValueError: if there are fewer pairs than ranks.
        """
        ranks, pairs = self._world_size, len(self.validation)
        if pairs < ranks:
            raise ValueError(f"split {self.config.validation!r} has {pairs} pairs: too few for {ranks} processes")
        each = pairs // ranks  # a rank without a batch would not join the others at the end
        sampler = self._sampler(pair_lengths(self.validation), False, min(each, self.config.batch_sentences))
        return DataLoader(self.validation, batch_sampler=sampler, collate_fn=collate, pin_memory=self._is_on_gpu)

    @property
    def _is_on_gpu(self) -> bool:
        """Whether batches go to a GPU of CUDA."""
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def _position(self) -> tuple[int, int] | None:
        """Epoch, and batches of it that are done: the trainer's own progress, which its checkpoints hold, if any."""
        trainer = self.trainer
        if trainer is None:
            return None
        return trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_progress.current.ready

    def _sampler(self, lengths: np.ndarray, shuffle: bool, batch_sentences: int) -> BucketSampler:
        rank = self.trainer.global_rank if self.trainer else 0
        limits = self.config.batch_tokens, batch_sentences
        return BucketSampler(lengths, *limits, shuffle, self.seed, rank, self._world_size)

    @property
    def _world_size(self) -> int:
        return self.trainer.world_size if self.trainer else 1

    def _too_long(self) -> str:
        """Of the pairs of the validation split, which has all of them, those that training would leave out."""
        longer = (pair_lengths(self.validation) - SPECIAL_COUNTS).max(axis=1) > self.config.max_length_tokens
        return f", {longer.sum():,} of them longer than data.max_length_tokens" if longer.any() else ""

    def _unknown(self) -> str:
        if self.tokenizers.src.has_byte_fallback:
            return ""
        rates = (
            self.tokenizers.src.unk_rate(self.validation["src"]),
            self.tokenizers.tgt.unk_rate(self.validation["tgt"]),
        )
        return f", unknown tokens: {rates[0]:.2%} of the source, {rates[1]:.2%} of the target"


def _check_interval(trainer: pl.Trainer, batches: int) -> None:
    """Says what Lightning does of an interval longer than an epoch, in the words of the command line."""
    interval = trainer.val_check_interval
    counted_anew = trainer.check_val_every_n_epoch is not None and trainer.limit_val_batches
    if isinstance(interval, int) and interval > batches and counted_anew:
        raise ValueError(
            f"trainer.val_check_interval: {interval} batches are more than an epoch has, {batches}: "
            "add --trainer.check_val_every_n_epoch null, and they are counted on from epoch to epoch"
        )
