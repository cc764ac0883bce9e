"""Without a usable GPU, asking for one gives one sentence with the true reason."""

from __future__ import annotations

import importlib.util
import sys

import pytest

import weft
from tests.core.devices import fake_cupy


def asked(device: str = "cuda") -> str:
    with pytest.raises(RuntimeError) as raised:
        weft.zeros(2, device=device)
    text = str(raised.value)
    assert text.startswith(f"device {device}: ")
    assert "\n" not in text
    assert isinstance(raised.value, weft.DeviceError)
    return text


def test_cupy_is_absent(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "cupy" else find(name, *a)
    )
    assert "CuPy, which runs weft's kernels on NVIDIA GPUs, is not installed" in asked()
    assert "pip install 'weft[cuda13]'" in asked()


def test_cupy_cannot_be_loaded(monkeypatch):
    fake_cupy.put_in_place(monkeypatch)

    class Broken:
        __spec__ = sys.modules["cupy"].__spec__

        def __getattr__(self, name):
            raise ImportError("libcublas.so.13: cannot open shared object file\nmore lines")

    monkeypatch.setitem(sys.modules, "cupy", Broken())
    assert asked().endswith(
        "CuPy is installed but cannot be loaded: ImportError: libcublas.so.13: cannot open shared "
        "object file"
    )


def test_the_driver_is_absent(monkeypatch):
    # as CuPy 14.2 answers on a machine without a driver: version 0, and InsufficientDriver
    error = fake_cupy.CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is ...")
    fake_cupy.put_in_place(monkeypatch, driver=0, error=error)
    assert asked().endswith(
        "CuPy 14.2.0, built for CUDA 13.2, is installed, but this machine has no NVIDIA driver"
    )


def test_the_driver_is_too_old_for_this_cupy(monkeypatch):
    fake_cupy.put_in_place(monkeypatch, driver=12040)
    text = asked()
    assert "built for CUDA 13.2, does not fit the NVIDIA driver, which goes up to CUDA 12.4" in text
    assert "install weft[cuda12] or a newer driver" in text


def test_there_is_no_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fake_cupy.put_in_place(monkeypatch, devices=0)
    assert asked().endswith("and the NVIDIA driver are installed, but there is no GPU")


def test_the_environment_hides_the_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    fake_cupy.put_in_place(monkeypatch, devices=0)
    assert asked().endswith("there is no GPU among CUDA_VISIBLE_DEVICES=''")


def test_the_gpu_does_not_answer(monkeypatch):
    error = fake_cupy.CUDARuntimeError(
        "cudaErrorDevicesUnavailable: CUDA-capable device(s) is busy"
    )
    fake_cupy.put_in_place(monkeypatch, error=error)
    assert "cannot reach the GPU: CUDARuntimeError: cudaErrorDevicesUnavailable" in asked()


@pytest.mark.parametrize(
    ("count", "there"), [(1, "is 1 GPU, cuda:0"), (2, "are 2 GPUs, cuda:0 to")]
)
def test_the_number_is_out_of_range(monkeypatch, count, there):
    fake_cupy.put_in_place(monkeypatch, devices=count)
    assert f"out of range, there {there}" in asked("cuda:7")


def test_everything_that_takes_a_device_tells_the_reason(monkeypatch):
    fake_cupy.put_in_place(monkeypatch, devices=0)
    for ask in (
        lambda: weft.zeros(1).cuda(),
        lambda: weft.zeros(1).to("cuda:0"),
        lambda: weft.tensor([1.0], device="cuda"),
        lambda: weft.randn(2, device="cuda"),
        lambda: weft.set_default_device("cuda"),
        lambda: weft.device("cuda").__enter__(),
        lambda: weft.nn.Linear(2, 2, device="cuda"),
        lambda: weft.nn.Linear(2, 2).to("cuda"),
        weft.cuda.current_device,
        weft.cuda.synchronize,
        weft.cuda.get_device_name,
    ):
        with pytest.raises(weft.DeviceError, match="there is no GPU"):
            ask()
    assert not weft.cuda.is_available()
    assert weft.cuda.device_count() == 0
    weft.cuda.empty_cache()  # nothing to do


def test_show_config_tells_the_reason(monkeypatch, capsys):
    fake_cupy.put_in_place(monkeypatch, driver=0)
    weft.show_config()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["GPU"].startswith("none: CuPy 14.2.0, built for CUDA 13.2, is installed, but")
    assert lines["CuPy"] == "14.2.0, built for CUDA 13.2"
    assert {"weft", "Python", "NumPy", "SciPy", "BLAS", "CPU", "threads"} <= set(lines)


def test_show_config_lists_the_gpus(fake_gpus, capsys):
    weft.show_config()
    out = capsys.readouterr().out
    assert "cuda:0" in out
    assert "Fake GPU 1, compute capability 9.0, 1.0 GiB" in out
    assert "\nGPU " not in out
