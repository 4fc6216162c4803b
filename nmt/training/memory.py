"""What becomes of memory that a step frees, on a CPU.

A training step frees gradients and logits of many megabytes, and the next one wants as many. The C library of Linux
gives such memory back to the system at once and gets it again page by page, each page filled with zeros: a hundredth of
a step, up to a twentieth. Kept, it is only used again: a run does not become larger, for what it has at its largest it
needs in every step.
"""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt(3): how much free memory the heap may end with, and from which size on a block lies outside it."""

KEPT_BYTES = 1 << 30
"""What is kept at most: more than a step frees, on a CPU."""


def keep_freed_memory() -> bool:
    """Makes malloc keep freed memory; returns whether it does: only glibc's can be told."""
    is_chosen = any(name.startswith("MALLOC_") for name in os.environ)  # by the user
    if is_chosen or not sys.platform.startswith("linux"):
        return False
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    return all(set_option(option, KEPT_BYTES) == 1 for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
