"""A checkpoint of a run -> its network, to look at or to translate with."""

from pathlib import Path

from nmt.data.runs import run_config
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.model.saved import ModelInfo, model_info
from nmt.model.seq2seq import Seq2Seq
from nmt.training.checkpoint_files import read_checkpoint


def load_checkpoint(run: str | Path, checkpoint: str = "best.ckpt") -> tuple[Seq2Seq, TokenizerPair, ModelInfo]:
    """What `Translator` takes, with the weights of a checkpoint: the network on the CPU, in evaluation mode.

    Args:
        run: the run's folder.
        checkpoint: name of a file in its `checkpoints/`: the best one, or `step-500.ckpt`, say, of the latest step.

    Raises:
        FileNotFoundError: if there is no such run or no such checkpoint.
        ValueError: if the checkpoint, the config or a tokenizer is damaged.
    """
    run = Path(run)
    config, tokenizers = run_config(run), TokenizerPair.load(run)
    path = run / "checkpoints" / checkpoint
    there = ", ".join(sorted(each.name for each in path.parent.glob("*.ckpt"))) or "none"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; there are: {there}")
    saved = read_checkpoint(path, f"take another of {there}")
    info = model_info(config, tokenizers, {"step": saved["global_step"]})
    model = Seq2Seq(info.network, info.src_vocab_size, info.tgt_vocab_size)
    model.load_state_dict({name.removeprefix("model."): each for name, each in saved["state_dict"].items()})
    return model.eval(), tokenizers, info
