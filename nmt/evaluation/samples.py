"""The same few sentences, translated at each validation of a training, and their files.

``samples/step-000000313/`` in the run's folder has the records of one validation (`nmt.decoding.translation`) and
``references.json``, a list of as many texts.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from nmt.data.files import put_folder
from nmt.decoding.translation import Translation, load_translations, save_translations


@dataclass(frozen=True)
class Samples:
    """What one validation made of them.

    Attributes:
        step: of the training, in updates.
        translations: N records.
        references: N texts.
    """

    step: int
    translations: tuple[Translation, ...]
    references: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Writes them into a folder of their own in `folder`, all or none, in place of those of the same step."""
        with put_folder(folder / f"step-{self.step:09d}") as fresh:
            save_translations(fresh, self.translations)
            (fresh / "references.json").write_text(json.dumps(self.references), encoding="utf-8")


def load_samples(folder: Path) -> list[Samples]:
    """Those of all validations, in the order of their steps; none where there is no such folder.

    Raises:
        ValueError: if a file of one cannot be read.
    """
    return [_load(place) for place in sorted(folder.glob("step-*"))]


def _load(place: Path) -> Samples:
    try:
        references = json.loads((place / "references.json").read_text(encoding="utf-8"))
        return Samples(int(place.name.removeprefix("step-")), tuple(load_translations(place)), tuple(references))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{place} cannot be read ({error}): delete it, the report goes without") from error
