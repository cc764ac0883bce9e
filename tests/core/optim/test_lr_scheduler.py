"""Schedules of learning rates: what they refuse, and training that goes on from a checkpoint."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import weft
from weft.optim import lr_scheduler as schedules
from weft.optim import swa_utils


def optimizer(name="SGD", **settings):
    return getattr(weft.optim, name)([weft.ones(2)], lr=1.0, **settings)


WRONG = [
    (lambda o: schedules.StepLR(3, 2), TypeError, "needs an optimizer, got int"),
    (lambda o: schedules.StepLR(o, 2, last_epoch=3), KeyError, "has no 'initial_lr'"),
    (lambda o: schedules.LambdaLR(o, [abs, abs]), ValueError, "needs 1 functions"),
    (lambda o: schedules.MultiplicativeLR(o, 0.5), TypeError, "must be a function, got 0.5"),
    (lambda o: schedules.ConstantLR(o, factor=2), ValueError, "factor must be in"),
    (lambda o: schedules.LinearLR(o, start_factor=0), ValueError, "start_factor must be in"),
    (lambda o: schedules.LinearLR(o, end_factor=2), ValueError, "end_factor must be in"),
    (lambda o: schedules.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0 must be a whole"),
    (lambda o: schedules.CosineAnnealingWarmRestarts(o, 1, 0.5), ValueError, "T_mult must be"),
    (lambda o: schedules.CyclicLR(o, 0.1, [1, 2]), ValueError, "one value for each of the 1"),
    (lambda o: schedules.CyclicLR(o, 0.1, 1, mode="other"), ValueError, "mode must be"),
    (lambda o: schedules.OneCycleLR(o, 1), ValueError, "give total_steps, or both"),
    (lambda o: schedules.OneCycleLR(o, 1, 0), ValueError, "total_steps must be a whole number"),
    (lambda o: schedules.OneCycleLR(o, 1, 9, pct_start=2.0), ValueError, "pct_start must be"),
    (lambda o: schedules.OneCycleLR(o, 1, 9, anneal_strategy="x"), ValueError, "got 'x'"),
    (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be below 1"),
    (lambda o: schedules.ReduceLROnPlateau(o, mode="x"), ValueError, "mode must be"),
    (lambda o: schedules.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold_mode"),
    (lambda o: schedules.SequentialLR(o, [], []), ValueError, "at least one"),
    (lambda o: schedules.ChainedScheduler([]), ValueError, "at least one"),
    (lambda o: schedules.ChainedScheduler([3]), TypeError, "scheduler 0 has no optimizer: int"),
    (lambda o: swa_utils.SWALR(o, 0.1, anneal_epochs=-1), ValueError, "whole number from 0"),
    (lambda o: swa_utils.SWALR(o, 0.1, anneal_strategy="x"), ValueError, "got 'x'"),
    (lambda o: swa_utils.get_ema_avg_fn(2), ValueError, "decay must be in"),
]


@pytest.mark.parametrize(("make", "kind", "match"), WRONG)
def test_settings_out_of_range_are_refused(make, kind, match):
    with pytest.raises(kind, match=match):
        make(optimizer())


def test_schedulers_that_are_put_together_have_one_optimizer_and_need_no_metric():
    o = optimizer()
    step = schedules.StepLR(o, 2)
    with pytest.raises(ValueError, match="that of scheduler 1"):
        schedules.ChainedScheduler([step, schedules.StepLR(optimizer(), 2)])
    with pytest.raises(ValueError, match="whose step needs a metric"):
        schedules.SequentialLR(o, [step, schedules.ReduceLROnPlateau(o)], [3])
    with pytest.raises(ValueError, match="have 0 milestones between them, got 1"):
        schedules.SequentialLR(o, [step], [3])


def test_an_optimizer_without_momentum_has_none_to_cycle():
    o = optimizer("Adagrad")
    with pytest.raises(ValueError, match="Adagrad has neither momentum nor betas"):
        schedules.OneCycleLR(o, 1.0, total_steps=5)
    schedules.OneCycleLR(o, 1.0, total_steps=5, cycle_momentum=False)


def test_one_cycle_ends():
    o = optimizer(momentum=0.9)
    scheduler = schedules.OneCycleLR(o, 1.0, total_steps=4)
    for _ in range(4):
        o.step()
        scheduler.step()
    with pytest.raises(ValueError, match="step 5 of a cycle of 4 steps"):
        scheduler.step()


class Halving:
    """A function with state."""

    def __init__(self, base=0.5):
        self.base = base

    def __call__(self, epoch):
        return self.base**epoch


def test_functions_that_are_objects_are_kept_in_the_state():
    scheduler = schedules.LambdaLR(optimizer(), Halving(0.25))
    saved = copy.deepcopy(scheduler.state_dict())
    assert saved["lr_lambdas"] == [{"base": 0.25}]
    other = schedules.LambdaLR(optimizer(), Halving())
    other.load_state_dict(saved)
    other.optimizer.step()
    other.step()
    assert other.get_last_lr() == [0.25]
    cyclic = schedules.CyclicLR(optimizer(momentum=0.9), 0.1, 1.0, scale_fn=Halving(0.25))
    again = schedules.CyclicLR(optimizer(momentum=0.9), 0.1, 1.0, scale_fn=Halving())
    again.load_state_dict(cyclic.state_dict())
    assert again.scale_fn(2) == 0.0625


def test_training_with_a_schedule_goes_on_from_a_checkpoint():
    def made():
        p = weft.tensor([1.0, -2.0], dtype=weft.float64).requires_grad_()
        o = weft.optim.AdamW([p], lr=0.1)
        warm = schedules.LinearLR(o, 0.1, total_iters=3)
        rest = schedules.CosineAnnealingLR(o, 10)
        return p, o, schedules.SequentialLR(o, [warm, rest], [3])

    def run(p, o, scheduler, steps):
        for _ in range(steps):
            o.zero_grad()
            ((p - 0.3) ** 2).sum().backward()
            o.step()
            scheduler.step()

    whole = made()
    run(*whole, 9)
    first = made()
    run(*first, 4)
    second = made()
    second[0].data = first[0].detach().clone()
    second[1].load_state_dict(copy.deepcopy(first[1].state_dict()))
    second[2].load_state_dict(copy.deepcopy(first[2].state_dict()))
    run(*second, 5)
    assert (whole[0] == second[0]).all()


def test_a_step_before_the_optimizers_is_warned_of():
    o = optimizer()
    scheduler = schedules.StepLR(o, 2)
    with pytest.warns(UserWarning, match="the first rate of the schedule is skipped"):
        scheduler.step()


@pytest.mark.parametrize("share", [0.1, 0.75])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "complex128"])
def test_averages_by_kernel_are_those_by_op(dtype, share, monkeypatch):
    from weft._backend.cpu import switches

    def run():
        rng = np.random.default_rng(0)
        kind = getattr(weft, dtype)
        make = lambda: [weft.tensor(rng.standard_normal(s)).to(kind) for s in [(3, 4), (5000,), ()]]
        averages, current = make(), make()
        swa_utils.get_ema_multi_avg_fn(1 - share)(averages, current, None)
        return averages

    fused = run()
    monkeypatch.setattr(switches, "codegen", False)
    for x, y in zip(fused, run(), strict=True):
        weft.testing.assert_close(x, y)


def test_an_averaged_model_refuses_two_ways_and_copies_at_first():
    model = weft.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="not both"):
        swa_utils.AveragedModel(model, avg_fn=max, multi_avg_fn=max)
    average = swa_utils.AveragedModel(model)
    assert average.module is not model
    with weft.no_grad():
        model.weight.fill_(3.0)
    average.update_parameters(model)
    assert (average.module.weight == 3).all()
    assert average(weft.ones(1, 2)).shape == (1, 2)


def test_update_bn_knows_every_batch_norm():
    norm = weft.nn.SyncBatchNorm(2)
    x = weft.tensor([[1.0, 2.0], [3.0, 6.0]])
    weft.optim.swa_utils.update_bn([x, (x + 2, None)], norm)
    assert norm.running_mean.tolist() == [3.0, 5.0]
    assert (norm.momentum, norm.num_batches_tracked.item()) == (0.1, 2)
