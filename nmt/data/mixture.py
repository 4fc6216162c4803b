"""The training splits of a run, one behind the other: with repetitions, and with what the sources of one begin with.

Each pair comes as often in an epoch as the weight of its split says. So all epochs are alike but for their order, which
the sampler draws by seed and epoch, and a run goes on exactly where it stopped.
"""

from typing import Any

import datasets

from nmt.config import AlignmentUnits, DataConfig
from nmt.data.corpus import load_split
from nmt.data.words import split_words


def load_training(data: DataConfig) -> datasets.Dataset:
    """The pairs that a run trains on, memory-mapped as those of `load_split` are, with its columns.

    Where some splits have a word alignment, the pairs of the others have one without links.

    Raises:
        FileNotFoundError: as `load_split`.
        ValueError: as `load_split`.
    """
    parts = [load_split(data.path, data.src, data.tgt, split) for split in data.train_splits]
    aligned = next((part.features["alignment"] for part in parts if "alignment" in part.column_names), None)
    prefixes = data.train_prefixes or ("",) * len(parts)
    weights = data.train_weights or (1,) * len(parts)
    parts = [
        _with_links(_with_prefix(part, prefix, data.alignment_units), aligned)
        for part, prefix in zip(parts, prefixes, strict=True)
    ]
    repeated = [part for part, weight in zip(parts, weights, strict=True) for _ in range(weight)]
    return datasets.concatenate_datasets(repeated) if len(repeated) > 1 else repeated[0]


def _with_prefix(corpus: datasets.Dataset, prefix: str, units: AlignmentUnits) -> datasets.Dataset:
    """A corpus whose sources begin with a text, and whose links begin behind it."""
    if not prefix:
        return corpus
    shift = len(prefix.split()) if units == "tokens" else len(split_words(prefix))

    def prefixed(row: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = {"src": f"{prefix} {row['src']}"}
        if "alignment" in row:
            changed["alignment"] = [[source + shift, *rest] for source, *rest in row["alignment"]]
        return changed

    return corpus.map(prefixed, desc="prefixing sources")


def _with_links(corpus: datasets.Dataset, feature: Any) -> datasets.Dataset:
    """A corpus that has an alignment, if others have."""
    if feature is None or "alignment" in corpus.column_names:
        return corpus
    features = datasets.Features({**corpus.features, "alignment": feature})
    return corpus.map(lambda rows: {"alignment": [[]] * len(rows["src"])}, batched=True, features=features)
