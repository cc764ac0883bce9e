"""Fourier transforms by their theorems, their settings and their refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft

fft = weft.fft
RNG = np.random.default_rng(3)


def real(*shape: int, dtype: object = np.float64) -> weft.Tensor:
    return weft.from_numpy(np.asarray(RNG.standard_normal(shape)).astype(dtype))


def numbers(*shape: int) -> weft.Tensor:
    data = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
    return weft.from_numpy(np.asarray(data))


def near(got: weft.Tensor, expected: weft.Tensor, atol: float = 1e-12) -> None:
    assert got.dtype is expected.dtype
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), atol=atol)


NORMS = (None, "backward", "forward", "ortho")


# --- theorems ----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [1, 2, 5, 8, 30])
def test_every_transform_is_undone_by_its_inverse(n, norm):
    x = real(3, n)
    z = numbers(3, n)
    near(fft.ifft(fft.fft(z, norm=norm), norm=norm), z)
    near(fft.irfft(fft.rfft(x, norm=norm), n, norm=norm), x)
    near(fft.hfft(fft.ihfft(x, norm=norm), n, norm=norm), x)


@pytest.mark.parametrize("norm", NORMS)
def test_several_dims_are_undone_too(norm):
    x, z = real(4, 5, 3), numbers(4, 5, 3)
    near(fft.ifftn(fft.fftn(z, norm=norm), norm=norm), z)
    near(fft.ifft2(fft.fft2(z, norm=norm), norm=norm), z)
    near(fft.irfftn(fft.rfftn(x, norm=norm), x.shape, norm=norm), x)
    near(fft.irfft2(fft.rfft2(x, norm=norm), (5, 3), norm=norm), x)
    near(fft.hfftn(fft.ihfftn(x, norm=norm), x.shape, norm=norm), x)
    near(fft.hfft2(fft.ihfft2(x, norm=norm), (5, 3), norm=norm), x)


def test_the_definition():
    z = numbers(6)
    k = np.arange(6)
    matrix = np.exp(-2j * math.pi * np.outer(k, k) / 6)
    near(fft.fft(z), weft.from_numpy(matrix @ z.numpy()))
    near(fft.ifft(z), weft.from_numpy(matrix.conj() @ z.numpy() / 6))


def test_a_one_sided_spectrum_is_the_start_of_the_whole_one():
    for n in (6, 7):
        x = real(2, n)
        near(fft.rfft(x), fft.fft(x)[:, : n // 2 + 1])
        near(fft.rfft2(x), fft.fft2(x)[:, : n // 2 + 1])
        near(fft.ihfft(x), fft.ifft(x)[:, : n // 2 + 1])


def test_parsevals_theorem():
    z = numbers(3, 16)
    power = fft.fft(z, norm="ortho").abs().square().sum()
    assert power.item() == pytest.approx(z.abs().square().sum().item())


def test_convolution_becomes_a_product():
    x, kernel = real(12), real(5)
    product = fft.rfft(x, 16) * fft.rfft(kernel, 16)
    expected = weft.from_numpy(np.convolve(x.numpy(), kernel.numpy()))
    near(fft.irfft(product, 16), expected)


def test_transforms_of_several_dims_are_transforms_of_one_after_another():
    z = numbers(3, 4, 5)
    near(fft.fftn(z, dim=(0, 2)), fft.fft(fft.fft(z, dim=0), dim=2))
    near(fft.irfftn(z, (3, 8), dim=(0, 1)), fft.irfft(fft.ifft(z, dim=0), 8, dim=1))
    near(fft.hfftn(z, (3, 8), dim=(0, 1)), fft.hfft(fft.fft(z, dim=0), 8, dim=1))


# --- lengths, dims and dtypes ------------------------------------------------------------------


def test_a_length_cuts_or_fills_up_with_zeros():
    z = numbers(5)
    near(fft.fft(z, 3), fft.fft(z[:3]))
    padded = weft.cat([z, weft.zeros(3, dtype=z.dtype)])
    near(fft.fft(z, 8), fft.fft(padded))


def test_minus_one_keeps_a_dims_own_length():
    z = numbers(4, 3)
    near(fft.fftn(z, (-1, 5)), fft.fftn(z, (4, 5)))
    near(fft.irfftn(z, (-1, -1)), fft.irfftn(z, (4, 4)))
    with pytest.raises(ValueError, match="got -1"):
        fft.fft(z, -1)


def test_with_lengths_alone_the_last_dims_are_meant():
    z = numbers(4, 3)
    near(fft.fftn(z, (2,)), fft.fft(z, 2))
    with pytest.raises(ValueError, match="has 3 lengths, but input has 2 dims"):
        fft.fftn(z, (2, 2, 2))


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (weft.bool, weft.complex64),
        (weft.int64, weft.complex64),
        (weft.float16, weft.complex64),
        (weft.bfloat16, weft.complex64),
        (weft.float32, weft.complex64),
        (weft.float64, weft.complex128),
    ],
)
def test_the_precision_is_the_arguments_but_at_least_single(given, made):
    x = weft.ones(4).to(given)
    assert fft.fft(x).dtype is made
    assert fft.rfft(x).dtype is made
    assert fft.ihfft(x).dtype is made
    back = weft.float64 if made is weft.complex128 else weft.float32
    assert fft.irfft(x.to(made)).dtype is back
    assert fft.irfft(x).dtype is back
    assert fft.hfft(x).dtype is back
    assert fft.fftn(x.reshape(2, 2), dim=()).dtype is made


def test_an_empty_batch_has_an_empty_spectrum():
    assert fft.fft(weft.zeros(0, 4)).shape == (0, 4)
    assert fft.rfft(weft.zeros(0, 4)).shape == (0, 3)
    assert fft.irfft2(weft.zeros(0, 4, 3, dtype=weft.complex64)).shape == (0, 4, 4)


def test_no_dims_leave_a_tensor_as_it_is():
    near(fft.fftn(weft.tensor(2.0)), weft.tensor(2 + 0j))
    with pytest.raises(IndexError, match="0-d"):
        fft.fft(weft.tensor(2.0))
    with pytest.raises(ValueError, match="at least one dim"):
        fft.rfftn(weft.tensor(2.0))


def test_wrong_settings_say_what_was_asked():
    x = real(3, 4)
    with pytest.raises(TypeError, match="must be an int, got float"):
        fft.fft(x, 2.5)
    with pytest.raises(TypeError, match="dim must be an int"):
        fft.fft(x, None, (0, 1))
    with pytest.raises(ValueError, match="at least 1 point per dim, got 0"):
        fft.irfft(weft.ones(1))
    with pytest.raises(weft.DTypeError, match=r"rfft2: expected a real tensor.*complex128"):
        fft.rfft2(numbers(2, 2))


# --- derivatives -------------------------------------------------------------------------------


def test_the_gradient_of_a_real_signal_is_real_and_keeps_its_dtype():
    for dtype in (weft.float16, weft.float32, weft.float64):
        x = weft.ones(6).to(dtype).requires_grad_()
        fft.fft(x).abs().sum().backward()
        assert x.grad.dtype is dtype


def test_parts_that_a_real_signal_cannot_have_get_no_gradient():
    z = numbers(4).requires_grad_()
    weights = real(6)
    (fft.irfft(z) * weights).sum().backward()
    assert z.grad.imag[0].item() == 0
    assert z.grad.imag[-1].item() == 0  # the half frequency of an even length
    assert z.grad.imag[1].item() != 0


def test_a_power_spectrum_under_vmap_and_twice_differentiated():
    x = real(3, 8)

    def power(signal: weft.Tensor) -> weft.Tensor:
        return fft.rfft(signal).abs().square()[1:3].sum()

    together = weft.func.vmap(weft.func.grad(power))(x)
    for i in range(3):
        near(together[i], weft.func.grad(power)(x[i]))
    direction, other = real(8), real(8)

    def along(signal: weft.Tensor, way: weft.Tensor) -> weft.Tensor:
        return (weft.func.grad(power)(signal) * way).sum()

    one = weft.func.grad(lambda signal: along(signal, direction))(x[0])
    two = weft.func.grad(lambda signal: along(signal, other))(x[0])
    near((one * other).sum(), (two * direction).sum())


# --- grids -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_are_numpys(n):
    for d in (1.0, 0.125):
        own = {"dtype": weft.float64}
        near(fft.fftfreq(n, d, **own), weft.from_numpy(np.fft.fftfreq(n, d)))
        near(fft.rfftfreq(n, d, **own), weft.from_numpy(np.fft.rfftfreq(n, d)))


def test_frequencies_take_a_dtype_a_device_and_a_gradient():
    assert fft.fftfreq(4).dtype is weft.float32
    assert fft.fftfreq(0).shape == (0,)
    assert fft.rfftfreq(4, device="meta").device.type == "meta"
    assert fft.fftfreq(4, requires_grad=True).requires_grad
    infinite = fft.fftfreq(3, 0.0).tolist()
    assert math.isnan(infinite[0])
    assert infinite[1:] == [math.inf, -math.inf]


def test_shifts_order_frequencies_and_undo_each_other():
    for n in (5, 6):
        ascending = fft.fftshift(fft.fftfreq(n))
        assert bool((ascending[1:] > ascending[:-1]).all())
        x = real(n, n + 1)
        near(fft.ifftshift(fft.fftshift(x)), x)
        near(fft.ifftshift(fft.fftshift(x, 1), 1), x)
    assert fft.fftshift(weft.tensor(1.0)).item() == 1
