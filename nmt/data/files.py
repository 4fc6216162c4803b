"""Files that outlast a power cut."""

import os
from pathlib import Path


def flush(*paths: Path) -> None:
    """Waits until files are on the disk; of a folder, the names in it."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
