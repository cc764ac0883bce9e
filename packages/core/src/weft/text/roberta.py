"""RoBERTa's encoder: BERT's, whose places are counted from another one.

Source: Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach" (2019), section 3; the
places as in the checkpoints that are published as ``RobertaModel``.
"""

from __future__ import annotations

from .bert import Bert, BertConfig

# The first places are those of marks, so that a sentence begins at the third.
BEFORE = 2
PADDING = BEFORE - 1  # the id of the mark that fills a row up


class Roberta(Bert):
    """RoBERTa's encoder: ids of pieces to one vector for each piece.

    Args:
        config: the sizes; of the places, two are never used.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.longest = config.max_position_embeddings - BEFORE
        self.embeddings.position_ids = self.embeddings.position_ids + BEFORE
