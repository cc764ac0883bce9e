"""Text: pieces of a vocabulary, BERT's encoder, and sentences as vectors."""

from .bert import Bert, BertConfig, bert, mean_embedding
from .byte_pairs import BytePairs
from .pooling import Pooling
from .wordpiece import WordPiece

__all__ = ["Bert", "BertConfig", "BytePairs", "Pooling", "WordPiece", "bert", "mean_embedding"]
