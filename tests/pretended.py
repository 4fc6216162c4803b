"""A device that is not the CPU, on any machine: its tensors hold tensors of the CPU, which computes for it.

What a GPU refuses is refused here, tensors of two devices in one operation; where a host would wait for a GPU is noted.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.library import Library, fallthrough_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

aten = torch.ops.aten
COPIES = aten._to_copy, aten.copy_
INDEXING = aten.index, aten.index_put, aten.index_put_, aten._unsafe_index
PACKING = aten._pack_padded_sequence, aten._pack_padded_sequence_backward, aten._pad_packed_sequence
QUESTIONS = aten._local_scalar_dense, aten.equal, aten.nonzero, aten.masked_select, aten._unique2
"""What the host must know the answer of: a number, or a size."""


class _Backend:
    """What torch asks a kind of device."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return False  # to whom it is not named, such as `torch.accelerator`

    def _is_in_bad_fork(self) -> bool:
        return False

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def manual_seed_all(self, seed: int) -> None:
        """All is drawn on the CPU."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


_setup_privateuseone_for_python_backend("pretended", backend_module=_Backend())
LOW = ("linear", "mm", "addmm", "bmm", "baddbmm", "matmul", "conv1d", "conv2d")
FULL = (
    "exp",
    "log",
    "pow.Tensor_Scalar",
    "reciprocal",
    "softmax.int",
    "log_softmax.int",
    "layer_norm",
    "sum",
    "cumsum",
)
"""What autocast computes in low and in full precision, of what is used here, as on a GPU."""


def _cast(name: str, dtype: Callable[[], torch.dtype]) -> Callable[..., Any]:
    """The operation with its floating-point tensors in a precision."""
    packet, _, overload = name.partition(".")
    operation = getattr(getattr(aten, packet), overload or "default")

    def to_precision(each: Any) -> Any:
        return each.to(dtype()) if isinstance(each, Tensor) and each.is_floating_point() else each

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)):
            return operation(*tree_map(to_precision, args), **tree_map(to_precision, kwargs))

    return run


_REST, _OF_AUTOCAST = Library("_", "IMPL", "AutocastPrivateUse1"), Library("aten", "IMPL", "AutocastPrivateUse1")
_REST.fallback(fallthrough_kernel)
for _name in LOW:
    _OF_AUTOCAST.impl(_name, _cast(_name, lambda: torch.get_autocast_dtype("pretended")))
for _name in FULL:
    _OF_AUTOCAST.impl(_name, _cast(_name, lambda: torch.float32))

Module = TypeVar("Module", bound=nn.Module)
DEVICE = torch.device("pretended:0")


class Pretended(Tensor):
    """A tensor of the device; one of the CPU is in it."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Pretended":
        """Of the same sizes."""
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        outer = torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=DEVICE, **layout)  # type: ignore[attr-defined]
        outer.inner = inner
        return outer

    def tolist(self) -> Any:
        """Its numbers."""
        return self.cpu().tolist()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Pretended({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Serves where no `Device` does."""
        return Device()(func, args, kwargs or {})


def _inner(each: Any) -> Any:
    return each.inner if isinstance(each, Pretended) else each


class Device(TorchDispatchMode):
    """The device; `waits` names the operations that a host would have waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """All that is computed meanwhile."""
        return self(func, args, kwargs or {})

    def __call__(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What an operation gives, on the device that is named, or that of its tensors."""
        kind, device = func.overloadpacket, kwargs.get("device")
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        here = {id(each.inner): each for each in tensors if isinstance(each, Pretended)}
        self._note(func, tensors, kwargs)
        if here and kind not in COPIES:
            self._check(func, tensors)
        if device is not None:
            kwargs = {**kwargs, "device": "cpu"}
        result = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        if kind is aten._pack_padded_sequence:  # whose sizes stay on the host
            return (Pretended(result[0]), result[1]) if here else result
        if not here if device is None else torch.device(device).type != DEVICE.type:
            return result

        def shown(each: Any) -> Any:
            if id(each) in here:  # it was changed in its place
                return here[id(each)]
            return Pretended(each) if isinstance(each, Tensor) else each

        with torch.inference_mode(any(each.is_inference() for each in tree_leaves(result) if isinstance(each, Tensor))):
            return tree_map(shown, result)

    def _check(self, func: Any, tensors: list[Tensor]) -> None:
        """Raises RuntimeError if there are tensors of two devices; lengths, numbers and indices may be the host's."""
        kind = func.overloadpacket
        elsewhere = [each for each in tensors if not isinstance(each, Pretended) and each.dim() > 0]
        if kind in INDEXING:
            elsewhere = [each for each in elsewhere if each.is_floating_point()]
        if elsewhere and kind not in PACKING:
            raise RuntimeError(f"{func} of tensors on {sorted({str(each.device) for each in tensors})}")

    def _note(self, func: Any, tensors: list[Tensor], kwargs: Any) -> None:
        """Notes an operation for whose result the host must know what is on the device."""
        kind, is_here = func.overloadpacket, [isinstance(each, Pretended) for each in tensors]
        if kind is aten.copy_:
            waits = is_here == [False, True]
        elif kind is aten._to_copy:
            waits = is_here[0] and torch.device(kwargs.get("device") or DEVICE).type != DEVICE.type
        elif kind is aten.index:
            waits = any(here and each.dtype == torch.bool for each, here in zip(tensors[1:], is_here[1:], strict=True))
        else:
            waits = any(is_here) and kind in QUESTIONS
        if waits:
            self.waits.append(str(func))


class _Brought(Function):
    """A tensor of the device as its inner one, and its gradient back."""

    @staticmethod
    def forward(ctx: Any, outer: Tensor) -> Tensor:
        return _inner(outer).clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return Pretended(grad)


class _Returned(Function):
    """The way back."""

    @staticmethod
    def forward(ctx: Any, inner: Tensor) -> Tensor:
        return Pretended(inner.clone())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _inner(grad)


def _by_cpu(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A recurrent kernel, of which the device has none of its own."""

    def run(*args: Any) -> Any:
        if not any(isinstance(each, Pretended) for each in tree_leaves(args)):
            return kernel(*args)
        brought = tree_map(lambda each: _Brought.apply(each) if isinstance(each, Pretended) else each, args)
        return tuple(_Returned.apply(each) for each in kernel(*brought))

    return run


_make = torch.tensor


def _tensor(data: Any, *, device: Any = None, **kwargs: Any) -> Tensor:
    """`torch.tensor`, which asks only a device of its own for memory."""
    made = _make(data, **kwargs)
    return made if device is None else made.to(device)


@contextmanager
def pretended() -> Iterator[Device]:
    """Meanwhile the device is there: `module.to(DEVICE)`, `tensor.to(DEVICE)`."""
    kernels = {name: _by_cpu(getattr(torch._VF, name)) for name in ("gru", "lstm", "rnn_tanh")}  # type: ignore[attr-defined]
    serves = patch.multiple(torch._VF, **kernels), patch.object(torch, "tensor", _tensor)  # type: ignore[attr-defined]
    with serves[0], serves[1], Device() as device, torch.autograd.set_multithreading_enabled(False):
        yield device


def moved(module: Module) -> Module:
    """The module on the device; what is tied stays tied."""
    with torch.no_grad():
        done = {id(each): nn.Parameter(Pretended(each.detach().clone())) for each in module.parameters()}
    for part in module.modules():
        for name, each in part.named_parameters(recurse=False, remove_duplicate=False):
            part._parameters[name] = done[id(each)]
        for name, each in part.named_buffers(recurse=False):
            part._buffers[name] = each.to(DEVICE)
        if isinstance(part, nn.RNNBase):
            part._init_flat_weights()
    return module
