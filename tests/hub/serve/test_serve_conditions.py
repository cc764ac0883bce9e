"""Preconditions and ranges are judged as RFC 9110 says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft_hub.serve.conditions import Answer, judge

TAG = "a1b2"


def judged(size: int = 100, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(method, named, tag=TAG, size=size)


@given(size=st.integers(1, 10**6), start=st.integers(0, 10**6), length=st.integers(1, 10**6))
def test_a_range_is_cut_at_the_end_or_refused(size: int, start: int, length: int) -> None:
    got = judged(size, range=f"bytes={start}-{start + length - 1}")
    if start >= size:
        assert got == Answer(416)
    else:
        assert got == Answer(206, start, min(size, start + length))


@given(size=st.integers(1, 10**6), start=st.integers(0, 10**6))
def test_an_open_range_reaches_to_the_end(size: int, start: int) -> None:
    expected = Answer(206, start, size) if start < size else Answer(416)
    assert judged(size, range=f"bytes={start}-") == expected


@given(size=st.integers(1, 10**6), count=st.integers(0, 2 * 10**6))
def test_a_suffix_is_at_most_everything(size: int, count: int) -> None:
    expected = Answer(206, max(0, size - count), size) if count else Answer(416)
    assert judged(size, range=f"bytes=-{count}") == expected


@given(st.text(max_size=30))
def test_no_header_makes_the_answer_more_than_there_is(text: str) -> None:
    got = judged(range=text)
    assert got.status in (200, 206, 416)
    assert 0 <= got.start <= got.stop <= 100
    assert got.status == 416 or got.start < got.stop


@pytest.mark.parametrize(
    "text",
    [
        "bytes=0-1,5-6",
        "bytes=" + ",".join(["0-"] * 5000),
        "items=0-1",
        "bytes=-",
        "bytes=5-4",
        "bytes=0x1-2",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=١-٢",
        "bytes=1" + "0" * 5000 + "-",
        "bytes",
        "",
    ],
)
def test_what_is_no_single_range_is_answered_by_everything(text: str) -> None:
    assert judged(range=text) == Answer(200, 0, 100)


def test_a_range_means_nothing_for_head() -> None:
    assert judged(method="HEAD", range="bytes=0-1") == Answer(200, 0, 100)


@pytest.mark.parametrize(
    "condition", [f'"{TAG}"', f'"x", "{TAG}"', f'W/"{TAG}"', "*", f'"x",W/"y" , W/"{TAG}"']
)
def test_a_client_that_has_it_is_told_so(condition: str) -> None:
    assert judged(if_none_match=condition) == Answer(304)
    assert judged(if_none_match=condition, range="bytes=0-1") == Answer(304)


@pytest.mark.parametrize("condition", ['"x"', TAG, "", f'"{TAG}x"'])
def test_a_client_that_has_another_gets_it(condition: str) -> None:
    assert judged(if_none_match=condition) == Answer(200, 0, 100)


def test_if_match_compares_strongly() -> None:
    assert judged(if_match=f'"{TAG}"').status == 200
    assert judged(if_match="*").status == 200
    assert judged(if_match=f'W/"{TAG}"') == Answer(412)
    assert judged(if_match='"x"') == Answer(412)


def test_if_match_comes_before_if_none_match() -> None:
    assert judged(if_match='"x"', if_none_match=f'"{TAG}"') == Answer(412)


def test_if_range_lets_a_range_through_only_for_the_same_bytes() -> None:
    assert judged(range="bytes=5-9", if_range=f'"{TAG}"') == Answer(206, 5, 10)
    for other in ('"x"', f'W/"{TAG}"', "Sun, 06 Nov 1994 08:49:37 GMT", ""):
        assert judged(range="bytes=5-9", if_range=other) == Answer(200, 0, 100)
