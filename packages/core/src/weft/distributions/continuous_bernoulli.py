"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._logits import Logits
from weft.distributions.exp_family import ExponentialFamily

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Logits, ExponentialFamily):
    r"""Continuous Bernoulli distribution: the Bernoulli formula over the interval [0, 1].

    .. math:: p(x) = C \lambda^x (1 - \lambda)^{1 - x}
        = \exp\left(\eta x - \ln \frac{e^\eta - 1}{\eta}\right),
        \quad \eta = \ln \frac{\lambda}{1 - \lambda}

    Args:
        probs: the parameter λ, (...) or a number, in [0, 1]; it is not the mean.
        logits: η in its place.
        lims: between these probs, formulas that divide by η give way to their series.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given.

    Source: Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders" (2019).

    Example:
        >>> weft.distributions.ContinuousBernoulli(probs=0.5).mean  # the uniform distribution
        tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._keep(probs, logits)
        self._lims = lims
        super().__init__(self._param.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(ContinuousBernoulli, _instance)
        new._lims = self._lims
        for name in ("probs", "logits"):
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand(tuple(batch_shape)))
        return self._finished(new, batch_shape, ())

    def _chosen(self, formula: Any, series: Any) -> Tensor:
        """Return `formula(eta)`, and near 0 `series(eta)`; each sees only what it is for."""
        low, high = (math.log(p / (1 - p)) for p in self._lims)
        eta = self.logits
        near = (eta >= low) & (eta <= high)
        far = formula(weft.where(near, 1.0, eta))
        return weft.where(near, series(weft.where(near, eta, 0.0)), far)

    def _cont_bern_log_norm(self) -> Tensor:
        """Return the logarithm of C, as PyTorch calls it."""
        return weft.nn.functional.softplus(self.logits) - self._log_size()

    def _log_size(self) -> Tensor:
        """Return log((exp(eta) - 1) / eta)."""

        def formula(eta: Tensor) -> Tensor:
            size = eta.abs()  # eta / 2 + log(sinh(|eta| / 2) / (|eta| / 2))
            return weft.log1p(-weft.exp(-size)) - weft.log(size) + eta.clamp(min=0)

        return self._chosen(
            formula, lambda eta: eta / 2 + eta.square() / 24 - eta.square().square() / 2880
        )

    @property
    def mean(self) -> Tensor:
        return self._chosen(
            lambda eta: -1 / weft.expm1(-eta) - 1 / eta,
            lambda eta: 0.5 + eta / 12 - eta.pow(3) / 720,
        )

    @property
    def variance(self) -> Tensor:
        return self._chosen(
            lambda eta: 1 / eta.square() - 0.25 / weft.sinh(eta / 2).square(),
            lambda eta: 1 / 12 - eta.square() / 240 + eta.square().square() / 6048,
        )

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.icdf(weft.rand(shape, dtype=self._param.dtype, device=self._param.device))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self.logits * value - self._log_size()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        inside = self._chosen(
            # both exponents negative: nothing overflows
            lambda eta: weft.where(
                eta > 0,
                (weft.exp(eta.abs() * (value - 1)) - weft.exp(-eta.abs()))
                / -weft.expm1(-eta.abs()),
                weft.expm1(-eta.abs() * value) / weft.expm1(-eta.abs()),
            ),
            lambda eta: value + eta * value * (value - 1) / 2,
        )
        return weft.where(value <= 0, 0.0, weft.where(value >= 1, 1.0, inside))

    def icdf(self, value: Tensor) -> Tensor:
        return self._chosen(
            lambda eta: weft.where(
                eta > 0,
                1 + weft.log(value - (value - 1) * weft.exp(-eta.abs())) / eta.abs(),
                -weft.log1p(value * weft.expm1(-eta.abs())) / eta.abs(),
            ),
            lambda eta: value - eta * value * (value - 1) / 2,
        )

    def entropy(self) -> Tensor:
        return self._log_size() - self.logits * self.mean

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        (eta,) = natural_params
        return ContinuousBernoulli(logits=eta, lims=self._lims, validate_args=False)._log_size()
