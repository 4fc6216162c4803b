"""The model -> ONNX: files that run without torch.

``encoder.onnx`` reads sources: ``src_ids (B, S)``, BOS first and padded on the right, and ``src_lengths (B,)`` become
the memory and the first state, a tensor for each field of `DecoderMemory` and `DecoderState`, named like it:
``memory.attended.keys``, ``state.layers.0.0`` and so on. ``decoder_step.onnx`` makes one step of K hypotheses a
sentence: ``previous (B, K)``, memory and state become ``log_probs (B, K, V)``, ``attention (B, K, S)`` and the next
state, ``next.layers.0.0`` for ``state.layers.0.0``. The tensors of a state are (B, K, ...); the first has K = 1 and is
repeated along that axis for more. Ids and lengths are int64; B, S and K are free. ``config.json`` names the tensors in
order, and the ids of PAD and BOS, which no translation holds; the tokenizers lie beside it.

Letters: B sentences, K hypotheses a sentence, S source positions, M heads, V vocabulary, G gates, H hidden size.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim

from nmt.data.json_files import save_json
from nmt.data.special import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.model.cells import GRU, LSTM, Elman, GRUResetFirst
from nmt.model.decoder import DecoderMemory, DecoderState
from nmt.model.rnn import RecurrentLayer, State
from nmt.model.saved import load_model
from nmt.model.seq2seq import Seq2Seq

FORMAT_VERSION = 1
"""Version of the exported files."""

ENCODER, STEP = "encoder.onnx", "decoder_step.onnx"

BATCH, SOURCE, HYPOTHESES = Dim("batch"), Dim("source"), Dim("hypotheses")

OPERATORS: dict[type[RecurrentLayer], tuple[str, Sequence[int], dict[str, int]]] = {
    Elman: ("RNN", (0,), {}),
    GRU: ("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    GRUResetFirst: ("GRU", (1, 0, 2), {"linear_before_reset": 0}),
    LSTM: ("LSTM", (0, 3, 1, 2), {}),
}
"""The ONNX operator of each cell, where each of its gates stands among ours, and its attributes."""


class _OperatorLayer(nn.Module):
    """A recurrent layer as one ONNX operator, which knows lengths; torch's packed sequences cannot be exported."""

    def __init__(self, layer: RecurrentLayer) -> None:
        super().__init__()
        self.operator, self.order, self.attributes = OPERATORS[type(layer)]
        self.size, self.parts = layer.hidden_size, layer.parts
        kernel = layer.kernel
        self.input, self.recurrent = self._gates(kernel.weight_ih_l0), self._gates(kernel.weight_hh_l0)
        biases = self._gates(kernel.bias_ih_l0), self._gates(kernel.bias_hh_l0)
        self.bias = nn.Parameter(torch.cat(biases, dim=1))

    def _gates(self, values: Any) -> nn.Parameter:
        """(G * H, ...) -> (1, G * H, ...), the gates in the operator's order."""
        gates = values.detach().chunk(len(self.order))
        return nn.Parameter(torch.cat([gates[gate] for gate in self.order]).unsqueeze(0))

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """(B, S, E), lengths (B,) -> outputs (B, S, H), zero on padding, and the state after the last real position."""
        sentences, positions, _ = inputs.shape
        outputs, *state = torch.onnx.ops.symbolic_multi_out(
            self.operator,
            [inputs.transpose(0, 1), self.input, self.recurrent, self.bias, lengths.to(torch.int32)],
            {"hidden_size": self.size, **self.attributes},
            dtypes=[inputs.dtype] * (1 + self.parts),
            shapes=[[positions, 1, sentences, self.size]] + [[1, sentences, self.size]] * self.parts,
        )
        return outputs.squeeze(1).transpose(0, 1), tuple(part.squeeze(0) for part in state)


class _Encoder(nn.Module):
    """Source ids and lengths -> the tensors of memory and first state."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(self, src_ids: Tensor, src_lengths: Tensor) -> list[Tensor]:
        memory, state = self.model.encode(src_ids, src_lengths)
        first = {name: part.unsqueeze(1) for name, part in _named(state, "state")}
        return [*dict(_named(memory, "memory")).values(), *first.values()]


class _Step(nn.Module):
    """Previous ids (B, K), the tensors of memory and state -> log-probabilities, attention, tensors of the next state.

    Args:
        model: the model.
        memory: one of its memories, for the structure.
        state: one of its states.
    """

    def __init__(self, model: Seq2Seq, memory: DecoderMemory, state: DecoderState) -> None:
        super().__init__()
        self.model = model
        self.structure = memory, state

    def forward(self, previous: Tensor, memory: list[Tensor], state: list[Tensor]) -> list[Tensor]:
        prepared = _filled(self.structure[0], iter(memory))
        before = _filled(self.structure[1], (part.flatten(0, 1) for part in state))
        readouts, after, attention = self.model.advance(previous.flatten(), prepared, before)
        outputs = [self.model.log_probs(readouts, attention), attention, *dict(_named(after, "next")).values()]
        return [output.unflatten(0, previous.shape) for output in outputs]


def _named(tree: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a tree with their dotted names, without those that hold nothing in this network."""
    if isinstance(tree, Tensor):
        if tree.shape[-1]:
            yield name, tree
        return
    for key, child in zip(getattr(tree, "_fields", range(len(tree))), tree, strict=True):
        yield from _named(child, f"{name}.{key}")


def _filled(tree: Any, tensors: Iterator[Tensor]) -> Any:
    """The same tree with other tensors in the places that `_named` names."""
    if isinstance(tree, Tensor):
        return next(tensors) if tree.shape[-1] else tree
    children = [_filled(child, tensors) for child in tree]
    return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)


def export_model(model: Path, folder: Path) -> None:
    """Writes all that is needed to translate with a saved model into `folder`.

    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if its files are damaged, or as `export_network`.
    """
    network, info = load_model(model)
    tokenizers = TokenizerPair.load(model)
    files = export_network(network, folder)
    tokenizers.save(folder)
    ids = {"pad": PAD_ID, "unk": UNK_ID, "bos": BOS_ID, "eos": EOS_ID}
    fields = {"format": "onnx", "format_version": FORMAT_VERSION, "ids": ids, "files": files, **asdict(info)}
    save_json(folder / "config.json", fields)


def export_network(model: Seq2Seq, folder: Path) -> dict[str, dict[str, list[str]]]:
    """Writes `encoder.onnx` and `decoder_step.onnx` into `folder`.

    Returns:
        For each file the names of its inputs and of its outputs, in order.

    Raises:
        ValueError: if the model has something that ONNX has not, or the packages for it are not installed.
    """
    missing = [package for package in ("onnx", "onnxscript") if find_spec(package) is None]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be installed for this: pip install 'nmt[onnx]'")
    model = _exportable(model)
    src_ids, src_lengths = torch.tensor([[2, 1, 1, 1, 1], [2, 1, 1, 0, 0], [2, 0, 0, 0, 0]]), torch.tensor([5, 3, 1])
    previous = torch.full((3, 2), 2)
    memory, state = model.encode(src_ids, src_lengths)
    memories = dict(_named(memory, "memory"))
    states = {name: part.unsqueeze(1).repeat_interleave(2, dim=1) for name, part in _named(state, "state")}
    folder.mkdir(parents=True, exist_ok=True)
    first, after = [*memories, *states], [name.replace("state", "next", 1) for name in states]
    names = {
        ENCODER: {"inputs": ["src_ids", "src_lengths"], "outputs": first},
        STEP: {"inputs": ["previous", *first], "outputs": ["log_probs", "attention", *after]},
    }
    sizes: tuple[Any, ...] = ({0: BATCH, 1: SOURCE}, {0: BATCH})
    _write(_Encoder(model), (src_ids, src_lengths), sizes, folder / ENCODER, names[ENCODER])
    of_memory = [_memory_sizes(name, model.decoder.attention.heads) for name in memories]
    of_state = [{0: BATCH, 1: HYPOTHESES} | ({2: SOURCE} if name.endswith("coverage") else {}) for name in states]
    example = (previous, list(memories.values()), list(states.values()))
    sizes = ({0: BATCH, 1: HYPOTHESES}, of_memory, of_state)
    _write(_Step(model, memory, state), example, sizes, folder / STEP, names[STEP])
    return names


def _memory_sizes(name: str, heads: int) -> dict[int, Any]:
    """The free dimensions of a memory's tensor: of several heads, what is mixed has M * S rows."""
    mixed = name.rpartition(".")[2] in ("values", "gates", "readouts")
    return {0: BATCH, 1: heads * SOURCE if mixed and heads > 1 else SOURCE}


def _exportable(model: Seq2Seq) -> Seq2Seq:
    """A copy whose encoder is written in what can be exported."""
    model = deepcopy(model).cpu().eval()
    for parent in list(model.encoder.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, RecurrentLayer):
                if layer.norms is not None:
                    raise ValueError("model.layer_norm: true cannot be exported, no recurrent operator of ONNX has it")
                if type(layer) not in OPERATORS:
                    raise ValueError(
                        f"model.cell: {type(layer).__name__} cannot be exported, ONNX has no operator of it"
                    )
                setattr(parent, name, _OperatorLayer(layer))
    return model


@torch.no_grad()
def _write(graph: nn.Module, example: tuple, sizes: tuple, path: Path, names: Mapping[str, list[str]]) -> None:
    for name in ("torch.onnx", "onnxscript"):  # they tell what else is not installed, and what they left as it is
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.eval(),
            example,
            input_names=names["inputs"],
            output_names=names["outputs"],
            dynamic_shapes=sizes,
            dynamo=True,
            verbose=False,
        )
    cast(Any, program).save(path)
