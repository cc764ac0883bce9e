"""What distributions made of a categorical one share: its parameters."""

from __future__ import annotations

from weft import Size, Tensor
from weft.distributions.categorical import Categorical


class OfCategories:
    """Part of a distribution that has a categorical one in `_categorical`."""

    _categorical: Categorical

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

    @property
    def probs(self) -> Tensor:
        """The probabilities, (..., K)."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The log probabilities, (..., K)."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape
