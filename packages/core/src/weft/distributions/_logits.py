"""Parameters given as probabilities or as logits, of which the other is computed when asked for."""

from __future__ import annotations

from typing import Any, ClassVar

from weft import Size, Tensor
from weft.distributions._checking import only_one_given
from weft.distributions.utils import (
    broadcast_all,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)


class Logits:
    """Part of a distribution that has `probs` or `logits`, whichever it was given."""

    _is_binary: ClassVar[bool] = True

    def _keep(self, probs: Any, logits: Any, *others: Any) -> tuple[Tensor, ...]:
        """Keep the parameter that is given, broadcast with others; return those.

        Raises:
            ValueError: none is given, or both.
        """
        name = only_one_given(type(self).__name__, probs=probs, logits=logits)
        given, *rest = broadcast_all(probs if name == "probs" else logits, *others)
        setattr(self, name, given)
        return tuple(rest)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, is_binary=self._is_binary)

    @lazy_property
    def logits(self) -> Tensor:
        """The logits: log odds, or log probabilities of categories."""
        return probs_to_logits(self.probs, is_binary=self._is_binary)

    @property
    def _param(self) -> Tensor:
        """One that need not be computed."""
        known: Tensor = self.__dict__["probs" if "probs" in self.__dict__ else "logits"]
        return known

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.shape
