"""Code written for torch.distributions, as it is mostly written, runs under the alias."""

from __future__ import annotations

from typing import Any

import pytest

import weft

#: As agents of reinforcement learning have it: a squashed normal with a cached transform.
SQUASHED = """
import math
import torch
import torch.nn.functional as F
from torch import distributions as pyd
from torch.distributions.utils import broadcast_all


class Tanh(pyd.transforms.Transform):
    domain = pyd.constraints.real
    codomain = pyd.constraints.interval(-1.0, 1.0)
    bijective = True
    sign = +1

    def __init__(self, cache_size=1):
        super().__init__(cache_size=cache_size)

    def __eq__(self, other):
        return isinstance(other, Tanh)

    def _call(self, x):
        return x.tanh()

    def _inverse(self, y):
        return 0.5 * (y.log1p() - (-y).log1p())

    def log_abs_det_jacobian(self, x, y):
        return 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))


class Squashed(pyd.transformed_distribution.TransformedDistribution):
    def __init__(self, loc, scale):
        self.loc, self.scale = loc, scale
        self.base_dist = pyd.Normal(loc, scale)
        super().__init__(self.base_dist, [Tanh()])

    @property
    def mean(self):
        mu = self.loc
        for transform in self.transforms:
            mu = transform(mu)
        return mu


torch.manual_seed(0)
loc = torch.zeros(5, 2, requires_grad=True)
one = Squashed(loc, torch.ones(5, 2))
action = one.rsample()
log_prob = one.log_prob(action).sum(-1, keepdim=True)
log_prob.mean().backward()
result = action, log_prob, loc.grad, one.mean
"""

#: As variational models and tests of families have it.
FAMILY = """
import torch
import torch.distributions as D
from torch.distributions import Independent, Normal, constraints, kl_divergence, register_kl
from torch.distributions.distribution import Distribution
from torch.distributions.exp_family import ExponentialFamily
from torch.distributions.kl import kl_divergence as again
from torch.distributions.utils import lazy_property, logits_to_probs, probs_to_logits


class Triangular(Distribution):
    arg_constraints = {"width": constraints.positive}
    has_rsample = True

    def __init__(self, width, validate_args=None):
        (self.width,) = D.utils.broadcast_all(width)
        super().__init__(self.width.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        return constraints.interval(-self.width, self.width)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Triangular, _instance)
        new.width = self.width.expand(torch.Size(batch_shape))
        super(Triangular, new).__init__(torch.Size(batch_shape), validate_args=False)
        new._validate_args = self._validate_args
        return new

    def rsample(self, sample_shape=torch.Size()):
        shape = self._extended_shape(sample_shape)
        return self.width * (torch.rand(shape) - torch.rand(shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return torch.log(1 - value.abs() / self.width) - self.width.log()


@register_kl(Triangular, Normal)
def _kl(p, q):
    return -p.width


one = Triangular(torch.tensor([1.0, 2.0]))
wide = Independent(one.expand((3, 2)), 1)
x = wide.sample((4,))
divergence = kl_divergence(one, Normal(0.0, 1.0))
result = x.shape, wide.log_prob(x).shape, divergence, isinstance(one, D.Distribution)
"""


def run(program: str) -> Any:
    scope: dict[str, Any] = {"__name__": "third_party"}
    with weft.compat.torch.alias():
        exec(compile(program, "third_party.py", "exec"), scope)
    return scope


def test_a_squashed_normal_with_a_transform_of_its_own() -> None:
    action, log_prob, slope, mean = run(SQUASHED)["result"]
    assert isinstance(action, weft.Tensor)
    assert bool((action.abs() < 1).all())
    assert tuple(log_prob.shape) == (5, 1)
    assert bool(slope.isfinite().all())
    assert bool((mean == 0).all())


def test_a_distribution_of_ones_own_with_expand_support_and_divergence() -> None:
    try:
        scope = run(FAMILY)
        drawn, told, divergence, known = scope["result"]
    finally:
        kl = weft.distributions.kl
        for pair in [p for p in kl._REGISTRY if p[0].__name__ == "Triangular"]:
            del kl._REGISTRY[pair]
        kl._FOUND.clear()
    assert tuple(drawn) == (4, 3, 2)
    assert tuple(told) == (4, 3)
    assert divergence.tolist() == [-1.0, -2.0]
    assert known
    with pytest.raises(ValueError, match=r"upper_bound=2.0\), but value\[1\] == 3.0"):
        scope["one"].log_prob(weft.tensor([0.5, 3.0]))
