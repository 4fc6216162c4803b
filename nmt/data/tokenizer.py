"""Sentences to token ids and back, with the characters that each token stands for.

Every kind shares one pipeline, so that text comes back exactly and no piece spans a word and its punctuation:

1. *normal form*: NFC (after lower-casing where asked for), runs of white space become one space, none at the ends;
2. *marking*: each space, and the start of a non-empty sentence, becomes ``▁``, which belongs to the word after it;
3. *pre-tokens*: a protected string, a run of word characters, or one other character, each with the ``▁`` before it;
4. *the model*: BPE, Unigram, WordPiece, words or characters, within each pre-token; a protected string is one piece.

Text that another program has cut (kind presplit) keeps its pieces; only their joiner is written in this form, so that
all that follows is the same: see `nmt.data.pretokens`.

Decoding joins the pieces again and turns ``▁`` into a space (a ``▁`` of the text itself reads as a space). Text cannot
name a special token: ``</s>`` falls into the pre-tokens ``<``, ``/``, ``s`` and ``>``, and the saved file lists no
"added tokens", which would be looked for in the text before anything else.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import tokenizers
from tokenizers import models

from nmt.config import Joiner, TokenizerConfig, TokenizerKind
from nmt.data.pretokens import takes_presplit
from nmt.data.special import BOS_ID, BYTE_TOKENS, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID
from nmt.data.surfaces import Decoded, Surfaces
from nmt.data.vocabulary import encodable, learn
from nmt.data.words import Span


class Encoded(NamedTuple):
    """The tokens of a sentence: ids, pieces, and the span of characters (start, end) of each in `text`.

    That is the text as given; of text that was cut, the plain text.
    """

    ids: list[int]
    tokens: list[str]
    spans: list[Span]
    text: str


class Tokenizer:
    """One vocabulary: text to ids, ids to text. Ids 0 to 3 are padding, unknown, start and end of sentence.

    Attributes:
        backend: the library's tokenizer.
        takes_presplit: whether it takes text that another program has cut.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        """Wraps a tokenizer of the library.

        Raises:
            ValueError: if its special tokens have other ids than here, or could be spelled out in a text, or it cuts
                text in another way.
        """
        vocab = backend.get_vocab()
        if [vocab.get(token) for token in SPECIAL_TOKENS] != [PAD_ID, UNK_ID, BOS_ID, EOS_ID]:
            raise ValueError(f"it does not have {', '.join(SPECIAL_TOKENS)} as ids 0 to 3: train it with nmt")
        if backend.get_added_tokens_decoder():
            raise ValueError("it has added tokens, which a text could spell out: train it with nmt")
        self.takes_presplit = takes_presplit(backend)
        self.backend = backend
        self._tokens = sorted(vocab, key=lambda token: vocab[token])

    @classmethod
    def train(cls, sentences: Iterable[str], settings: TokenizerConfig) -> "Tokenizer":
        """A tokenizer made from `sentences`; the same sentences give the same tokenizer, byte for byte.

        Args:
            sentences: text, read once. WordPiece holds it in memory, the other kinds only its different words.
            settings: of its kind, size and text. BPE and Unigram write a character that they do not know as its UTF-8
                bytes, which have 256 entries; for the other kinds it becomes the unknown token. (For WordPiece a whole
                word is unknown that holds such a character, or more than 100 characters.)

        Raises:
            ValueError: if there is no text, or the vocabulary is too small for its characters.
        """
        return cls(learn(sentences, settings))

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """The tokenizer in the file `path`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it does not hold a tokenizer of this program.
        """
        if not path.is_file():
            raise FileNotFoundError(f"no tokenizer at {path}")
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises nothing more specific
            raise ValueError(f"{path} is not a tokenizer of this program: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the file `path`, which `tokenizers.Tokenizer.from_file` reads too, with the same ids and text."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.backend.save(str(path))

    @cached_property
    def kind(self) -> TokenizerKind:
        """How it cuts text."""
        kinds: dict[type, TokenizerKind] = {models.BPE: "bpe", models.Unigram: "unigram", models.WordPiece: "wordpiece"}
        if type(self.backend.model) in kinds:
            return kinds[type(self.backend.model)]
        if self.takes_presplit:
            return "presplit"
        return "char" if len(self.backend.pre_tokenizer.pre_tokenize_str("ab")) == 2 else "word"

    @property
    def joiner(self) -> Joiner:
        """What joins the pieces of text that was cut."""
        forms: dict[str, Joiner] = {"▁a b": "@@", "a@@ b": "▁"}
        return forms.get(self.backend.normalizer.normalize_str("a@@ b"), "none")

    @property
    def vocab_size(self) -> int:
        """The number of entries, special tokens included."""
        return len(self._tokens)

    @property
    def tokens(self) -> list[str]:
        """The piece of each id."""
        return list(self._tokens)

    @cached_property
    def surfaces(self) -> Surfaces:
        """How the tokens read."""
        return Surfaces(self._tokens)

    @property
    def has_byte_fallback(self) -> bool:
        """Whether an unknown character is written as bytes, so that no text holds an unknown token."""
        return BYTE_TOKENS[0] in self._tokens

    @cached_property
    def unsaid(self) -> tuple[int, ...]:
        """The ids that are no text: padding and start, and the unknown token where bytes stand for what is unknown."""
        return (PAD_ID, BOS_ID, UNK_ID) if self.has_byte_fallback else (PAD_ID, BOS_ID)

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, without start and end."""
        batch = [encodable(text) for text in texts]
        return [encoding.ids for encoding in self.backend.encode_batch_fast(batch)]

    def plain(self, text: str) -> str:
        """What a text reads as: in composed characters, and text that was cut without its joiners."""
        return self._joined(text).text if self.takes_presplit else normalize("NFC", text)

    def _joined(self, text: str) -> Decoded:
        """The plain text of a text that was cut, with its pieces and their spans."""
        pieces = str(self.backend.normalizer.normalize_str(encodable(text))).split()
        return Surfaces(pieces).decode(range(len(pieces)))

    def encode_all(self, texts: Iterable[str]) -> list[Encoded]:
        """What `encode` gives for each text."""
        texts = list(texts)
        encodings = self.backend.encode_batch([encodable(text) for text in texts])
        return [self.encoded(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]

    def encode(self, text: str) -> Encoded:
        """The ids of one text, without start and end, with the characters that each stands for.

        The span of a piece begins with the space before it, where the piece has one. A lone ``▁`` at the start
        stands for no character.
        """
        return self.encoded(text, self.backend.encode(encodable(text)))

    def encoded(self, text: str, encoding: tokenizers.Encoding) -> Encoded:
        """What the library made of a text, as `encode` gives it."""
        tokens, spans = [self._tokens[token] for token in encoding.ids], list(encoding.offsets)
        if self.takes_presplit:
            text, _, spans = self._joined(text)
        elif tokens and tokens[0] == "▁":
            spans[0] = (spans[0][0], spans[0][0])
        return Encoded(encoding.ids, tokens, spans, text)

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token.

        Raises:
            ValueError: if one is not in the vocabulary.
        """
        found = [(token, self.backend.token_to_id(token)) for token in tokens]
        unknown = [token for token, number in found if number is None]
        if unknown:
            raise ValueError(f"token {unknown[0]!r} is not in the vocabulary")
        return [number for _, number in found if number is not None]

    def written(self, text: str) -> str:
        """How a part of a text reads when it is decoded: composed characters, single spaces, its case as it is kept."""
        normal = str(self.backend.normalizer.normalize_str(encodable(text)))
        normal = normal.replace(" ", "").removeprefix("▁").replace("▁", " ")  # of text that was cut
        before, after = (" " if edge.isspace() else "" for edge in (text[:1], text[-1:]))
        return before + normal + after

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`: special tokens leave none, the unknown token reads ``<unk>``."""
        return self.decode_with_spans(ids).text

    def decode_with_spans(self, ids: Iterable[int], words: Mapping[int, str] | None = None) -> Decoded:
        """The text of `ids` and where in it each of them went: `Surfaces.decode`."""
        return self.surfaces.decode(ids, words)

    def unk_rate(self, texts: Iterable[str]) -> float:
        """The share of tokens of `texts` that are the unknown token, from 0 to 1."""
        ids = [token for sentence in self.encode_batch(texts) for token in sentence]
        return ids.count(UNK_ID) / max(1, len(ids))
