"""The memory that a profile sees: of results, from when they are made until they are freed."""

from __future__ import annotations

import pytest

import weft
from weft.profiler import profile


def only(prof, name):
    (event,) = [e for e in prof.events() if e.name == name]
    return event


def test_an_op_allocates_the_bytes_of_its_result():
    x = weft.ones(10, 10)
    with profile(profile_memory=True) as prof:
        y = x.exp()
        x.sum(0)
    assert only(prof, "exp").self_cpu_memory_usage == y.numel() * 4
    assert only(prof, "sum").self_cpu_memory_usage == 10 * 4


def test_views_allocate_nothing():
    x = weft.ones(10, 10)
    with profile(profile_memory=True) as prof:
        x.transpose(0, 1)
        x[2:]
        x.reshape(100)
        x.expand(3, 10, 10)
    assert all(e.cpu_memory_usage == 0 for e in prof.events())


def test_functions_count_what_is_allocated_within_them_once():
    x = weft.ones(8, 8)
    with profile(profile_memory=True) as prof:
        weft.nn.functional.cosine_similarity(x, x)
    whole = only(prof, "cosine_similarity")
    assert whole.self_cpu_memory_usage == 0
    assert whole.cpu_memory_usage == sum(e.self_cpu_memory_usage for e in prof.events()) > 0


def test_made_tensors_count_for_the_function_that_makes_them():
    with profile(profile_memory=True) as prof:
        x = weft.zeros(1000)
    assert only(prof, "zeros").cpu_memory_usage == x.numel() * 4


def test_a_lowered_rule_allocates_its_cotangents():
    x = weft.ones(10, 10, requires_grad=True)
    for _ in range(3):
        x.exp().sum().backward()
    with profile(profile_memory=True) as prof:
        x.exp().sum().backward()
    assert only(prof, "exp backward").cpu_memory_usage == 400


def test_the_peak_is_of_what_is_alive_at_once():
    x = weft.ones(1000)
    with profile(profile_memory=True) as prof:
        for _ in range(5):
            x.exp()  # freed at once
    assert prof.peak_memory == 4000
    with profile(profile_memory=True) as prof:
        held = [x.exp() for _ in range(5)]
    assert prof.peak_memory == 20000
    assert len(held) == 5


def test_memory_that_is_freed_after_the_profile_is_no_error():
    x = weft.ones(1000)
    with profile(profile_memory=True) as prof:
        y = x.exp()
    del y
    assert prof.peak_memory == 4000


def test_without_memory_there_is_no_peak():
    with profile() as prof:
        weft.ones(2)
    with pytest.raises(RuntimeError, match="profile_memory=True"):
        _ = prof.peak_memory
