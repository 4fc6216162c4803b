"""A checkpoint of a run -> its network, to look at or to translate with."""

from pathlib import Path

import torch

from nmt.data.runs import run_config
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.model.saved import ModelInfo
from nmt.model.seq2seq import Seq2Seq


def load_checkpoint(run: str | Path, checkpoint: str = "best.ckpt") -> tuple[Seq2Seq, TokenizerPair, ModelInfo]:
    """What `Translator` takes, with the weights of a checkpoint: the network on the CPU, in evaluation mode.

    Args:
        run: the run's folder.
        checkpoint: name of a file in its `checkpoints/`, such as `step-500.ckpt`.

    Raises:
        FileNotFoundError: if there is no such run or no such checkpoint.
        ValueError: if the config or a tokenizer is damaged.
    """
    run = Path(run)
    config, tokenizers = run_config(run), TokenizerPair.load(run)
    sizes = tokenizers.src.vocab_size, tokenizers.tgt.vocab_size
    saved = torch.load(run / "checkpoints" / checkpoint, map_location="cpu", weights_only=True)
    model = Seq2Seq(config.model, *sizes)
    model.load_state_dict({name.removeprefix("model."): each for name, each in saved["state_dict"].items()})
    info = ModelInfo(config.data.src, config.data.tgt, *sizes, config.model, {"step": saved["global_step"]})
    return model.eval(), tokenizers, info
