"""The choice between kernels of attention is taken, and changes nothing."""

from __future__ import annotations

import pytest

import weft
from weft.nn.attention import SDPBackend, sdpa_kernel
from weft.nn.functional import scaled_dot_product_attention


@pytest.mark.parametrize("backends", [SDPBackend.MATH, [*SDPBackend], (SDPBackend.ERROR,)])
def test_whatever_is_chosen_gives_the_same(backends):
    q, k, v = weft.rand(3, 2, 4, 8, 16)
    with sdpa_kernel(backends, set_priority=True):
        found = scaled_dot_product_attention(q, k, v, is_causal=True)
    assert weft.equal(found, scaled_dot_product_attention(q, k, v, is_causal=True))


@pytest.mark.parametrize("backends", ["math", 1, [0], None])
def test_what_is_no_kernel_is_refused(backends):
    refused = pytest.raises(TypeError, match="must be an SDPBackend or a list of them")
    with refused, sdpa_kernel(backends):
        pass


def test_no_kernel_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one SDPBackend"), sdpa_kernel([]):
        pass
