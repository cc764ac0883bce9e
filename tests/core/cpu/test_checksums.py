"""CRC-32 by folding: the same numbers as zlib's, on every kind of processor that can."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from tests.core import needs
from weft._backend.cpu import calls, compiler, loader
from weft._backend.cpu.kernels.checksums import shorten
from weft._backend.cpu.language import dividing
from weft._backend.cpu.launch import checksums

pytestmark = needs.codegen

random = np.random.default_rng(0)
BYTES = random.bytes(300_000)
LENGTHS = [512, 513, 515, 516, 767, 768, 1000, 4096, 65537, 300_000]
KINDS = {16: {"pclmul"}, 32: {"pclmul", "vpclmulqdq", "avx2"}, 64: {"vpclmulqdq", "avx512f"}}


@pytest.fixture(params=KINDS, ids=lambda width: f"{width} bytes at once")
def kernel(request, monkeypatch):
    """The kernel as it is made where products are so wide."""
    has = compiler.features()
    if not all(has.get(name) for name in KINDS[request.param]):
        pytest.skip(f"this processor has no products without carries of {request.param} bytes")
    monkeypatch.setattr(compiler, "features", lambda: dict.fromkeys(KINDS[request.param], True))
    text = shorten.text()
    assert f"<{request.param // 8} x i64> %old0" in text
    made = calls.function("shorten", loader.place(compiler.compile(text), "entry"))
    monkeypatch.setattr(checksums, "_kernel", lambda: made)


@pytest.mark.parametrize("length", LENGTHS)
def test_it_is_what_zlib_says(kernel, length):
    for start in (0, 3):
        data = memoryview(BYTES)[start : start + length]
        for value in (0, 1, 0xDEADBEEF, 0xFFFFFFFF):
            assert checksums.crc32(data, value) == zlib.crc32(data, value)


def test_every_bit_counts(kernel):
    data = bytearray(2048)
    wanted = set()
    for place in range(0, 8 * len(data), 7):
        data[place // 8] ^= 1 << place % 8
        wanted.add(zlib.crc32(data))
        assert checksums.crc32(data) == zlib.crc32(data)
        data[place // 8] ^= 1 << place % 8
    assert len(wanted) == len(range(0, 8 * len(data), 7))


def test_what_is_too_short_to_fold_is_left_to_zlib():
    assert checksums.crc32(b"") is None
    assert checksums.crc32(bytes(511)) is None


def test_a_processor_without_products_leaves_all_to_zlib(monkeypatch):
    with pytest.raises(dividing.NoProducts, match="no products without carries"):
        dividing.fold({"avx2": True})

    def none(**given):
        raise dividing.NoProducts("this processor has no products without carries")

    monkeypatch.setattr(shorten, "at", none)
    monkeypatch.setattr(checksums, "_kernel", checksums._kernel.__wrapped__)
    assert checksums.crc32(BYTES) is None


def test_the_factors_are_those_of_the_paper():
    assert dividing.power(4 * 128 + 32) << 1 == 0x154442BD4
    assert dividing.power(4 * 128 - 32) << 1 == 0x1C6E41596
