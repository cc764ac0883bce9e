"""Random numbers: known answers, streams, repeatability, distributions."""

from __future__ import annotations

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft
from weft._core import philox
from weft.ops import draws

#: Key, counter and result of Philox4x32-10, as the authors of Random123 publish them.
KNOWN_ANSWERS = [
    ("00000000 00000000", "00000000 " * 4, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff", "ffffffff " * 4, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "a4093822 299f31d0",
        "243f6a88 85a308d3 13198a2e 03707344",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(key, counter, expected):
    columns = [np.array([w], np.uint64) for w in words(counter)]
    found = philox.rounds(columns, *words(key))
    assert [int(column[0]) for column in found] == words(expected)


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN_ANSWERS)
def test_seed_offset_and_stream_are_key_and_counter(key, counter, expected):
    k0, k1 = words(key)
    c0, c1, c2, c3 = words(counter)
    drawn = philox.words(np, k0 | k1 << 32, c0 | c1 << 32, 4, c2 | c3 << 32)
    assert drawn.tolist() == words(expected)
    assert drawn.dtype == np.uint32


def test_the_first_words_of_seed_zero_are_the_first_known_answer():
    assert weft.Generator(0).words(4).tolist() == words(KNOWN_ANSWERS[0][2])


@pytest.mark.parametrize("count", [1, 4, 5, 256, 257, 1023, 4096, 70_001])
@pytest.mark.parametrize(
    ("seed", "stream", "offset"),
    [(0, 0, 0), (2**64 - 1, 2**63 + 7, 5), (12345, 1, 2**64 - 3), (7, 2**64 - 1, 2**32 - 1)],
)
def test_the_kernel_of_words_gives_philoxs(count, seed, stream, offset):
    weft.Generator().words(256)  # from then on small draws take the kernel too
    generator = weft.Generator(seed=seed)
    generator._stream, generator._offset = stream, offset
    found = generator.words(count)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, philox.words(np, seed, offset, count, stream))


# --- streams -----------------------------------------------------------------------------------


@settings(derandomize=True, max_examples=40, deadline=None, database=None)
@given(st.lists(st.integers(0, 40), max_size=6), st.integers(0, 2**64 - 1))
def test_a_stream_does_not_depend_on_request_sizes_in_whole_counters(counters, seed):
    whole = weft.Generator(seed).words(4 * sum(counters))
    parts = weft.Generator(seed)
    pieces = [parts.words(4 * n) for n in counters]
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.uint32), *pieces]), whole)


def test_long_requests_are_cut_into_blocks_that_join():
    size = 3 * 4 * philox._BLOCK // 2
    whole = philox.words(np, 5, 0, size)
    tail = philox.words(np, 5, philox._BLOCK, size - 4 * philox._BLOCK)
    np.testing.assert_array_equal(whole[4 * philox._BLOCK :], tail)


def test_the_counter_wraps_round_at_64_bits():
    last = philox.words(np, 3, 2**64 - 1, 8)
    np.testing.assert_array_equal(last[4:], philox.words(np, 3, 0, 4))


def test_streams_by_split_never_meet():
    parent = weft.Generator(11)
    family = [parent, *(parent.split(i) for i in range(40))]
    family += [child.split(i) for child in family[1:6] for i in range(40)]
    starts = {tuple(g.words(8).tolist()) for g in family}
    assert len(starts) == len(family)
    # not only their starts: a stream is half of the counter, so no offset leads into another
    assert len({tuple(g.get_state()[:16].tolist()) for g in family}) == len(family)


def test_splitting_draws_nothing_from_the_parent():
    one, two = weft.Generator(3), weft.Generator(3)
    one.split(0).words(100)
    assert one.words(4).tolist() == two.words(4).tolist()


def test_state_can_be_kept_and_put_back():
    g = weft.Generator(1).split(2)
    g.words(10)
    state = g.get_state()
    first = g.words(6).tolist()
    other = weft.Generator(99)
    other.set_state(state)
    assert other.words(6).tolist() == first
    weft.manual_seed(4)
    kept = weft.get_rng_state()
    a = weft.rand(3).tolist()
    weft.set_rng_state(kept)
    assert weft.rand(3).tolist() == a


def test_a_state_is_a_tensor_that_can_be_saved_and_nothing_else_is_one(tmp_path):
    g = weft.Generator(5)
    g.words(8)
    state = g.get_state()
    assert (state.dtype, tuple(state.shape)) == (weft.uint8, (24,))
    weft.io.save_safetensors({"rng": state}, tmp_path / "state")
    kept = weft.io.load_safetensors(tmp_path / "state")["rng"]
    assert weft.Generator().set_state(kept).words(4).tolist() == g.words(4).tolist()
    for wrong in ((1, 2, 3), weft.zeros(24), weft.zeros(5, dtype=weft.uint8)):
        with pytest.raises(ValueError, match="expected the uint8 tensor of 24 bytes"):
            g.set_state(wrong)


def test_a_generator_is_cloned_copied_and_pickled_where_it_is():
    g = weft.Generator(9).split(3)
    g.words(4)
    copies = [g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))]
    expected = g.words(4).tolist()
    assert [c.words(4).tolist() for c in copies] == [expected] * 3


def test_a_generator_takes_pytorchs_arguments():
    assert weft.Generator(device="cpu").manual_seed(3).initial_seed() == 3
    assert weft.Generator(seed=3).words(4).tolist() == weft.Generator(3).words(4).tolist()
    assert weft.Generator("cpu").device == "cpu"
    first, second = weft.Generator().seed(), weft.Generator().seed()
    assert first != second
    drawn = weft.seed()
    assert weft.initial_seed() == drawn


def test_spawned_generators_are_the_splits_and_independent():
    workers = weft.Generator(7).spawn(4)
    again = [weft.Generator(7).split(i) for i in range(4)]
    assert [w.words(8).tolist() for w in workers] == [w.words(8).tolist() for w in again]
    rows = np.stack([weft.rand(COUNT, generator=w).numpy() for w in workers])
    correlation = np.corrcoef(rows) - np.eye(4)
    assert np.abs(correlation).max() < 6 / math.sqrt(COUNT)


def test_a_forked_generator_goes_on_where_it_was():
    weft.manual_seed(5)
    expected = weft.rand(3).tolist()
    weft.manual_seed(5)
    with weft.random.fork_rng():
        weft.manual_seed(77)
        weft.rand(9)
    assert weft.rand(3).tolist() == expected
    with weft.random.fork_rng(enabled=False):
        weft.random.manual_seed(5)
    assert weft.rand(3).tolist() == expected
    assert weft.random.initial_seed() == 5


def test_one_call_seeds_everything():
    def draw() -> list:
        weft.manual_seed(123)
        return [
            weft.rand(3).tolist(),
            weft.randn(3).tolist(),
            weft.randint(10, (3,)).tolist(),
            weft.randperm(5).tolist(),
            weft.bernoulli(weft.full((4,), 0.5)).tolist(),
            weft.nn.functional.dropout(weft.ones(4)).tolist(),
            weft.empty(3).uniform_().tolist(),
        ]

    assert draw() == draw()
    assert weft.initial_seed() == 123


def test_seeding_again_leaves_a_split_stream_where_it_is():
    child = weft.Generator(1).split(0)
    first = child.words(4).tolist()
    child.manual_seed(1)
    assert child.words(4).tolist() == first
    assert first != weft.Generator(1).words(4).tolist()


def test_seeds_beyond_64_bits_and_below_zero_wrap():
    assert weft.Generator(-1).words(4).tolist() == weft.Generator(2**64 - 1).words(4).tolist()


@pytest.mark.parametrize("seed", [1.0, "1", None, True])
def test_a_seed_must_be_an_int(seed):
    with pytest.raises(TypeError, match=r"manual_seed: expected an int, got (float|str|None|bool)"):
        weft.manual_seed(seed)


def test_unseeded_generators_differ():
    assert weft.Generator().words(4).tolist() != weft.Generator().words(4).tolist()


def test_threads_that_share_a_generator_never_draw_the_same():
    g = weft.Generator(0)
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: tuple(g.words(4).tolist()), range(200)))
    assert len(set(drawn)) == 200
    assert set(drawn) == {
        tuple(row) for row in weft.Generator(0).words(800).reshape(-1, 4).tolist()
    }


def test_a_half_precision_draw_rounds_the_single_precision_one_and_stays_below_one():
    g = weft.Generator(5)
    narrow = weft.rand(20_000, generator=g, dtype=weft.float16)
    assert narrow.max().item() < 1
    narrow = weft.rand(20_000, generator=g, dtype=weft.bfloat16)
    assert narrow.max().item() < 1


# --- distributions -----------------------------------------------------------------------------

COUNT = 20_000
#: Kolmogorov and Smirnov's distance that chance exceeds once in a million.
LIMIT = math.sqrt(-math.log(1e-6 / 2) / 2 / COUNT)


def distance(drawn: weft.Tensor, cumulative) -> float:
    """Return the largest distance between the drawn and the wanted distribution function."""
    values = np.sort(drawn.to(weft.float64).numpy().ravel())
    wanted = cumulative(values)
    steps = np.arange(values.size + 1) / values.size
    return max(np.abs(wanted - steps[1:]).max(), np.abs(wanted - steps[:-1]).max())


def normal_cdf(x: np.ndarray) -> np.ndarray:
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64])
def test_rand_is_uniform(dtype):
    drawn = weft.rand(COUNT, generator=weft.Generator(1), dtype=dtype)
    assert distance(drawn, lambda x: x) < LIMIT
    assert 0 <= drawn.min().item() < drawn.max().item() < 1


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64])
def test_randn_is_normal(dtype):
    drawn = weft.randn(COUNT, generator=weft.Generator(2), dtype=dtype)
    assert distance(drawn, normal_cdf) < LIMIT


def test_both_halves_of_the_normal_pairs_are_independent():
    drawn = weft.randn(COUNT, generator=weft.Generator(3)).numpy()
    first, second = drawn[: COUNT // 2], drawn[COUNT // 2 :]
    for a, b in ((first, second), (first**2, second**2), (drawn[1:], drawn[:-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(a.size)


def test_in_place_draws_have_their_parameters():
    uniform = weft.empty(COUNT).uniform_(-2, 6, generator=weft.Generator(4))
    assert distance((uniform + 2) / 8, lambda x: x) < LIMIT
    normal = weft.empty(COUNT).normal_(3, 0.5, generator=weft.Generator(5))
    assert distance((normal - 3) / 0.5, normal_cdf) < LIMIT


def test_randint_is_even_over_its_range():
    drawn = weft.randint(-3, 4, (7 * 3000,), generator=weft.Generator(6))
    counts = np.bincount(drawn.numpy() + 3, minlength=7)
    assert counts.size == 7
    chi_square = ((counts - 3000) ** 2 / 3000).sum()
    assert chi_square < 38.3  # chance exceeds it once in a million, for 6 degrees of freedom


def test_randint_takes_its_bounds_in_each_of_pytorchs_ways():
    def drawn(*args, **named):
        return weft.randint(*args, generator=weft.Generator(3), **named).tolist()

    wanted = drawn(0, 10, (4,))
    assert drawn(10, (4,)) == wanted
    assert drawn(10, size=(4,)) == wanted
    assert drawn(high=10, size=(4,)) == wanted
    with pytest.raises(TypeError, match=r"randint: expected a size, as in weft.randint\(10, "):
        weft.randint(10)


def test_randint_reaches_the_ends_of_int64():
    wide = weft.randint(-(2**63), 2**63 - 1, (1000,), generator=weft.Generator(7)).numpy()
    assert wide.min() < -(2**62)
    assert wide.max() > 2**62


def test_randperm_holds_each_number_once_and_starts_anywhere():
    assert weft.randperm(100).sort().values.tolist() == list(range(100))
    g = weft.Generator(8)
    firsts = np.bincount([weft.randperm(5, generator=g)[0].item() for _ in range(2000)])
    assert ((firsts - 400) ** 2 / 400).sum() < 33.4  # once in a million, 4 degrees of freedom
    assert weft.randperm(0).shape == (0,)


def test_bernoulli_and_dropout_keep_their_share():
    drawn = weft.bernoulli(weft.full((COUNT,), 0.3), generator=weft.Generator(9))
    assert abs(drawn.mean().item() - 0.3) < 5 * math.sqrt(0.21 / COUNT)
    assert weft.bernoulli(weft.tensor([0.0, 1.0] * 50)).tolist() == [0, 1] * 50
    kept = weft.nn.functional.dropout(weft.ones(COUNT), 0.25)
    assert set(kept.tolist()) == {0.0, weft.tensor(1 / 0.75).item()}
    assert abs((kept == 0).float().mean().item() - 0.25) < 5 * math.sqrt(0.1875 / COUNT)


def test_neighbouring_seeds_and_streams_are_uncorrelated():
    a = weft.rand(COUNT, generator=weft.Generator(0)).numpy()
    others = [weft.Generator(1), weft.Generator(2**32), weft.Generator(0).split(0)]
    for other in others:
        b = weft.rand(COUNT, generator=other).numpy()
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(COUNT)


# --- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weft.rand(2, dtype=weft.int64), "rand: expected a floating dtype, got weft.int64"),
        (lambda: weft.randn(-1), "a length cannot be negative"),
        (lambda: weft.randint(3, 3, (1,)), "high must be above low, got low=3, high=3"),
        (
            lambda: weft.nn.functional.dropout(weft.ones(2), -0.1),
            r"p must be in \[0, 1\], got -0\.1",
        ),
        (lambda: weft.bernoulli(weft.tensor([0.5, 1.5])), r"in \[0, 1\]"),
        (lambda: weft.randperm(-1), "negative"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_draws_take_shapes_dtypes_and_requires_grad():
    assert weft.rand((2, 3)).shape == weft.rand(2, 3).shape == (2, 3)
    assert weft.rand(()).shape == ()
    assert weft.rand(0, 3).shape == (0, 3)
    assert weft.randn(2, requires_grad=True).requires_grad
    assert weft.randint(4, (2,), dtype=weft.uint8).dtype is weft.uint8
    assert weft.rand_like(weft.ones(2, dtype=weft.float64)).dtype is weft.float64


@pytest.mark.parametrize("count", [0, 1, 2, 7, 5000])
@pytest.mark.parametrize("shift", [0, 40, 54], ids=["few values", "in low bits too", "all bits"])
def test_keys_ascend_as_a_stable_sort_has_them(count, shift):
    g = np.random.default_rng(count)
    high = g.integers(0, 50 if shift < 54 else 1 << 10, count, dtype=np.uint64) << np.uint64(shift)
    keys = high | g.integers(0, 9 if shift else 1, count, dtype=np.uint64)
    order = draws.ascending(keys)
    np.testing.assert_array_equal(order, np.argsort(keys, kind="stable"))
    assert order.dtype == np.int64
