"""Steps of a recurrence that torch compiles: many small operations become few.

Meant for a GPU, where a step is so small that it is the number of its operations that takes time. What is written out
for a CPU (`attentive_gru`, `gru_sequence`) is as fast there.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

Step = TypeVar("Step", bound=Callable[..., Any])


def compiled(step: Step, backend: str = "inductor") -> Step:
    """The same step; it is compiled when it is first called, once for all numbers of rows and positions.

    Raises:
        torch._dynamo.exc.BackendCompilerFailed: when it is called, if there is no compiler.
    """
    faster = torch.compile(step, dynamic=True, backend=backend)
    # Torch does not look into a module that has a kernel; of ours, a step only reads the parameters.
    return cast(Step, torch._dynamo.config.patch(allow_rnn=True)(faster))
