"""How many connections a download has, by how fast it is."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from hub.attacks.stage import Stage
from tests.hub.http.faults import Served, serving
from weft_hub._http import download, pace
from weft_hub._http.pace import ENOUGH_IF_FAST, FAST_BYTES_PER_S, Pace

CONTENT = random.Random(8).randbytes(2_000_000)
PIECES = 40


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(download, "PIECE_BYTES", len(CONTENT) // PIECES)
    with serving({"/w": CONTENT}) as served:
        yield served


def fetched(stage: Stage, server: Served) -> bytes:
    stage.entry("a/line", CONTENT, sources=[f"{server.url}/w"])
    return stage.hub().download("a/line").files["weights.safetensors"].read_bytes()


def test_a_slow_download_gets_all_connections(stage: Stage, server: Served) -> None:
    server.together = 8  # which holds all but the first answer back until eight are asked for
    assert fetched(stage, server) == CONTENT
    assert server.peak == 8


def test_a_fast_download_gets_few_connections(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FAST_BYTES_PER_S", 0)
    monkeypatch.setattr(pace, "_FIRST_LOOK_S", 0.0)
    server.pause_s = 0.01  # for each of its many pieces, so that more would be asked for meanwhile
    assert fetched(stage, server) == CONTENT
    assert server.peak <= ENOUGH_IF_FAST


def test_it_is_judged_soon_and_then_again() -> None:
    judge = Pace(8)
    assert judge.connections(1_000, 10.0) == ENOUGH_IF_FAST
    assert judge.connections(1_000, 10.05) == ENOUGH_IF_FAST  # too soon to tell
    there = 1_000 + FAST_BYTES_PER_S
    assert judge.connections(there, 10.2) == ENOUGH_IF_FAST
    assert judge.connections(there + 1, 11.1) == ENOUGH_IF_FAST
    assert judge.connections(there + 1, 11.3) == 8  # it has become slow
    assert judge.connections(there + 2 * FAST_BYTES_PER_S, 12.4) == ENOUGH_IF_FAST


def test_what_was_there_before_does_not_count_as_fast() -> None:
    judge = Pace(8)
    judge.connections(10 * FAST_BYTES_PER_S, 0.0)
    assert judge.connections(10 * FAST_BYTES_PER_S + 1, 1.0) == 8


def test_a_bound_of_one_connection_is_kept_whatever_the_pace() -> None:
    judge = Pace(1)
    assert judge.connections(0, 0.0) == 1
    assert judge.connections(1, 1.0) == 1
