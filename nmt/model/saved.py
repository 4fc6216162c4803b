"""The network <-> a folder without pickles: `model.safetensors` and `config.json`.

``config.json`` holds what is needed to build the network again and to know what it is for; the tokenizers are saved
beside it by their own class.
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode

from nmt.checked import build, check, fit_types
from nmt.config import Config, ModelConfig
from nmt.data.json_files import load_json, save_json
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.model.seq2seq import Seq2Seq

FORMAT_VERSION = 2
"""Version of the saved model; a reader refuses any other."""


@dataclass(frozen=True)
class ModelInfo:
    """What `config.json` says.

    Attributes:
        src: language code of the source.
        tgt: language code of the target.
        src_vocab_size: source types.
        tgt_vocab_size: target types.
        network: the network's settings.
        training: how it came to be (steps, validation figures, versions); for people, not read by the program.
    """

    src: str
    tgt: str
    src_vocab_size: int
    tgt_vocab_size: int
    network: ModelConfig
    training: dict[str, Any]

    def __post_init__(self) -> None:
        fit_types(self)
        for name in ("src_vocab_size", "tgt_vocab_size"):
            check(getattr(self, name) > 0, name, getattr(self, name), "positive")

    @property
    def checkpoint(self) -> str:
        """Which weights these are: of which step, as far as that is known."""
        step = self.training.get("step")
        return f"step {step:,}" if isinstance(step, int) else "an unknown step"


def model_info(config: Config, tokenizers: TokenizerPair, training: dict[str, Any]) -> ModelInfo:
    """What the model of a run is; `training` says how it came to be."""
    sizes = tokenizers.src.vocab_size, tokenizers.tgt.vocab_size
    return ModelInfo(config.data.src, config.data.tgt, *sizes, config.model, training)


def save_model(folder: str | Path, model: Seq2Seq, info: ModelInfo) -> None:
    """Writes the model into `folder`, in place of what stood there; tied parameters are written once."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    fields = {"version": FORMAT_VERSION, **asdict(info)}
    save_json(folder / "config.json", fields)
    shutil.copymode(folder / "config.json", folder / "model.safetensors")  # which was for its owner only


class _Uninitialised(TorchFunctionMode):
    """Leaves parameters as they are made; on the meta device torch would load its compiler to draw them."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def read_info(folder: str | Path) -> ModelInfo:
    """What the model in `folder` is.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if its `config.json` is damaged or has another format version.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no model: there is no config.json in it")
    try:
        fields = load_json(path)
        version = fields.pop("version", None)
        if version != FORMAT_VERSION:
            raise ValueError(f"format version {version!r}, this program reads {FORMAT_VERSION}")
        return build(ModelInfo, fields)
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} does not describe a model: {error}") from error


def load_model(folder: str | Path) -> tuple[Seq2Seq, ModelInfo]:
    """The model in `folder`, on the CPU, in evaluation mode, its parameters memory-mapped.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if its files are damaged, do not fit together, or have another format version.
    """
    folder = Path(folder)
    info = read_info(folder)
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(f"{folder} holds no model: there is no model.safetensors in it")
    try:
        with torch.device("meta"), _Uninitialised():  # no time is spent on numbers that are replaced
            model = Seq2Seq(info.network, info.src_vocab_size, info.tgt_vocab_size)
    except (TypeError, ValueError, RuntimeError) as error:
        what = " ".join(str(error).split())
        raise ValueError(f"{folder / 'config.json'} describes a model that cannot be built: {what}") from error
    try:
        tensors = load_file(folder / "model.safetensors")
        model.load_state_dict({name: each.float() for name, each in tensors.items()}, strict=False, assign=True)
    except (SafetensorError, RuntimeError) as error:
        what = " ".join(str(error).split())
        raise ValueError(f"{folder / 'model.safetensors'} is damaged or of another network: {what}") from error
    model.tie()
    missing = sorted(set(dict(model.named_parameters())) ^ set(tensors))
    if missing:
        raise ValueError(
            f"{folder / 'model.safetensors'} does not fit config.json: {missing[0]} is in one of them only"
        )
    return model.eval(), info
