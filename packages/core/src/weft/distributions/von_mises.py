"""The von Mises distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._location import AtLocation
from weft.distributions.utils import broadcast_all

__all__ = ["VonMises"]


class VonMises(AtLocation):
    r"""Von Mises distribution: of angles, like the normal distribution around a circle.

    .. math:: p(x) = \frac{e^{\kappa \cos(x - \mu)}}{2 \pi I_0(\kappa)}

    Values may be any angles; draws are in [-π, π). `variance` is the circular one,
    :math:`1 - I_1(\kappa) / I_0(\kappa)`.

    Args:
        loc: the mean direction in radians, (...) or a number.
        concentration: how narrow it is, above 0.
        validate_args: whether parameters and values are checked.

    Source: Best and Fisher, "Efficient simulation of the von Mises distribution" (1979), for draws.

    Example:
        >>> weft.distributions.VonMises(0.0, 4.0).mean
        tensor(0.)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _expanded = ("loc", "concentration")

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def variance(self) -> Tensor:
        """The circular variance, in [0, 1]."""
        return 1 - weft.special.i1e(self.concentration) / weft.special.i0e(self.concentration)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw, without gradient: from a wrapped Cauchy distribution, some of it refused."""
        shape = tuple(self._extended_shape(sample_shape))
        with weft.no_grad():
            # in float64: a narrow one's r is near 1 by less than float32 has digits for
            kappa = self.concentration.to(weft.float64).expand(shape)
            tau = 1 + weft.sqrt(1 + 4 * kappa * kappa)
            rho = (tau - weft.sqrt(2 * tau)) / (2 * kappa)
            r = (1 + rho * rho) / (2 * rho)
            r = weft.where(kappa < 1e-5, 1 / kappa + kappa, r)  # where its digits cancel
            out = weft.zeros_like(kappa)
            left = weft.ones(shape, dtype=weft.bool, device=kappa.device)
            while left.any():
                u = weft.rand((3, *shape), dtype=weft.float64, device=kappa.device)
                z = weft.cos(math.pi * u[0])
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                good = (c * (2 - c) > u[1]) | (weft.log(c / u[1]) + 1 >= c)
                angle = weft.sign(u[2] - 0.5) * weft.acos(f.clamp(min=-1, max=1))
                out = weft.where(left & good, angle, out)
                left = left & ~good
            turned = weft.remainder(out + self.loc + math.pi, 2 * math.pi) - math.pi
            return turned.to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        kappa = self.concentration
        size = math.log(2 * math.pi) + weft.log(weft.special.i0e(kappa))
        return kappa * (weft.cos(value - self.loc) - 1) - size
