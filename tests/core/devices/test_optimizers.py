"""Optimizers and clipping on a device: the formulas, with no kernel of the CPU's."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core.optim.cases import EACH, EACH_OTHER, IDS, OTHER_IDS

pytestmark = pytest.mark.usefixtures("fake_gpus")


@pytest.mark.parametrize(("name", "settings"), EACH + EACH_OTHER, ids=IDS + OTHER_IDS)
def test_steps_on_a_device_are_those_on_the_cpu(name, settings):
    def run(device):
        rng = np.random.default_rng(0)
        p = weft.tensor(rng.standard_normal((3, 4)), device=device).requires_grad_()
        goal = weft.tensor(rng.standard_normal((3, 4)), device=device)
        optimizer = getattr(weft.optim, name)([p], **settings)

        def closure():
            optimizer.zero_grad()
            loss = ((p - goal) ** 2).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        assert all(
            x.device == p.device
            for k, x in optimizer.state[p].items()
            if isinstance(x, weft.Tensor) and x.shape == p.shape
        )
        return p.detach().cpu().numpy()

    tolerance = 3e-2 if name == "Muon" else 1e-9
    np.testing.assert_allclose(run("cuda"), run("cpu"), rtol=tolerance, atol=tolerance)


def test_gradients_on_a_device_are_clipped():
    p = weft.zeros(3, device="cuda").requires_grad_()
    p.grad = weft.tensor([3.0, 0.0, 4.0], device="cuda")
    total = weft.nn.utils.clip_grad_norm_([p], 1.0)
    assert total.device == p.device
    assert total.item() == 5.0
    weft.nn.utils.clip_grad_value_([p], 0.7)
    np.testing.assert_allclose(p.grad.cpu().numpy(), [0.6, 0.0, 0.7], rtol=1e-5)
