"""ExponentialFamily: densities whose logarithm is linear in natural parameters."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions.distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    r"""Base of distributions of an exponential family.

    .. math:: p(x; \theta) = \exp(\langle t(x), \theta \rangle - F(\theta) + k(x))

    with natural parameters :math:`\theta`, sufficient statistic :math:`t`, log normaliser :math:`F`
    and carrier :math:`k`. A subclass that tells `_natural_params`, `_log_normalizer` and
    `_mean_carrier_measure` gets `entropy`, and the divergence from another of its class, by the
    gradient of :math:`F`, which is the mean of :math:`t`.

    Source: Nielsen and Nock, "Entropies and cross-entropies of exponential families" (2010).
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        """The natural parameters, each a tensor of the batch's shape, or with the event's too."""
        raise NotImplementedError(f"{type(self).__name__} does not tell its natural parameters")

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        """Return the log normaliser as a function of the natural parameters."""
        raise NotImplementedError(f"{type(self).__name__} does not tell its log normaliser")

    @property
    def _mean_carrier_measure(self) -> Any:
        """The mean of the carrier's logarithm: mostly 0."""
        raise NotImplementedError(f"{type(self).__name__} does not tell its carrier's mean")

    def entropy(self) -> Tensor:
        """Return the entropy in nats, by the gradient of the log normaliser.

        Returns:
            Tensor: of shape `batch_shape`; differentiable.
        """
        with weft.enable_grad():
            natural = [
                p if p.requires_grad else p.detach().requires_grad_() for p in self._natural_params
            ]
            normalizer = self._log_normalizer(*natural)
            slopes = weft.autograd.grad(normalizer.sum(), natural, create_graph=True)
        out = -self._mean_carrier_measure + normalizer
        for parameter, slope in zip(natural, slopes, strict=True):
            product = parameter * slope
            out = out - product.reshape((*tuple(self._batch_shape), -1)).sum(-1)
        return out
