"""The entries that every vocabulary begins with, and those that stand for bytes: what no text can name."""

PAD, UNK, BOS, EOS = "<pad>", "<unk>", "<s>", "</s>"
SPECIAL_TOKENS = (PAD, UNK, BOS, EOS)
PAD_ID, UNK_ID, BOS_ID, EOS_ID = range(4)
BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))
