#!/usr/bin/env python3
"""A training of one's own: pairs in memory, a plain loop, and a model that `nmt translate` takes.

python scripts/loop.py FOLDER
"""

import sys

import torch

from nmt import ModelConfig, TokenizerConfig, Translator
from nmt.data.batch import collate
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.model.saved import ModelInfo, save_model
from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import sequence_loss

UPDATES, BATCH_SENTENCES = 150, 8

if len(sys.argv) != 2:
    sys.exit(__doc__)
nouns = {"Hund": "dog", "Vogel": "bird", "Fisch": "fish"}
verbs = {"schläft": "sleeps", "wartet": "waits", "isst": "eats"}
subjects = [(f"{der} {noun}", f"{the} {nouns[noun]}") for noun in nouns for der, the in (("der", "the"), ("ein", "a"))]
pairs = [(f"{src} {verb}", f"{tgt} {verbs[verb]}") for src, tgt in subjects for verb in verbs]
unseen = "ein Fisch wartet"
pairs = [pair for pair in pairs if pair[0] != unseen]

settings = TokenizerConfig("word", min_frequency=1)
src, tgt = (Tokenizer.train(texts, settings) for texts in zip(*pairs, strict=True))
rows = [
    {"src_ids": src.encode(one).ids, "tgt_ids": tgt.encode(other).ids, "index": index}
    for index, (one, other) in enumerate(pairs)
]
torch.manual_seed(1)
network = ModelConfig(embedding_size=16, hidden_size=32, dropout=0.0)
model = Seq2Seq(network, src.vocab_size, tgt.vocab_size)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for update in range(1, UPDATES + 1):
    batch = collate([rows[index] for index in torch.randperm(len(rows))[:BATCH_SENTENCES].tolist()])
    loss = sequence_loss(model, batch)  # sums over the target tokens of the batch
    optimizer.zero_grad()
    (loss.total / loss.tokens).backward()
    optimizer.step()
    if update % 50 == 0:
        print(f"update {update}: {loss.nll.item() / loss.tokens:.3f} nats a token")

info = ModelInfo("de", "en", src.vocab_size, tgt.vocab_size, network, {"step": UPDATES})
save_model(sys.argv[1], model, info)
TokenizerPair(src, tgt).save(sys.argv[1])
print(f"{unseen}  ->  {Translator.load(sys.argv[1]).translate(unseen).text}")
