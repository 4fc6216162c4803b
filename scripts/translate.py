#!/usr/bin/env python3
"""The Python interface in a few lines: translate, and see what each word attended to.

python scripts/translate.py runs/quickstart "Der Hund schläft."
"""

import sys

from nmt import Translator

if len(sys.argv) < 3:
    sys.exit(__doc__)
translator = Translator.load(sys.argv[1])
for sentence in translator.translate(sys.argv[2:]):
    print(f"{sentence.source}  ->  {sentence.text}   (log-probability {sentence.log_prob:.2f})")
    for token, log_prob, weights in zip(sentence.tokens, sentence.token_log_probs, sentence.attention, strict=True):
        source = sentence.source_tokens[weights.argmax()]
        print(f"  {token:<15} {log_prob:6.2f}  attended most to {source!r} ({weights.max():.2f})")
