"""Ids -> log-probabilities and attention: `Seq2Seq`, and the parts that it is put together from.

To be read in this order: `rnn` and `stack` (cells, layers), `encoder`, `scores`, `windows`, `coverage` and `attention`
(weights), `context` (what they mix), `decoder` and `decoders` (in which order they attend and recur), `seq2seq`. What
makes them fast, without changing what they compute, is in `kernels` and `inference`.

Parts may be replaced or wrapped, and hooks see what is called as a module: `encoder`, embeddings, `output`. A decoder's
attention and recurrent layers are not, they are unrolled step by step or written out: what they attend to comes back
from the model, and that of each head from `Decoder.heads`.

By hand, for one sentence, BOS first and EOS last:

>>> import torch
>>> from nmt.config import ModelConfig
>>> from nmt.model.seq2seq import Seq2Seq
>>> model = Seq2Seq(ModelConfig(hidden_size=8), 20, 30).eval()  # 20 source types, 30 target types
>>> src_ids, src_lengths = torch.tensor([[2, 5, 6, 7]]), torch.tensor([4])  # BOS and three tokens
>>> previous = torch.tensor([[2, 9, 8]])  # BOS and two tokens of the target: what the three steps read
>>> readouts, attention = model(src_ids, src_lengths, previous)  # teacher forcing
>>> model.log_probs(readouts, attention).shape, attention.shape
(torch.Size([1, 3, 30]), torch.Size([1, 3, 4]))
>>> memory, state = model.encode(src_ids, src_lengths)  # the same, a step at a time
>>> readout, state, weights = model.advance(previous[:, 0], memory, state)
>>> torch.allclose(weights, attention[:, 0], atol=1e-6)
True
"""
