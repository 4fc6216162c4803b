"""What looks like a mistake is said, and what does not is not."""

from collections.abc import Sequence

import datasets
import pytest

from nmt.config import DataConfig, TokenizerConfig
from nmt.data.corpus import load_split
from nmt.data.doubts import of_cut_text, of_references, of_training
from nmt.data.pretokens import is_uncut

TOKENS = [[0, 0], [1, 1]]
WORDS = [[0, 0], [1, 1], [2, 4]]


def corpus(src: str, tgt: str, links: Sequence[list[int]] = (), size: int = 50) -> datasets.Dataset:
    return datasets.Dataset.from_list([{"src": src, "tgt": tgt, "alignment": list(links)}] * size)


@pytest.mark.parametrize(
    ("text", "settings", "sign"),
    [
        ("weiß@@ e Katze", {}, "@@"),
        ("▁wei ß e ▁Katze", {"kind": "word"}, "▁"),
        ("▁wei ß e ▁Katze", {"kind": "presplit", "joiner": "@@"}, "▁"),
        ("weiß@@ e Katze", {"kind": "presplit"}, "@@"),
        ("weiß@@ e Katze", {"kind": "presplit", "joiner": "@@"}, None),
        ("▁wei ß e ▁Katze", {"kind": "presplit", "joiner": "▁"}, None),
        ("▁ 我 喜欢 你", {}, "▁"),
        ("weiße Katze @@ a@@b _ ## @home", {}, None),
    ],
)
def test_text_that_was_cut_is_seen_in_training(text: str, settings: dict, sign: str | None) -> None:
    data = DataConfig(tokenizer=TokenizerConfig(**settings))
    said = list(of_training(corpus("ja", text), data, guided=False))
    assert len(said) == (sign is not None)
    if sign:
        assert f"train: many sentences have '{sign}'" in said[0]
        assert said[0].endswith(f"data.tokenizer.kind presplit with data.tokenizer.joiner {sign}")


def test_links_of_tokens_are_seen_in_training() -> None:
    tokens, words = (corpus("geht nicht.", "doesn't go.", links) for links in (TOKENS, WORDS))
    (said,) = of_training(tokens, DataConfig(), guided=True)
    assert said == "train: the links seem to count what is between spaces: give data.alignment_units tokens"
    assert not list(of_training(words, DataConfig(), guided=True))
    assert not list(of_training(tokens, DataConfig(), guided=False))
    assert not list(of_training(tokens, DataConfig(alignment_units="tokens"), guided=True))
    assert not list(of_training(tokens.select(range(9)), DataConfig(), guided=True)), "too few to tell"
    assert not list(of_training(load_split("phrasebook", "de", "en", "train"), DataConfig(), guided=True))


CUT_BY_SENTENCEPIECE = DataConfig(tokenizer=TokenizerConfig(kind="presplit", joiner="▁"))


def test_text_that_was_not_cut_is_seen_in_training() -> None:
    told = "train: many {} have no ▁, without which their spaces are lost: give what `spm_encode` writes"
    said = list(of_training(corpus("ein Mann", "a man"), CUT_BY_SENTENCEPIECE, guided=False))
    assert said == [told.format("sources"), told.format("targets")]
    (said,) = of_training(corpus("▁ein ▁Mann", "a man ."), CUT_BY_SENTENCEPIECE, guided=False)
    assert said == told.format("targets")
    assert not list(of_cut_text(["ein Mann"], ["a man"], "@@", "train"))


@pytest.mark.parametrize(
    "text",
    ["▁ein ▁Mann", "▁ 我 喜欢 iPhone", "我 喜欢 你 。", "▁我 用 ▁Py thon 。", "Ja !", "ein▁ Ma nn▁", "", "สวัสดี ครับ"],
    ids=["▁", "Chinese", "no prefix", "mixed", "one word", "suffix", "empty", "Thai"],
)
def test_text_whose_spaces_are_kept_or_that_has_none_was_cut(text: str) -> None:
    """SentencePiece writes ▁ where a space was, which in some scripts is nowhere, and before each sentence if told."""
    assert not list(of_training(corpus(text, text), CUT_BY_SENTENCEPIECE, guided=False))
    assert not is_uncut(text, "▁")


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("the wh@@ ite cat", "@@"),
        ("▁the ▁wh ite", "▁"),
        ("the dog &apos;s", "&apos;"),
        ("a well @-@ known dog", "@-@"),
        ("&lt; l&#39;ami &amp; co &eacute;", "&amp;"),
        ("the dog sleeps .", " ."),
        ("狗 在 睡觉 。", " 。"),
        ("▁ 狗 在 睡觉", "▁"),
        ("狗在睡觉。 AT&T R&D; 狗", None),
        ("the dog , it sleeps", " ."),
        ("le chien dort-il ? oui ! ...", None),
        ("The dog's well-known, isn't it? me@home.org & co.", None),
        ("Ça va ? Oui ! It costs .5 or 1,5 ... or .NET : “so” .", None),
    ],
)
def test_references_that_are_not_plain_are_seen(text: str, sign: str | None) -> None:
    said = list(of_references([text, "The dog."]))
    assert said == (
        [f"many references have '{sign}': the scores are of text in that form, not of detokenised text"] if sign else []
    )
    assert not list(of_references([text, *["The dog."] * 99]))
