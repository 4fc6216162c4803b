"""A network on a device: what runs it, alone or in processes.

Letters: B sentences, S source positions.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from nmt.checked import check_fits
from nmt.config import Precision
from nmt.data.batch import pad, src_sequence
from nmt.decoding.options import SearchOptions
from nmt.decoding.shortlist import Shortlist
from nmt.decoding.workers import Result, Task, Workers
from nmt.model.ensemble import Ensemble
from nmt.model.inference.packed import pack
from nmt.model.inference.quantized import quantize
from nmt.model.seq2seq import Seq2Seq


class Engine:
    """Runs a network; several threads may use it at once, unless it has processes.

    Args:
        network: one model, or an ensemble of them.
        device: where it runs.
        precision: "bf16" computes products in bfloat16; the weights of "int8" are those of the network already. On a
            GPU "fp32" turns TF32 off, for all that cuDNN computes in this program.
        shortlist: restricts the target types that search chooses among; None for all. Of an ensemble one for each
            model: the first says which types, each what the others weigh for its model.
        processes: whether many sentences on a CPU are searched by processes, not threads (`nmt.decoding.workers`).

    Raises:
        ValueError: if the precision is unknown, or there is not one shortlist for each model.
        RuntimeError: when it is used in a process that was forked after it had been used with several threads.
    """

    def __init__(
        self,
        network: Seq2Seq | Ensemble,
        device: torch.device,
        precision: Precision,
        shortlist: Shortlist | Sequence[Shortlist] | None,
        processes: bool,
    ) -> None:
        check_fits(Precision, "precision", precision)
        if precision == "fp32" and device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # whole sequences would be read with fewer digits than single steps
        self.network = network.to(device).eval()
        self.device = device
        self.shortlists = [shortlist] if isinstance(shortlist, Shortlist) else list(shortlist or ())
        if self.shortlists and len(self.shortlists) != len(self.models):
            raise ValueError(f"shortlist: {len(self.shortlists)} of {len(self.models)}: give one for each model")
        self.autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=precision == "bf16")
        self.processes = processes
        self._used_by = 0  # the process that has computed with several threads
        self._workers: Workers[Any, Any] | None = None
        self._asked: tuple[int, SearchOptions, list[tuple[int, int]]] | None = None  # of the workers

    @property
    def models(self) -> Sequence[Seq2Seq]:
        """Those of the ensemble, or the one."""
        return self.network.models if isinstance(self.network, Ensemble) else [self.network]

    @property
    def shortlist(self) -> Shortlist | None:
        """Which target types search chooses among; None for all."""
        return self.shortlists[0] if self.shortlists else None

    @property
    def is_latent(self) -> bool:
        """Whether the alignment of any of its models is latent."""
        return any(model.latent for model in self.models)

    def close(self) -> None:
        """Ends the processes, if there are any; the next search of many sentences starts others."""
        if self._workers is not None:
            self._workers.close()
        self._workers = self._asked = None

    def may_compute(self) -> None:
        """Refuses where it would wait for ever: for torch's threads, which a process that is forked has not got."""
        if self.device.type != "cpu" or torch.get_num_threads() == 1:
            return
        if self._used_by not in (0, os.getpid()):
            told = "call torch.set_num_threads(1) in it first, or start it by spawn"
            raise RuntimeError(f"this process was forked after torch had computed with several threads: {told}")
        self._used_by = os.getpid()

    def workers(
        self, count: int, options: SearchOptions, ready: Callable[[], Callable[[Task], Result]]
    ) -> Workers[Task, Result]:
        """Processes that search: those that there are, or others, if something else is asked for or they are upset.

        They keep the weights that there were when they were forked, and do what `ready` then gives.
        """
        asked = (count, options, _versions(self.network))
        if self._workers is None or not self._workers.settled or self._asked != asked:
            self.close()
            self._workers, self._asked = Workers(count, ready()), asked
        return self._workers

    def padded(self, sources: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Ids (B, S) and lengths (B,), BOS first, on the device."""
        src_ids, src_lengths = pad([src_sequence(source) for source in sources])
        return src_ids.to(self.device), src_lengths.to(self.device)


def choose_device(name: str | torch.device, precision: Precision) -> torch.device:
    """The device of that name, or itself; "auto" is the first GPU, or the CPU where there is none, and for int8.

    Raises:
        ValueError: if there is no such device here.
    """
    name = str(name)
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        kinds = () if precision == "int8" else ("cuda", "mps")
        return torch.device(next((kind for kind in kinds if available[kind]), "cpu"))
    kind, colon, index = name.partition(":")
    known = available.get(kind, False) and (index.isdecimal() or not colon)
    if not known or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        here = ", ".join(kind for kind, is_available in available.items() if is_available)
        raise ValueError(f"device {name!r}: there is no such device here; choose from auto, {here}")
    return torch.device(name)


def for_inference(model: Seq2Seq, precision: Precision, device: torch.device) -> Seq2Seq:
    """The model with its weights as they are multiplied fastest there; the one that is given stays as it was.

    Raises:
        ValueError: if the precision is unknown, or not for the device.
    """
    if precision == "fp32":
        return pack(model) if device.type == "cpu" else model
    if precision == "bf16":
        return model
    if precision == "int8":
        if device.type != "cpu":
            raise ValueError("precision int8 is for the CPU: give --device cpu, or --precision bf16")
        return quantize(model)
    raise ValueError(f"precision: {precision!r} is not allowed, it must be fp32, bf16 or int8")


def _versions(network: nn.Module) -> list[tuple[int, int]]:
    """Where each parameter and buffer lies, and how often it was changed in place: other numbers, other weights.

    What stands in a parameter's place for inference never changes, and is left out.
    """
    tensors = chain(network.parameters(), network.buffers())
    return [(each.data_ptr(), 0 if each.is_inference() else each._version) for each in tensors]
