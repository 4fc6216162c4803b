#!/usr/bin/env python3
"""Visual attention: learns to describe drawn pictures, and shows on them where it looked for each word.

python scripts/caption.py [--decoder conditional] [--guided-alignment 0.1] [--updates 1200] [--out reports/captions]

The decoders, the attention, the loss and the search are those that translate; in the encoder's place stands
`nmt.model.picture.PictureEncoder`. With guided alignment the attention is trained, too, to lie on what a word names.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from nmt.cli.parsing import at_least
from nmt.config import ModelConfig, TokenizerConfig, TrainingConfig
from nmt.data.batch import Batch, pad, tgt_sequence
from nmt.data.scenes import Scene, scenes
from nmt.data.tokenizer import Tokenizer
from nmt.decoding.options import SearchOptions
from nmt.decoding.search import search
from nmt.decoding.sentences import SearchBatch
from nmt.model.picture import CELL_PIXELS, PictureEncoder
from nmt.model.seq2seq import Seq2Seq
from nmt.report.pictures import CaptionedPicture, faults_first, pictures_page
from nmt.training.loss import PLAIN, sequence_loss

TRAINING_SCENES, TEST_SCENES, BATCH_SCENES = 6000, 1000, 64
LEARNING_RATE = 1e-3
MOST_WORDS = 20
SHOWN_SCENES = 24

Number = TypeVar("Number", int, float)


class Captioner:
    """A model of the network `config` with the words of some captions."""

    def __init__(self, config: ModelConfig, captions: Sequence[str]) -> None:
        self.words = Tokenizer.train(captions, TokenizerConfig("word", min_frequency=1))
        self.model = Seq2Seq(config, PictureEncoder(config), self.words.vocab_size)

    def batch(self, some: Sequence[Scene]) -> Batch:
        """The scenes as they are trained on: the cells of a picture take the place of a sentence's tokens."""
        pictures = torch.from_numpy(np.stack([each.picture for each in some])).permute(0, 3, 1, 2) / 255
        ids, lengths = pad([tgt_sequence(each) for each in self.words.encode_batch(each.caption for each in some)])
        named = [np.pad(each.cells(CELL_PIXELS), ((0, 1), (0, 0), (0, 0))) for each in some]  # the end names nothing
        longest = ids.shape[1] - 1
        cells = torch.zeros(len(some), longest, named[0][0].size)
        for row, each in enumerate(named):
            cells[row, : len(each)] = torch.from_numpy(each).flatten(1)
        alignment = cells / cells.sum(dim=2, keepdim=True).clamp(min=1)
        return Batch(
            pictures, torch.full((len(some),), cells.shape[2]), ids, lengths, torch.arange(len(some)), alignment
        )

    def train(self, examples: Sequence[Scene], updates: int, settings: TrainingConfig) -> None:
        """Minimises what the settings say with Adam, whose rate falls to zero in the second half."""
        optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: min(1.0, 2 - 2 * done / updates))
        self.model.train()
        batches, began = self._shuffled(examples), time.perf_counter()
        for update in range(1, updates + 1):
            loss = sequence_loss(self.model, next(batches), settings)
            optimizer.zero_grad()
            (loss.total / loss.tokens).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if update % 100 == 0:
                nll, seconds = float(loss.nll) / loss.tokens, time.perf_counter() - began
                print(f"update {update:,}  loss {nll:.3f}  {seconds:.0f} s", flush=True)
        self.model.eval()

    def _shuffled(self, examples: Sequence[Scene]) -> Iterator[Batch]:
        while True:
            order = torch.randperm(len(examples)).tolist()
            for start in range(0, len(order), BATCH_SCENES):
                yield self.batch([examples[row] for row in order[start : start + BATCH_SCENES]])

    @torch.inference_mode()
    def describe(self, some: Sequence[Scene]) -> list[CaptionedPicture]:
        """Captions by greedy search, and what each of their words attended to."""
        batch = self.batch(some)
        memory, state = self.model.encode(batch.src_ids, batch.src_lengths)
        sentences = SearchBatch(torch.full((len(some),), MOST_WORDS), unsaid=self.words.unsaid)
        found = search(self.model, memory, state, sentences, SearchOptions(beam_size=1, alternatives=0))
        captioned = []
        for scene, (best, *_) in zip(some, found, strict=True):
            words = self.words.decode(best.ids).split()
            attention = best.attention[: len(words)].reshape(-1, *scene.cells(CELL_PIXELS).shape[1:])
            boxes = scene.boxes if words == scene.caption.split() else ()
            captioned.append(CaptionedPicture(scene.picture, words, attention, scene.caption, boxes))
        return captioned

    @torch.inference_mode()
    def pointing(self, some: Sequence[Scene]) -> tuple[float, float]:
        """How often the strongest cell of a word that names an object lies on it, and how often by chance.

        The "pointing game" (Zhang et al. 2016), under forced decoding of the right captions.
        """
        batch, hits, shares = self.batch(some), [], []
        _, attention = self.model(batch.src_ids, batch.src_lengths, batch.tgt_ids[:, :-1])
        for scene, rows in zip(some, attention, strict=True):
            for cells, weights in zip(scene.cells(CELL_PIXELS), rows, strict=False):  # behind the words, the end
                if cells.any():
                    hits.append(cells.flat[int(weights.argmax())])
                    shares.append(cells.mean())
        return float(np.mean(hits)), float(np.mean(shares))


def not_negative(kind: type[Number]) -> Callable[[str], Number]:
    """What reads a number of that kind, at least 0."""

    def read(text: str) -> Number:
        number = kind(text)
        if not 0 <= number < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not at least 0")
        return number

    read.__name__ = kind.__name__  # as argparse calls it where a text is no number at all
    return read


def main() -> None:
    """Trains, describes scenes that were not trained on, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    decoders = ("bahdanau", "conditional", "luong", "gnmt")
    parser.add_argument("--decoder", choices=decoders, default="conditional", help="default: conditional")
    parser.add_argument(
        "--guided-alignment", type=not_negative(float), default=0.0, metavar="W", help="its weight (default: 0)"
    )
    parser.add_argument("--updates", type=at_least(1), default=1200, help="default: 1,200")
    parser.add_argument("--seed", type=not_negative(int), default=1)
    parser.add_argument("--out", type=Path, default=Path("reports/captions"), metavar="FOLDER")
    given = parser.parse_args()
    try:
        given.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out {given.out}: {error.strerror}")
    torch.manual_seed(given.seed)
    examples, unseen = scenes(TRAINING_SCENES, given.seed), scenes(TEST_SCENES, given.seed + 1)
    config = ModelConfig(
        decoder=given.decoder, layers=1 + (given.decoder == "gnmt"), embedding_size=64, hidden_size=128, dropout=0.1
    )
    captioner = Captioner(config, [each.caption for each in examples])
    captioner.train(examples, given.updates, replace(PLAIN, guided_alignment=given.guided_alignment))
    captioned = captioner.describe(unseen)
    exact = np.mean([not each.is_wrong for each in captioned])
    hits, chance = captioner.pointing(unseen)
    facts = [
        f"{exact:.1%} of {len(unseen):,} pictures that were not trained on are described as they should be.",
        f"{hits:.1%} of the words that name an object attend most to a place on it (by chance {chance:.1%}).",
    ]
    print(*facts, sep="\n")
    facts.append(f"Shown are {SHOWN_SCENES}: wrong captions first, then those whose words look astray.")
    page = given.out / "report.html"
    page.write_text(
        pictures_page("Where it looked for each word", facts, faults_first(captioned)[:SHOWN_SCENES]), encoding="utf-8"
    )
    print(f"open {page} in a browser")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
