"""The LightningModule: what a training step and a validation are."""

import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from nmt.config import Config
from nmt.data.batch import Batch
from nmt.data.datamodule import TranslationData
from nmt.decoding.translation import Translation
from nmt.model.saved import load_model
from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import Objective, sequence_loss
from nmt.training.ranks import sum_over_ranks
from nmt.training.schedule import Schedule
from nmt.training.validation import Validation


class TranslationModule(pl.LightningModule):
    """Trains a `Seq2Seq` and validates it by loss and by BLEU of greedy translations.

    Logs `train_loss` (the objective, in nats a target token), `train_nll` (what `val_loss` is of validation),
    `learning_rate` and `tokens_per_second` (target tokens, all ranks); of each validation `val_loss` (nats a target
    token), `val_bleu` (0 to 100), `val_attention_entropy` (nats a target token of the references: 0 where each attends
    to one position) and, where the split has gold word alignments, `val_aer` (0 to 1, of the attention to them).
    Attribute `samples` holds, for callbacks, what the last validation made of `training.sample_sentences` sentences
    spread evenly over the split, by row.

    Every random choice of a step is a function of seed, step and rank, so that a resumed run repeats it without any
    saved random state.

    Args:
        config: the run.
        start: folder of the model whose weights it begins with; None to begin with random ones.
    """

    def __init__(self, config: Config, start: Path | None = None) -> None:
        super().__init__()
        self.config, self.start = config, start
        self.model: Seq2Seq | None = None
        self.samples: dict[int, Translation] = {}
        self._clock = 0.0
        self._tokens_since = 0

    @property
    def data(self) -> TranslationData:
        """The trainer's data module."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def configure_model(self) -> None:
        """Makes the network once the vocabularies are known; its parameters are a function of the seed, or given."""
        if self.model is None:
            tokenizers = self.data.tokenizers
            torch.manual_seed(self.config.seed)
            self.model = Seq2Seq(self.config.model, tokenizers.src.vocab_size, tokenizers.tgt.vocab_size)
            if self.start is not None:
                self.model.load_state_dict(load_model(self.start)[0].state_dict())

    def configure_optimizers(self) -> Any:
        """Adam and the schedule, stepped once an optimiser step.

        Raises:
            ValueError: if the schedule needs an end of the training and there is none.
        """
        settings = self.config.training
        fused = "mixed" not in str(self.trainer.precision)  # there, Lightning clips no gradients of a fused optimiser
        optimizer = torch.optim.Adam(self.parameters(), lr=settings.learning_rate, fused=fused)
        total = self.trainer.estimated_stepping_batches if settings.schedule == "linear" else float("inf")
        if settings.schedule == "linear" and total == float("inf"):
            raise ValueError(
                "training.schedule: linear falls to zero at the last step, and this training has none: "
                "give trainer.max_epochs or trainer.max_steps, or choose another schedule"
            )
        schedule = Schedule(optimizer, settings.schedule, settings.warmup_steps, total, settings.patience)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """Starts the clock of training."""
        self._clock = time.perf_counter()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seeds the step: dropout is the same whether the run came here in one go or was resumed."""
        step = self.trainer.fit_loop.epoch_loop.total_batch_idx
        torch.manual_seed(hash((self.config.seed, step, self.global_rank)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The objective, in nats a target token of all ranks together.

        Where gradients are accumulated, their step is the mean of the batches' means, as usual: a token of a batch with
        few of them weighs a little more.

        Raises:
            ValueError: if it is not finite.
        """
        assert self.model is not None
        loss = sequence_loss(self.model, batch, self._objective())
        own = torch.stack([loss.total.detach().float(), loss.nll.float(), loss.total.new_tensor(loss.tokens).float()])
        total, nll, tokens = sum_over_ranks(own, self.device).tolist()  # at once: a GPU is waited for
        self._tokens_since += int(tokens)
        if not math.isfinite(total):
            raise self._diverged(f"the loss is {total}", self.trainer.global_step + 1)
        mean = loss.total / tokens
        self.log("train_loss", total / tokens, prog_bar=True)
        self.log("train_nll", nll / tokens)  # what validation measures, but with dropout
        # DDP averages gradients over the ranks; the mean over all their tokens is the sum of these.
        return mean * self.trainer.world_size

    def _diverged(self, sign: str, step: int) -> ValueError:
        return ValueError(
            f"{sign} at step {step:,}: lower training.learning_rate, {self.config.training.learning_rate}, "
            "or raise training.warmup_steps, and train anew with --overwrite"
        )

    def _objective(self) -> Objective:
        settings = self.config.training
        ramp = min(1.0, self.trainer.global_step / max(1, settings.scheduled_sampling_steps))
        return Objective(
            settings.label_smoothing, settings.guided_alignment, settings.r_drop, settings.scheduled_sampling * ramp
        )

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Logs rate and speed as often as the trainer logs."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        has_stepped = (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0 or self.trainer.is_last_batch
        if every and has_stepped and self.trainer.global_step % every == 0:
            now = time.perf_counter()
            self.log("tokens_per_second", self._tokens_since / (now - self._clock), prog_bar=True)
            self.log("learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"])
            self._clock, self._tokens_since = now, 0

    def on_validation_start(self) -> None:
        """Stops the clock of training."""
        self._paused = time.perf_counter()
        self._validation = Validation(self.data)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The references of a batch under teacher forcing, and its greedy translations."""
        assert self.model is not None
        self._validation.add(self.model, batch)

    def on_validation_epoch_end(self) -> None:
        """Logs the figures of the whole split, and tells the schedule.

        Raises:
            ValueError: if they are not finite.
        """
        try:
            figures = self._validation.figures(self.device)
        except FloatingPointError as error:
            raise self._diverged(str(error), self.trainer.global_step) from None
        self.samples = self._validation.samples(self.config.training.sample_sentences)
        for name, value in figures.items():
            self.log(name, value, prog_bar=name in ("val_loss", "val_bleu"), rank_zero_only=False)
        if not self.trainer.sanity_checking:
            monitor = self.config.training.monitor
            sign = 1 if monitor == "val_bleu" else -1
            schedule = self.lr_schedulers()
            assert isinstance(schedule, Schedule)
            schedule.validated(sign * figures[monitor])

    def on_validation_end(self) -> None:
        """Lets the clock of training go on."""
        self._clock += time.perf_counter() - self._paused
