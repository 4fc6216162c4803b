"""Memory that a step frees, kept for the next."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
from nmt.training.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        bytearray(b"x") * 40_000_000
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(), keep_freed_memory(), faults() and faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries cannot be told")
class TestKeepFreedMemory:
    def run(self, **environment: str) -> tuple[int, bool, int]:
        outer = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=outer | environment, capture_output=True, text=True, check=True
        )
        before, kept, after = result.stdout.split()
        return int(before), kept == "True", int(after)

    def test_memory_is_got_from_the_system_once(self) -> None:
        before, kept, after = self.run()
        assert kept
        assert before > 10_000  # some 40 MB of pages of 4 kB, again and again
        assert after < 100

    def test_what_the_user_has_chosen_stays(self) -> None:
        _, kept, after = self.run(MALLOC_TRIM_THRESHOLD_="131072")
        assert not kept
        assert after > 10_000
