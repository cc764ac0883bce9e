"""Classifiers over an encoder: one answer for a text, or one for each of its pieces.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2018), section 4 and
figure 4; the layers are those of the classes ``...ForSequenceClassification`` and
``...ForTokenClassification`` of transformers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import weft
import weft.nn.functional as F
from weft import nn

from .bert import Bert

if TYPE_CHECKING:
    from weft import Tensor

# What scores become when they are read: softmax where one class excludes the others.
SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda scores: scores.softmax(dim=-1),
    "sigmoid": weft.sigmoid,
    "none": lambda scores: scores,
}
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": weft.tanh, "relu": F.relu}


class TextClassifier(nn.Module):
    """Scores of classes for a text, by what an encoder says of its first piece.

    Args:
        encoder: the encoder, whose pooler is used.
        classes: how many there are.
        activation: of the pooler: ``tanh``, or ``relu`` for DistilBERT.
        scores: what the scores are read as, one of `SCORES`.
    """

    def __init__(
        self, encoder: Bert, classes: int, *, activation: str = "tanh", scores: str = "softmax"
    ) -> None:
        super().__init__()
        self.encoder, self.activation, self.scores = encoder, activation, scores
        self.classifier = nn.Linear(encoder.config.hidden_size, classes)

    def forward(self, ids: Tensor, is_text: Tensor) -> Tensor:
        """Score.

        Args:
            ids: (batch, time) int64.
            is_text: (batch, time) bool; False where a row was filled up.

        Returns:
            (batch, classes), before what `scores` names.
        """
        first = self.encoder(ids, is_text)[:, 0]
        pooled = _ACTIVATIONS[self.activation](self.encoder.pooler["dense"](first))
        return self.classifier(pooled)


class PieceClassifier(nn.Module):
    """Scores of classes for each piece of a text, such as which names it is a part of.

    Args:
        encoder: the encoder.
        classes: how many there are.
    """

    scores = "softmax"

    def __init__(self, encoder: Bert, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = nn.Linear(encoder.config.hidden_size, classes)

    def forward(self, ids: Tensor, is_text: Tensor) -> Tensor:
        """Score: (batch, time) int64 and bool to (batch, time, classes)."""
        return self.classifier(self.encoder(ids, is_text))
