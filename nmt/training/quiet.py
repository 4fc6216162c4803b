"""What libraries say of things that are as they should be in a training is left out, and only there.

The bars of `datasets` stay at a terminal: to read and tokenise millions of pairs takes minutes.
"""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import datasets

_EXPECTED = (
    "Experiment logs directory",  # the folder holds the config and the tokenizers already
    "You're using the WeightAveraging callback with a model that overrides",  # nothing is sharded
    "Loading `train_dataloader` to estimate",
    "The number of training batches",
    "You're resuming from a checkpoint that ended before the epoch ended",  # the loader knows where to go on
    ".*does not have many workers",  # batches are made from memory-mapped ids in a millisecond
    ".*treespec, LeafSpec",
    "`ModelCheckpoint.* could not find the monitored key",  # the export says so
    "Checkpoint directory",
    "Be aware that when using `ckpt_path`, callbacks",  # one may wait no longer for a validation
    "It is recommended to use `self.log",  # the figures are those of all ranks already
)
"""Beginnings of warnings of things that are as they should be here."""


@contextmanager
def quiet() -> Iterator[None]:
    """Leaves it out; afterwards the libraries speak as before."""
    logger = logging.getLogger("pytorch_lightning")
    level, has_bars = logger.level, not datasets.are_progress_bars_disabled()
    logger.setLevel(logging.WARNING)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            for message in _EXPECTED:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logger.setLevel(level)
        if has_bars:
            datasets.enable_progress_bars()
