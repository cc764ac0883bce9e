"""A BERT small enough for a test: its sizes and its vocabulary."""

from __future__ import annotations

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"a man plays the guitar ##s . rain".split()]
SIZES = {
    "vocab_size": len(PIECES),
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 48,
    "max_position_embeddings": 16,
}
