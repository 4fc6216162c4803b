"""Languages by their codes, and which of them write no spaces between words."""

import re
from collections.abc import Iterable

from nmt.data.words import UNSPACED

WITHOUT_SPACES = {"zh", "yue", "ja", "th", "lo", "km", "my", "shn", "bo", "dz"}
"""The languages that write no spaces between words; Tibetan and Dzongkha part syllables."""

_NAMES = (
    *("zh cn zho chi cmn lzh zhs zht chs cht gan hak hsn nan wuu", "ja jp jpn", "ko kor", "th tha", "lo lao", "km khm"),
    *("my mya bur", "bo bod tib", "dz dzo", "ca cat", "cs ces cze", "de deu ger", "el ell gre", "en eng", "es spa"),
    *("fi fin", "fr fra fre", "ga gle", "hu hun", "is isl ice", "it ita", "lt lit", "lv lav", "nl nld dut", "pl pol"),
    *("pt por", "ro ron rum", "ru rus", "sk slk slo", "sl slv", "sv swe", "ta tam"),
)
"""The code of each language that is scored by rules of its own, and others of it (ISO 639-2 and 639-3, countries)."""

_OTHER_CODES = {other: code for code, *others in map(str.split, _NAMES) for other in others}

_LETTER, _UNSPACED_LETTER = re.compile(r"[^\W\d_]"), re.compile(f"[{UNSPACED}]")


def language_of(code: str) -> str:
    """The language of a code with or without a region or script: "de" of "de_DE", "zh" of "zh-Hant" or "zho_Hant"."""
    language = code.replace("_", "-").split("-")[0].lower()
    return _OTHER_CODES.get(language, language)


def lacks_spaces(texts: Iterable[str], code: str) -> bool:
    """Whether texts are written without spaces between words, most letters at least, and their code tells of none."""
    if language_of(code) in WITHOUT_SPACES:
        return False
    text = "".join(texts)
    return 2 * len(_UNSPACED_LETTER.findall(text)) > len(_LETTER.findall(text))
