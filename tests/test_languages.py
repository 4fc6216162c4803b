"""Languages are known by any of their codes, and texts without spaces whatever their language is called."""

import pytest

from nmt.data.doubts import of_language
from nmt.data.languages import lacks_spaces, language_of


@pytest.mark.parametrize(
    ("codes", "language"),
    [
        ("zh zh-CN zh_Hant zho_Hans cmn zht CHS wuu", "zh"),
        ("ja jp jpn_Jpan", "ja"),
        ("de deu_Latn ger de_AT", "de"),
        ("fr fra FRE", "fr"),
        ("source", "source"),
    ],
)
def test_a_language_has_several_codes(codes: str, language: str) -> None:
    assert {language_of(code) for code in codes.split()} == {language}


@pytest.mark.parametrize("text", ["狗在睡觉。", "犬はｉＰｈｏｎｅを食べます。", "หมานอนหลับ", "ខ្មែរ"])
def test_text_without_spaces_is_seen_where_its_code_does_not_tell(text: str) -> None:
    texts = [text, "", "12 !"]
    (said,) = of_language(texts, "tgt")
    assert said.startswith("the references write no spaces between words, of which the language code 'tgt' tells")
    codes = "zh-TW", "yue_Hant", "jpn", "tha_Thai", "lao", "km", "mya", "shn", "bod_Tibt", "dzo"
    assert not any(lacks_spaces(texts, code) for code in codes)


@pytest.mark.parametrize("text", ["The dog 狗 sleeps.", "개가 자요.", "कुत्ता सोता है।", "الكلب نائم", "12 !", ""])
def test_text_with_spaces_is_not(text: str) -> None:
    assert not lacks_spaces([text], "tgt")
    assert not list(of_language([text], "chinese"))
