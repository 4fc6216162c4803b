"""The LightningModule: what a training step and a validation are."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from nmt.config import Config
from nmt.data.batch import Batch
from nmt.data.datamodule import TranslationData
from nmt.data.ranks import sum_over_ranks
from nmt.decoding.translation import Translation
from nmt.model.saved import load_model
from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import sequence_loss
from nmt.training.optimizer import build_optimizer, freeze
from nmt.training.schedule import Schedule
from nmt.training.validation import MERIT, Validation, merit


class Diverged(ValueError):
    """The loss, a validation or the weights are not finite: the training cannot go on from here."""


class Trained(NamedTuple):
    """What a run was trained on: the cross entropy in nats and the number of target tokens, of all ranks together."""

    nll: float = 0.0
    tokens: int = 0

    def mean_since(self, before: "Trained") -> float:
        """Nats a target token of what came after."""
        return (self.nll - before.nll) / (self.tokens - before.tokens)


class TranslationModule(pl.LightningModule):
    """Trains a `Seq2Seq` and validates it by loss and by BLEU of greedy translations.

    Logs of training, in nats a target token: `train_nll` (the cross entropy, with dropout and after sampled tokens, of
    all tokens since the last step that was logged: a batch has sentences of about one length, and its own mean says
    little); of one batch `train_loss` (what is minimised), `train_guided_alignment` and `train_divergence` (the added
    terms before their weights); `sampling_probability`, `gradient_norm` (before clipping), `learning_rate` and
    `tokens_per_second` (target tokens, all ranks). Of each validation those of `nmt.training.validation`. Steps and
    epochs count from 1.

    Attribute `samples` holds, for callbacks, what the last validation made of `training.sample_sentences` sentences
    spread evenly over the split, by row; `epoch` the number of the epoch that is trained, or was last; `rate_is_halved`
    whether the last validation halved the learning rate; `trained` what the run was trained on so far.

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
        self.epoch = 0
        self.rate_is_halved = False
        self._learning_rate, self._gradient_norm = 0.0, torch.zeros(())
        self._clock = 0.0
        self._tokens_since = 0
        self.trained = self._trained_when_logged = Trained()

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
            freeze(self.model, self.config.training.freeze)
            if self.config.training.compile_steps:
                self.model.compile_steps()

    def configure_optimizers(self) -> Any:
        """The optimiser and its schedule, stepped once an optimiser step.

        Raises:
            ValueError: if the schedule needs an end of the training and there is none.
        """
        settings = self.config.training
        precision, by_value = self.trainer.precision, self.trainer.gradient_clip_algorithm == "value"
        # Of a fused optimiser Lightning does not unscale gradients, and in mixed precision it clips none by value.
        fused = precision != "16-mixed" and not (by_value and "mixed" in precision)
        optimizer = build_optimizer(self.parameters(), settings, fused)
        total = self.trainer.estimated_stepping_batches if settings.schedule == "linear" else float("inf")
        if settings.schedule == "linear" and total == float("inf"):
            raise ValueError(
                "training.schedule: linear falls to zero at the last step, and this training has none: "
                "give trainer.max_epochs or trainer.max_steps, or choose another schedule"
            )
        schedule = Schedule(optimizer, settings, total)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what the next figures are means of; keeps the checkpoint before this one where this one is of no use.

        Raises:
            Diverged: if a weight is not finite.
        """
        if not torch.stack([each.isfinite().all() for each in self.parameters()]).all():
            raise self._diverged("weights are not finite", self.trainer.global_step)
        checkpoint["trained"], checkpoint["trained_when_logged"] = [*self.trained], [*self._trained_when_logged]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What the run was trained on, until which epoch, which Lightning counts from 0; and the weights to train.

        Of a run that averaged them they stand beside the average, which is no longer wanted where it is off.
        """
        self.epoch = checkpoint["epoch"] + 1
        self.trained = Trained(*checkpoint["trained"])
        self._trained_when_logged = Trained(*checkpoint["trained_when_logged"])
        if not self.config.training.average_decay:
            checkpoint["state_dict"] = checkpoint.get("current_model_state", checkpoint["state_dict"])

    def on_train_start(self) -> None:
        """Starts the clock of training."""
        self._clock = time.perf_counter()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seeds the step: dropout is the same whether the run came here in one go or was resumed."""
        self.epoch = self.trainer.current_epoch + 1
        step = self.trainer.fit_loop.epoch_loop.total_batch_idx
        torch.manual_seed(hash((self.config.seed, step, self.global_rank)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The objective, in nats a target token of all ranks together.

        Where gradients are accumulated, their step is the mean of the batches' means, as usual: a token of a batch with
        few of them weighs a little more.

        Raises:
            Diverged: if it is not finite.
        """
        assert self.model is not None
        sampling = self._sampling()
        loss = sequence_loss(self.model, batch, self.config.training, sampling)
        own = [loss.total.detach(), loss.nll, loss.total.new_full((), loss.tokens), *loss.added.values()]
        sums = torch.stack([each.float() for each in own])
        total, nll, tokens, *added = sum_over_ranks(sums, self.device).tolist()  # at once: a GPU is waited for
        self._tokens_since += int(tokens)
        self.trained = Trained(self.trained.nll + nll, self.trained.tokens + int(tokens))
        if not math.isfinite(total):
            raise self._diverged(f"the loss is {total}", self.trainer.global_step + 1)
        self.log("train_loss", total / tokens, prog_bar=True)
        if self._is_logged:
            self._log_position(self.trainer.global_step + 1)
            self.log("train_nll", self.trained.mean_since(self._trained_when_logged))
            for name, value in zip(loss.added, added, strict=True):
                self.log(f"train_{name}", value / tokens)
            if self.config.training.scheduled_sampling:
                self.log("sampling_probability", sampling)
            if self._completes_step(batch_idx):
                self._trained_when_logged = self.trained
        # DDP averages gradients over the ranks; the mean over all their tokens is the sum of these.
        return loss.total / tokens * (self.trainer.world_size * self._scale(batch_idx))

    def _completes_step(self, batch_idx: int) -> bool:
        """Whether no gradient is to be added to that of this batch."""
        return (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0 or self.trainer.is_last_batch

    def _scale(self, batch_idx: int) -> float:
        """Above 1 where fewer batches are left of an epoch than a step accumulates, by whose number it is divided."""
        batches = self.trainer.accumulate_grad_batches
        left = self.trainer.num_training_batches - batch_idx // batches * batches
        return batches / min(batches, left)

    @property
    def _is_logged(self) -> bool:
        """Whether the trainer logs the step that is being made: Lightning takes a while for each figure."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return bool(every) and (self.trainer.global_step + 1) % every == 0

    def _log_position(self, step: int) -> None:
        """Gives what is logged the numbers that the command line prints: steps and epochs that have begun, from 1."""
        self.log("step", float(step), rank_zero_only=False)
        self.log("epoch", float(self.epoch), rank_zero_only=False)

    def _diverged(self, sign: str, step: int) -> Diverged:
        if not self._gradient_norm.isfinite():
            sign, step = f"the norm of the gradient is {float(self._gradient_norm)}", self.trainer.global_step
        rate = self.config.training.learning_rate
        return Diverged(
            f"{sign} at step {step:,}: lower training.learning_rate, {rate}, or raise training.warmup_steps"
        )

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips as Lightning does, and logs the norm of the gradient before that."""
        by_norm = gradient_clip_algorithm != "value"
        limit = gradient_clip_val if by_norm and gradient_clip_val else math.inf
        self._learning_rate = float(optimizer.param_groups[0]["lr"])
        self._gradient_norm = torch.nn.utils.clip_grad_norm_(self.parameters(), limit)
        if self._is_logged:
            self.log("gradient_norm", self._gradient_norm)
        if not by_norm:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def _sampling(self) -> float:
        """What of the probability of scheduled sampling has been reached."""
        settings = self.config.training
        ramp = min(1.0, self.trainer.global_step / max(1, settings.scheduled_sampling_steps))
        return settings.scheduled_sampling * ramp

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Logs rate and speed as often as the trainer logs."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and self._completes_step(batch_idx) and self.trainer.global_step % every == 0:
            now = time.perf_counter()
            self.log("tokens_per_second", self._tokens_since / (now - self._clock), prog_bar=True)
            self.log("learning_rate", self._learning_rate)
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
        """Logs the figures of the whole split, and tells the schedule, unless training is over.

        Raises:
            Diverged: if they are not finite.
        """
        try:
            figures = self._validation.figures(self.device)
        except FloatingPointError as error:
            raise self._diverged(str(error), self.trainer.global_step) from None
        self.samples = self._validation.samples(self.config.training.sample_sentences)
        self._log_position(self.trainer.global_step)
        for name, value in figures.items():
            self.log(name, value, prog_bar=name in ("val_loss", "val_bleu"), rank_zero_only=False)
        found = merit(figures, self.config.training.monitor)
        self.log(MERIT, found, logger=False, rank_zero_only=False)
        self.rate_is_halved = False
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            schedule = self.lr_schedulers()
            assert isinstance(schedule, Schedule)
            self.rate_is_halved = schedule.validated(found)

    def on_validation_end(self) -> None:
        """Lets the clock of training go on."""
        self._clock += time.perf_counter() - self._paused
