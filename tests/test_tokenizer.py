import itertools
import json
import os
import signal
import unicodedata
from collections.abc import Iterable
from random import Random
from threading import Event

import datasets
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config import TokenizerConfig
from nmt.data.special import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair, train_tokenizers
from nmt.data.vocabulary import encodable, learn_in_thread

KINDS = ("bpe", "unigram", "wordpiece", "word", "char")
BYTE_KINDS = ("bpe", "unigram")

GERMAN = [
    f"{article} {adjective} {noun} {verb}{end}"
    for article, adjective, noun, verb, end in itertools.product(
        ("Der", "Ein", "Mein"), ("kleine", "große", "müde"), ("Hund", "Hündin", "Wolf"), ("rennt", "schläft"), ".!"
    )
]
ENGLISH = [
    f"{article} {adjective} {noun} {verb}{end}"
    for article, adjective, noun, verb, end in itertools.product(
        ("The", "A", "My"), ("little", "big", "tired"), ("dog", "she-dog", "wolf's"), ("runs", "is sleeping"), ".!"
    )
]
SENTENCES = GERMAN + ENGLISH

HARD_TEXTS = [
    "",
    "   ",
    " \t two\u00a0spaces \u2028 and\x85lines\r\n",
    "👨‍👩‍👧‍👦 and 🏳️‍🌈 emoji with joiners",
    "unseen: 東京 और Ελλάδα ሰላም",
    "combining: Ma\u0308nner, x\u0301\u0323\u0300",
    "שלום, العَرَبِيّة!",
    "\0 NUL \x07 bell \x1b[31m \x1c \x7f",
    "marks ▁▁ of ▁its▁ own",
    "</s> <pad> <s> <unk> <0x41> <0xE2><0x82> ##ing ## # a##b",
    "lone \ud800 surrogates \udfff\udc00",
    "½ m² — 1.5 % of don't_do",
    "x" * 5000,
]


def normal_form(text: str) -> str:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("▁", " ")
    return unicodedata.normalize("NFC", " ".join(text.split()))


@pytest.fixture(scope="module")
def trained() -> dict[str, Tokenizer]:
    return {kind: Tokenizer.train(SENTENCES, TokenizerConfig(kind, vocab_size=400)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_corpus_comes_back_exactly(trained: dict[str, Tokenizer], kind: str) -> None:
    ids = trained[kind].encode_batch(SENTENCES)
    assert [trained[kind].decode(sentence) for sentence in ids] == SENTENCES
    assert UNK_ID not in itertools.chain(*ids)
    assert trained[kind].vocab_size <= 400


@pytest.mark.parametrize("kind", BYTE_KINDS)
@pytest.mark.parametrize("text", HARD_TEXTS)
def test_bytes_bring_any_text_back(trained: dict[str, Tokenizer], kind: str, text: str) -> None:
    assert trained[kind].has_byte_fallback
    assert trained[kind].decode(trained[kind].encode(text).ids) == normal_form(text)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(text=st.text(max_size=20))
def test_round_trip_of_random_text(trained: dict[str, Tokenizer], text: str) -> None:
    for kind in BYTE_KINDS:
        encoded = trained[kind].encode(text)
        assert trained[kind].decode(encoded.ids) == normal_form(text)
        assert all(0 <= start <= end <= len(text) for start, end in encoded.spans)
        assert encoded.spans == sorted(encoded.spans)


@pytest.mark.parametrize("kind", KINDS)
def test_the_library_alone_gives_the_same_ids_and_text(tmp_path, trained: dict[str, Tokenizer], kind: str) -> None:
    trained[kind].save(tmp_path / "tokenizer.json")
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert [library.token_to_id(token) for token in SPECIAL_TOKENS] == [PAD_ID, UNK_ID, BOS_ID, EOS_ID] == [0, 1, 2, 3]
    for text in SENTENCES[::10] + HARD_TEXTS:
        encoded = trained[kind].encode(text)
        assert library.encode(encodable(text)).ids == encoded.ids
        assert [encoded.ids] == trained[kind].encode_batch([text]) == loaded.encode_batch([text])
        assert [encoded, encoded] == trained[kind].encode_all([text, text])
        sentence = [BOS_ID, *encoded.ids, EOS_ID, PAD_ID]
        assert library.decode(sentence) == trained[kind].decode(sentence) == loaded.decode(sentence)


@pytest.mark.parametrize("kind", KINDS)
def test_text_cannot_name_a_special_token(trained: dict[str, Tokenizer], kind: str) -> None:
    hostile = "</s> <pad> <s> <unk> </s></s> x<s>y <0x41>"
    tokenizer = Tokenizer.train([*SENTENCES, hostile, hostile], TokenizerConfig(kind, vocab_size=400))
    for text in (hostile, "</s>", "<unk>", "<0x41>"):
        ids = tokenizer.encode(text).ids
        assert not set(ids) & {PAD_ID, UNK_ID, BOS_ID, EOS_ID}
        assert tokenizer.decode(ids) == text
        assert not set(trained[kind].encode(text).ids) & {PAD_ID, BOS_ID, EOS_ID}


@pytest.mark.parametrize("kind", KINDS)
def test_the_unknown_token_is_said_only_where_there_are_no_bytes(trained: dict[str, Tokenizer], kind: str) -> None:
    assert sorted(trained[kind].unsaid) == [PAD_ID, *([UNK_ID] if kind in BYTE_KINDS else []), BOS_ID]


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_deterministic(tmp_path, kind: str) -> None:
    random = Random(1)
    syllables = ["".join(map(random.choice, ("bdfgklmnprst", "aeiou", "nrs"))) for _ in range(60)]
    words = ["".join(random.choices(syllables, k=3)) for _ in range(300)] + [f"lan{rare}ban" for rare in "äöüßñçøåéè"]
    sentences = [" ".join(random.choices(words, k=8)) for _ in range(300)]
    for number in range(3):
        settings = TokenizerConfig(kind, vocab_size=120 + 256 * (kind in BYTE_KINDS))
        Tokenizer.train(sentences, settings).save(tmp_path / f"{number}.json")
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "word"])
def test_no_piece_spans_a_word_and_its_punctuation(trained: dict[str, Tokenizer], kind: str) -> None:
    assert "wolf's" in " ".join(SENTENCES)
    for token in trained[kind].tokens[len(SPECIAL_TOKENS) + 256 * trained[kind].has_byte_fallback :]:
        body = token.removeprefix("##").removeprefix("▁")
        assert body.isalnum() or len(body) <= 1, token


def test_spans_point_into_the_text_as_it_was_given() -> None:
    tokenizer = Tokenizer.train(SENTENCES, TokenizerConfig("word", vocab_size=100))
    text = "  Der\t mu\u0308de  Hund, rennt!"
    encoded = tokenizer.encode(text)
    assert encoded.tokens == ["▁Der", "▁müde", "▁Hund", "<unk>", "▁rennt", "!"]
    assert [text[start:end].strip() for start, end in encoded.spans] == ["Der", "mu\u0308de", "Hund", ",", "rennt", "!"]
    assert tokenizer.decode_with_spans([*encoded.ids, EOS_ID]) == (
        "Der müde Hund <unk> rennt!",
        [*encoded.tokens, "</s>"],
        [(0, 3), (3, 8), (8, 13), (13, 19), (19, 25), (25, 26), (0, 0)],
    )


def test_spans_of_lone_marks_and_bytes(trained: dict[str, Tokenizer]) -> None:
    encoded = trained["bpe"].encode(" €e")
    assert encoded.tokens == ["▁", "<0xE2>", "<0x82>", "<0xAC>", "e"]
    assert encoded.spans == [(1, 1), (1, 2), (1, 2), (1, 2), (2, 3)]
    decoded = trained["bpe"].decode_with_spans(encoded.ids)
    assert decoded.text == "€e"
    assert decoded.spans == [(0, 0), (0, 1), (0, 1), (0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("pieces", "text", "spans"),
    [
        ("<0xE2> <0x82>", "\ufffd", [(0, 1), (0, 1)]),
        ("<0xE2> <0x82> e", "\ufffde", [(0, 1), (0, 1), (1, 2)]),
        ("<0xE2> <0xE2> <0x82> <0xAC>", "\ufffd€", [(0, 1), (1, 2), (1, 2), (1, 2)]),
        ("<0xFF> <0x41>", "\ufffdA", [(0, 1), (1, 2)]),
        ("e <0x0A> <0x20> ▁ e <0x0D>", "e e", [(0, 1), (1, 2), (0, 0), (0, 0), (2, 3), (0, 0)]),
        ("</s> ▁ ▁", "", [(0, 0), (0, 0), (0, 0)]),
        ("<0xE2> </s>", "\ufffd", [(0, 1), (0, 0)]),
    ],
)
def test_whatever_a_model_emits_has_text(trained: dict[str, Tokenizer], pieces: str, text: str, spans: list) -> None:
    tokens = trained["bpe"].tokens
    decoded = trained["bpe"].decode_with_spans([tokens.index(piece) for piece in pieces.split()])
    assert (decoded.text, decoded.spans) == (text, spans)


def test_a_part_of_a_text_is_written_as_it_is_decoded() -> None:
    tokenizer, lower = (
        Tokenizer.train(SENTENCES, TokenizerConfig(vocab_size=400, lowercase=each)) for each in (False, True)
    )
    assert tokenizer.written(" Ein\u00a0  Cafe\u0301") == " Ein Café"
    assert tokenizer.written("s▁") == "s"
    assert lower.written("Café ") == "café "


def test_lowercase() -> None:
    tokenizer = Tokenizer.train(SENTENCES, TokenizerConfig("bpe", vocab_size=400, lowercase=True))
    assert tokenizer.decode(tokenizer.encode("Der GROSSE Hund, ÄÖÜ J\u030c").ids) == "der grosse hund, äöü \u01f0"


def test_unknown_tokens_are_reported() -> None:
    tokenizer = Tokenizer.train(SENTENCES, TokenizerConfig("word", vocab_size=100))
    assert tokenizer.unk_rate(["Der Hund rennt.", "Der Kater rennt.", ""]) == pytest.approx(1 / 8)
    assert tokenizer.unk_rate([]) == 0
    assert not tokenizer.has_byte_fallback
    assert Tokenizer.train(SENTENCES, TokenizerConfig("bpe", vocab_size=400)).unk_rate(HARD_TEXTS) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sentences", [[], ["", "  \t", "\u2028"]])
def test_training_without_text_is_refused(kind: str, sentences: list[str]) -> None:
    with pytest.raises(ValueError, match="no text to train"):
        Tokenizer.train(sentences, TokenizerConfig(kind))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_a_vocabulary_smaller_than_the_alphabet_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"a {kind} vocabulary of 20 entries is too small.*raise the vocabulary size"):
        Tokenizer.train(SENTENCES, TokenizerConfig(kind, vocab_size=20))


def test_user_mistakes_are_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no tokenizer at .*tokenizer\.json"):
        TokenizerPair.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a tokenizer of this program"):
        TokenizerPair.load(tmp_path)
    foreign = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    foreign.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(
        ValueError, match=r"tokenizer\.json is not .*: it does not have <pad>, <unk>, <s>, </s> as ids 0 to 3"
    ):
        TokenizerPair.load(tmp_path)


def test_added_tokens_are_refused(tmp_path, trained: dict[str, Tokenizer]) -> None:
    trained["word"].save(tmp_path / "tokenizer.json")
    assert json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"] == []
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    library.add_special_tokens(["</s>"])
    library.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="has added tokens"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_an_error_of_the_corpus_passes_through() -> None:
    def broken():
        yield "Ein Satz."
        raise ValueError("train.de:2: not UTF-8")

    for kind in KINDS:
        with pytest.raises(ValueError, match="train.de:2: not UTF-8"):
            Tokenizer.train(broken(), TokenizerConfig(kind))


def test_joint_and_separate_vocabularies(tmp_path) -> None:
    corpus = datasets.Dataset.from_dict({"src": GERMAN, "tgt": ENGLISH})
    joint = train_tokenizers(corpus, TokenizerConfig(vocab_size=400))
    assert joint.joint
    assert joint.src is joint.tgt
    separate = train_tokenizers(corpus.to_iterable_dataset(), TokenizerConfig("word", vocab_size=400, joint=False))
    assert not separate.joint
    assert "▁schläft" in separate.src.tokens
    assert "▁schläft" not in separate.tgt.tokens
    assert {"▁schläft", "▁sleeping"} <= set(joint.src.tokens)

    for pair, names in ((separate, {"tokenizer.src.json", "tokenizer.tgt.json"}), (joint, {"tokenizer.json"})):
        pair.save(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == names
        loaded = TokenizerPair.load(tmp_path)
        assert loaded.joint == pair.joint
        assert (loaded.src.tokens, loaded.tgt.tokens) == (pair.src.tokens, pair.tgt.tokens)


def test_an_endless_word_is_not_learnt_from() -> None:
    sentences = ["the dog and the cat"] * 5
    settings = TokenizerConfig("bpe", vocab_size=300)
    tokenizer = Tokenizer.train([*sentences, "x" * 1_000_000], settings)
    assert tokenizer.tokens == Tokenizer.train(sentences, settings).tokens


@pytest.mark.parametrize("sentences", [["one"], itertools.repeat("one of many")])
def test_a_signal_does_not_wait_until_a_vocabulary_is_learned(sentences: Iterable[str]) -> None:
    may_end, has_ended = Event(), Event()

    class Backend:
        """A library that is interrupted while it reads, and learns for long from what it has read."""

        def train_from_iterator(self, read: Iterable[str], trainer: object) -> None:
            try:
                for number, _ in enumerate(read):
                    if number == 0:
                        os.kill(os.getpid(), signal.SIGINT)
                may_end.wait(60)
            finally:
                has_ended.set()

    with pytest.raises(KeyboardInterrupt):
        learn_in_thread(Backend(), sentences, None)
    assert not has_ended.is_set()
    may_end.set()
    assert has_ended.wait(60), "it reads no further"
