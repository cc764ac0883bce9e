"""The cart and its pole: the equations of motion, and how episodes end."""

from __future__ import annotations

import numpy as np


def test_a_pole_that_leans_falls_to_its_side() -> None:
    from a2c import Carts

    carts = Carts(2)
    carts.states = np.array([[0, 0, 0.1, 0], [0, 0, -0.1, 0]], float)
    left_right = np.array([0, 1])
    steps, fell = 0, np.zeros(2, bool)
    while not fell.all():  # a push away from the lean makes it worse
        fell, late, lengths = carts.step(left_right)
        steps += 1
        assert steps < 25
    assert not late.any()
    assert lengths == [steps] * 2
    assert np.sign(carts.states[:, 2]).tolist() == [1, -1]


def test_left_and_right_are_mirror_images() -> None:
    from a2c import Carts

    carts = Carts(2)
    carts.states = np.array([[0.3, 0.2, 0.05, -0.1], [-0.3, -0.2, -0.05, 0.1]])
    carts.step(np.array([1, 0]))
    np.testing.assert_allclose(carts.states[0], -carts.states[1])


def test_the_pole_alone_swings_at_the_rate_of_a_pendulum() -> None:
    from a2c import Carts

    # Small angles about hanging down, where the push is balanced by symmetric alternation: the
    # linearised rate of turning is g / (l (4/3 - m / M)) times the lean.
    carts = Carts(1)
    lean = 1e-4
    carts.states = np.array([[0.0, 0.0, lean, 0.0]])
    pushed = carts.states.copy()
    carts.step(np.array([1]))
    other = Carts(1)
    other.states = pushed
    other.step(np.array([0]))
    turning = (carts.states[0, 3] + other.states[0, 3]) / 2 / Carts.STEP_S
    share = Carts.POLE_KG / (Carts.POLE_KG + Carts.CART_KG)
    rate = Carts.GRAVITY / (Carts.HALF_POLE_M * (4 / 3 - share))
    np.testing.assert_allclose(turning, rate * lean, rtol=1e-6)


def test_an_episode_ends_after_its_longest() -> None:
    from a2c import Carts

    carts = Carts(1)
    carts.ages[:] = Carts.LONGEST - 1
    fell, late, lengths = carts.step(np.array([1]))
    assert (fell.tolist(), late.tolist(), lengths) == ([False], [True], [Carts.LONGEST])
    carts.begin_anew(late)
    assert carts.ages.tolist() == [0]
    assert (np.abs(carts.states) <= 0.05).all()


def test_advantages_are_sums_of_discounted_surprises() -> None:
    from a2c import Stretch

    stretch = Stretch(discount=0.9, decay=0.5)
    stretch.rewards = [np.ones(1, np.float32)] * 3
    stretch.values = [np.array([v], np.float32) for v in (1.0, 2.0, 3.0, 4.0)]
    stretch.ends = [np.array([False]), np.array([True]), np.array([False])]
    surprises = [1 + 0.9 * 2 - 1, 1 - 2, 1 + 0.9 * 4 - 3]
    wanted = [surprises[0] + 0.45 * surprises[1], surprises[1], surprises[2]]
    np.testing.assert_allclose(stretch.advantages()[:, 0], wanted, rtol=1e-6)


def test_carts_go_on_from_their_state() -> None:
    from a2c import Carts

    first, second = Carts(3), Carts(3)
    for _ in range(4):
        first.step(np.array([0, 1, 1]))
    second.load_state_dict(first.state_dict())
    for carts in (first, second):
        carts.step(np.array([1, 1, 0]))
        carts.begin_anew(np.array([True, False, True]))
    assert (first.states == second.states).all()
    assert (first.ages == second.ages).all()
