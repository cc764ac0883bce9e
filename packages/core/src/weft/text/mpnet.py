"""MPNet's encoder: BERT's layers, to which how far two pieces stand apart is told in every head.

Source: Song et al., "MPNet: Masked and Permuted Pre-training for Language Understanding" (2020),
section 2.3; the buckets of distances are those of Raffel et al., "T5" (2020), section 2.1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import weft
from weft import nn

from .bert import Bert, BertConfig

if TYPE_CHECKING:
    from weft import Tensor

# The first places are those of marks, so that a sentence begins at the third.
BEFORE = 2
_BUCKETS = 32  # how many distances are told apart, in both directions together
_FARTHEST = 128


class Mpnet(Bert):
    """MPNet's encoder: ids of pieces to one vector for each piece.

    Args:
        config: the sizes; of the places, two are never used.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.longest = config.max_position_embeddings - BEFORE
        self.embeddings.position_ids = self.embeddings.position_ids + BEFORE
        self.relative_attention_bias = nn.Embedding(_BUCKETS, config.num_attention_heads)

    def forward(self, ids: Tensor, is_text: Tensor) -> Tensor:
        """Encode, as `Bert` does.

        Raises:
            ValueError: more pieces than there are places.
        """
        time = ids.shape[-1]
        if time > self.longest:
            raise ValueError(
                f"Mpnet: takes at most {self.longest} pieces, got ids of shape {tuple(ids.shape)}"
            )
        x = self.embeddings(ids)
        apart = self.relative_attention_bias(self._buckets(time)).permute(2, 0, 1).unsqueeze(0)
        told = apart.masked_fill(~is_text[:, None, None, :], -float("inf"))
        for layer in self.encoder["layer"]:
            x = layer(x, told)
        return x

    def _buckets(self, time: int) -> Tensor:
        """Return the bucket of each pair: (time, time) int64, of a piece and one it looks at."""
        each = _BUCKETS // 2
        exact = each // 2
        places = weft.arange(time)
        ahead = places.unsqueeze(0) - places.unsqueeze(1)
        far = ahead.abs()
        # Short distances have a bucket each, longer ones share them, ever more of them.
        log = (far.clamp(min=1).to(weft.float32) / exact).log() / math.log(_FARTHEST / exact)
        shared = (exact + (log * (each - exact)).to(weft.int64)).clamp(max=each - 1)
        return weft.where(far < exact, far, shared) + each * (ahead > 0).to(weft.int64)
