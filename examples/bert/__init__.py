"""BERT and its tokenizer, as sentence encoders use them."""

from bert.model import Bert, Config, embed
from bert.wordpiece import WordPiece

__all__ = ["Bert", "Config", "WordPiece", "embed"]
