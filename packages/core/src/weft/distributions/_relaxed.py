"""What relaxed distributions share: the parameters of what they are made of."""

from __future__ import annotations

from typing import Any

from weft import Tensor
from weft.distributions.transformed_distribution import TransformedDistribution


class Relaxed(TransformedDistribution):
    """Base of transformed distributions with a temperature, and probs or logits, in the base."""

    has_rsample = True
    base_dist: Any

    @property
    def temperature(self) -> Any:
        """How far draws are from those of the distribution that is relaxed."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The logits: log odds, or log probabilities of categories."""
        logits: Tensor = self.base_dist.logits
        return logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        probs: Tensor = self.base_dist.probs
        return probs
