"""Steps of a recurrence that torch compiles: many small operations become few.

Meant for a GPU, where a step is so small that it is the number of its operations that takes time. On a CPU it is the
matrix products, which are the same; `attentive_gru` and `gru_sequence` are faster there.
"""

from collections.abc import Callable
from typing import Any

BACKEND = "inductor"
"""Of `torch.compile`."""


def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """The same step, for training; it is compiled at its first call, for any numbers of rows and positions.

    Numbers that are equal there are taken to be always, so that it is compiled once more when they are not.

    What autograd is told of a step's products by hand (`repeated`) the compiled step leaves out: it has gradients of
    its own.

    Raises:
        ValueError: at its first call, if there is nothing to compile with.
    """
    import torch._dynamo  # which takes a second

    # Torch does not look into a module that has a kernel; of ours, a step reads only the parameters.
    call = torch._dynamo.config.patch(allow_rnn=True)(torch.compile(step, dynamic=True, backend=BACKEND))

    def run(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            why = str(error.inner_exception).partition("\n")[0]
            raise ValueError(f"training.compile_steps: {why}; install a C++ compiler, or turn it off") from error

    return run
