"""The tokenizers of source and target: one vocabulary for both, or one each."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.checked import check
from nmt.config import TokenizerConfig
from nmt.data.tokenizer import Tokenizer

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of the two sides; one and the same object where the vocabulary is joint."""

    src: Tokenizer
    tgt: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both sides share one vocabulary."""
        return self.src is self.tgt

    def same(self, other: "TokenizerPair") -> bool:
        """Whether the other pair gives every text the same ids."""
        pairs = ((self.src, other.src), (self.tgt, other.tgt))
        return all(one.backend.to_str() == another.backend.to_str() for one, another in pairs)

    def save(self, folder: str | Path) -> None:
        """Writes `tokenizer.json`, or `tokenizer.src.json` and `tokenizer.tgt.json`, in place of what stood there."""
        folder = Path(folder)
        for stale in folder.glob("tokenizer*.json"):
            stale.unlink()
        if self.joint:
            self.src.save(folder / "tokenizer.json")
        else:
            self.src.save(folder / "tokenizer.src.json")
            self.tgt.save(folder / "tokenizer.tgt.json")

    @classmethod
    def load(cls, folder: str | Path) -> "TokenizerPair":
        """The pair that `save` wrote into `folder`, such as that of a run or a model; or one file, for both sides.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if a file does not hold a tokenizer of this program.
        """
        folder = Path(folder)
        if (folder / "tokenizer.src.json").is_file():
            return cls(Tokenizer.load(folder / "tokenizer.src.json"), Tokenizer.load(folder / "tokenizer.tgt.json"))
        joint = Tokenizer.load(folder if folder.is_file() else folder / "tokenizer.json")
        return cls(joint, joint)

    def check(self, settings: TokenizerConfig) -> None:
        """Checks that the settings describe these tokenizers.

        Raises:
            ValueError: if one does not.
        """
        for side in (self.src, self.tgt):
            lowercase = side.written("A") == "a"
            has = {"kind": side.kind, "joiner": side.joiner, "joint": self.joint, "lowercase": lowercase}
            for name, value in has.items():
                given, place = getattr(settings, name), f"data.tokenizer.path, {settings.path}"
                check(given == value, f"data.tokenizer.{name}", given, f"{value}, as in {place}")


def train_tokenizers(corpus: "datasets.Dataset | datasets.IterableDataset", settings: TokenizerConfig) -> TokenizerPair:
    """Tokenizers for the columns `src` and `tgt` of `corpus`: one from both of them, or one from each.

    Raises:
        ValueError: as `Tokenizer.train`.
    """
    from datasets.utils import tqdm  # translating does without it

    def train(vocab_size: int, *columns: str) -> Tokenizer:
        batches = tqdm(corpus.iter(batch_size=1000), "learning", leave=False, unit=" thousand pairs", disable=None)
        sentences = (text for batch in batches for column in columns for text in batch[column])
        return Tokenizer.train(sentences, replace(settings, vocab_size=vocab_size))

    if settings.joint:
        shared = train(settings.vocab_size, "src", "tgt")
        return TokenizerPair(shared, shared)
    tgt_vocab_size = settings.tgt_vocab_size or settings.vocab_size
    return TokenizerPair(train(settings.vocab_size, "src"), train(tgt_vocab_size, "tgt"))
