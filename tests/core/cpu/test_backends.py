"""weft.backends and weft.cpu: PyTorch's questions, and the switches of the engine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend.cpu import cores, engine, features, switches, threads


@pytest.fixture(autouse=True)
def restored():
    before = vars(switches).copy()
    yield
    vars(switches).update(before)


@pytest.mark.parametrize(("part", "switch"), [("mkldnn", "onednn"), ("codegen", "codegen")])
def test_a_switch_is_read_and_turned(part, switch):
    module = getattr(weft.backends, part)
    for value in (False, True):
        module.enabled = value
        assert getattr(switches, switch) is module.enabled is value
    with module.flags(enabled=False):
        assert getattr(switches, switch) is False
        with module.flags(enabled=True):
            assert getattr(switches, switch) is True
        assert getattr(switches, switch) is False
    assert getattr(switches, switch) is True


def test_a_switch_is_turned_back_after_an_error():
    with pytest.raises(KeyError), weft.backends.mkldnn.flags(enabled=not switches.onednn):
        raise KeyError
    assert weft.backends.mkldnn.enabled is switches.onednn


def test_a_switch_takes_a_bool_alone():
    with pytest.raises(TypeError, match=r"weft.backends.mkldnn.enabled: expected a bool, got 'no'"):
        weft.backends.mkldnn.enabled = "no"


def test_flags_take_pytorchs_arguments():
    with weft.backends.mkldnn.flags(
        enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee"
    ):
        assert weft.backends.mkldnn.enabled


@pytest.mark.parametrize(
    ("value", "expected"), [("0", False), ("OFF", False), ("no", False), ("1", True), ("", True)]
)
def test_the_environment_gives_the_first_value(value, expected):
    names = ("onednn", "codegen", "malloc", "packing")
    said = ", ".join(f"s.{name}" for name in names)
    program = f"from weft._backend.cpu import switches as s; print({said})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**{f"WEFT_{name.upper()}": value for name in names}, **_paths()},
    )
    assert done.stdout.split() == [str(expected)] * 4


def _paths() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PYTHONPATH", "PATH") if name in os.environ}


def test_availability_is_what_was_found_and_not_what_is_switched_on():
    assert weft.backends.openmp.is_available() == (threads.library() is not None)
    weft.backends.codegen.enabled = False
    assert weft.backends.codegen.is_available() == (not engine.why_no_codegen())
    assert weft.backends.mkldnn.is_available() == (not engine.why_no_onednn())


def test_the_capability_is_the_widest_vectors(monkeypatch):
    wide = {f"avx512_{part}": True for part in ("f", "dq", "bw", "vl")}
    for has, expected in [
        ({"avx2": True, "fma3": True, **wide}, "AVX512"),
        ({"avx2": True, "fma3": True, **wide, "avx512_bw": False}, "AVX2"),
        ({"avx2": True, "fma3": False}, "DEFAULT"),
        ({}, "DEFAULT"),
    ]:
        monkeypatch.setattr(features, "found", lambda has=has: has)
        assert weft.backends.cpu.get_cpu_capability() == expected


def test_capabilities_agree_with_numpys():
    told = weft.cpu.get_capabilities()
    assert told["architecture"] == features.architecture()
    assert told["num_physical_cores"] == cores.usable()
    if platform.machine() == "x86_64":
        numpys = np._core._multiarray_umath.__cpu_features__
        assert told["avx2"] == numpys["AVX2"]
        assert "neon" not in told
    with pytest.raises(TypeError):
        told["avx2"] = True


def test_the_cpu_answers_what_code_for_any_device_asks():
    assert weft.cpu.is_available() and weft.cpu.is_initialized()
    assert (weft.cpu.device_count(), weft.cpu.current_device()) == (1, "cpu")
    weft.cpu.set_device("cpu")
    weft.cpu.synchronize()


def shown(capsys) -> dict[str, str]:
    weft.show_config()
    return dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())


def test_show_config_tells_of_each_part(capsys):
    rows = shown(capsys)
    assert rows["threads"].startswith(f"{weft.get_num_threads()}, ")
    assert weft.backends.cpu.get_cpu_capability() in rows["CPU"]
    assert {"oneDNN", "kernels", "memory"} <= set(rows)


def test_show_config_tells_the_reasons(capsys, monkeypatch):
    monkeypatch.setattr(engine, "why_no_onednn", lambda: "it is not installed")
    monkeypatch.setattr(engine, "why_no_codegen", lambda: "llvmlite is not installed")
    monkeypatch.setattr(engine.threads, "why_none", lambda: "libgomp.so.1 was not found")
    monkeypatch.setattr(engine.allocator, "why_not", lambda: "WEFT_MALLOC is off")
    rows = shown(capsys)
    assert rows["oneDNN"] == "none: it is not installed"
    assert rows["kernels"] == "NumPy's alone: llvmlite is not installed"
    assert "no pool: libgomp.so.1 was not found" in rows["threads"]
    assert rows["memory"] == "as the C library came: WEFT_MALLOC is off"


def test_show_config_tells_what_is_switched_off(capsys):
    weft.backends.codegen.enabled = False
    if not weft.backends.codegen.is_available():
        pytest.skip(engine.why_no_codegen())
    assert shown(capsys)["kernels"].endswith(", switched off")


@pytest.mark.skipif(
    bool(engine.why_no_onednn()), reason=f"oneDNN is missing: {engine.why_no_onednn()}"
)
def test_the_configuration_tells_that_no_weights_are_kept():
    switches.onednn = True
    assert "no weights kept" not in engine.rows()["oneDNN"]
    switches.packing = False
    assert engine.rows()["oneDNN"].endswith("no weights kept in its order")


_WORK = """
import sys
import weft
F = weft.nn.functional
x = weft.randn(2, 3, 40, 40, requires_grad=True)
for y in (F.avg_pool2d(x, 2), F.max_pool2d(x, 2), F.interpolate(x, scale_factor=2), x.cumsum(3),
          x.sort().values, x[:, [2, 0]], x.mean(1), x.exp(), F.conv2d(x, weft.ones(4, 3, 3, 3))):
    (g,) = weft.autograd.grad(y.sum(), [x])
assert g.isfinite().all() and not weft.isnan(x).any() and x.nonzero().numel()
print(*{"llvmlite", "weft._backend.cpu.loader"} & sys.modules.keys())
"""


@pytest.mark.parametrize("said", ["0", pytest.param("1", marks=needs.codegen)])
def test_no_code_is_made_or_loaded_where_the_environment_switches_it_off(said):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _WORK],
        env={**os.environ, "WEFT_CODEGEN": said}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ("weft._backend.cpu.loader" in done.stdout) == (said == "1")
    assert said == "1" or done.stdout.split() == []
