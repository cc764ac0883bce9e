"""Misuse of tensors: each message names what was required, what came and what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

import weft


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bool(weft.ones(2)), ValueError, r"shape \(2,\) is ambiguous; use .any"),
        (lambda: bool(weft.ones(0)), ValueError, r"shape \(0,\) is ambiguous"),
        (lambda: weft.ones(2).item(), ValueError, r"got shape \(2,\); use .tolist"),
        (lambda: float(weft.ones(2)), ValueError, r"float\(\): expected a tensor of one element"),
        (lambda: int(weft.ones(0)), ValueError, r"int\(\): expected a tensor of one element"),
        (lambda: iter(weft.tensor(1)), TypeError, "iteration over a 0-d tensor"),
        (lambda: len(weft.tensor(1)), TypeError, r"len\(\) of a 0-d tensor"),
        (lambda: [0, 1][weft.tensor(1.0)], TypeError, "only an integer tensor of one element"),
        (lambda: weft.ones(2).reqires_grad, AttributeError, "did you mean 'requires_grad'"),
        (lambda: weft.ones(2).shpae, AttributeError, "Tensor has no attribute 'shpae'; did you"),
        (lambda: weft.sofmax, AttributeError, "module 'weft' has no attribute 'sofmax'; did you"),
        (lambda: weft.nn.Linaer, AttributeError, "module 'weft.nn' has .* did you mean 'Linear'"),
        (lambda: weft.nn.functional.nll_loss(weft.ones(1, 3), weft.tensor([3])), IndexError,
         r"nll_loss: target must hold classes from 0 to 2 .*ignore_index \(-100\).*index 3"),
        (lambda: weft.FloatTensor, AttributeError, r"'FloatTensor'; weft\.tensor\(data, dtype="),
        (lambda: weft.ones(2, device="cdua"), ValueError, "got 'cdua'; did you mean 'cuda'"),
        (lambda: weft.device("cpu:x"), ValueError, "expected one of cpu, cuda, meta or 'cuda:N'"),
        (lambda: weft.sin("text"), TypeError, "sin: expected a weft.Tensor.*got str 'text'"),
        (lambda: weft.sin(1.0), TypeError, "sin: expected a weft.Tensor.*got float 1.0"),
        (lambda: weft.add(weft.ones(1), "text"), TypeError, "argument 2, got str 'text'"),
        (lambda: weft.ones(1) + "text", TypeError, "unsupported operand"),
        (lambda: "text" + weft.ones(1), TypeError, 'can only concatenate str|unsupported operand'),
        (lambda: weft.ones(1) @ [1.0], TypeError, "unsupported operand"),
        (lambda: weft.sum([1.0]), TypeError, r"sum: expected a weft.Tensor.*list \[1.0\]"),
        (lambda: weft.matmul(weft.ones(2), 3), TypeError, "matmul: expected a weft.Tensor"),
        (lambda: weft.tensor("text"), TypeError, "tensor: expected numbers, got str 'text'"),
        (lambda: weft.tensor([[1], [1, 2]]), ValueError, "ragged"),
        (lambda: weft.ones(2, 3) + weft.ones(4), ValueError, r"\(2, 3\) and \(4,\) do not broad"),
        (lambda: weft.ones(2, 3).sum(2), IndexError, "dim 2 is out of range .* expected -2 to 1"),
        (lambda: weft.ones(2, 3).sum("x"), TypeError, "sum: dim must be an int, got str 'x'"),
        (lambda: weft.ones(2).to("gpu"), ValueError, "got 'gpu'"),
        (lambda: weft.ones(2, device="meta").item(), RuntimeError, "has a shape and no data"),
        (lambda: weft.ones(2, device="meta").to("cpu"), RuntimeError, "no data to move"),
        (lambda: weft.ones(2, requires_grad=True).numpy(), RuntimeError, "call .detach"),
        (lambda: weft.tensor(2**63), (OverflowError, ValueError), "int64"),
        (lambda: weft.tensor([1, 2**70]), OverflowError, f"tensor: {2**70} fits no integer dtype"),
        (lambda: weft.tensor(300, dtype=weft.uint8), (OverflowError, ValueError), "uint8"),
        (lambda: setattr(weft.ones(2), "grad", weft.ones(3)), ValueError, r"\(2,\).*got \(3,\)"),
        (lambda: setattr(weft.ones(2), "grad", 1.0), TypeError, "expected a weft.Tensor or None"),
        (lambda: setattr(weft.ones(2), "anything", 1), AttributeError, "anything"),
        (lambda: weft.ones(2).view(3), ValueError, r"2 elements of shape .* do not fill"),
        (lambda: weft.arange(0, 5, 0), ValueError, "arange: step 0 does not lead from 0 to 5"),
    ],
)  # fmt: skip
def test_misuse_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_shape_and_dtype_errors_are_caught_as_pytorchs_and_as_pythons():
    for kind in (RuntimeError, ValueError, weft.ShapeError):
        with pytest.raises(kind):
            weft.ones(2) + weft.ones(3)
    for kind in (RuntimeError, TypeError, weft.DTypeError):
        with pytest.raises(kind):
            weft.mean(weft.arange(3))


def test_cuda_without_a_gpu_gives_one_sentence_that_says_why():
    # in a process of its own, where no GPU can be seen
    code = (
        "import sys; sys.modules['cupy'] = None\n"
        "import weft\n"
        "for call in (lambda: weft.ones(1, device='cuda'), lambda: weft.ones(1).to('cuda:1')):\n"
        "    try:\n        call()\n"
        "    except RuntimeError as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()  # one line each
    assert first.startswith("device cuda: ")
    assert second.startswith("device cuda:1: ")
    assert "GPU" in first
    assert "CuPy" in first


@pytest.mark.parametrize("name", ["zzzzqqq", "jit", "jvm"])
def test_the_nearest_name_is_not_invented(name):
    with pytest.raises(AttributeError) as caught:
        getattr(weft, name)
    assert "did you mean" not in str(caught.value)
    assert not hasattr(weft.ones(1), "__cuda_array_interface__")


def test_one_element_of_any_shape_reads_as_a_number():
    x = weft.tensor([[2]])
    assert (x.item(), int(x), float(x), bool(x)) == (2, 2, 2.0, True)
    assert ["a", "b", "c"][weft.tensor(2)] == "c"
    assert list(range(weft.tensor(3))) == [0, 1, 2]
    assert complex(weft.tensor(1j)) == 1j
    assert isinstance(weft.tensor(1.5, dtype=weft.bfloat16).item(), float)
    assert isinstance(weft.tensor(True).item(), bool)


def test_membership_compares_elements():
    assert 2 in weft.arange(3)
    assert 5 not in weft.arange(3)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("reshape", lambda: weft.reshape([1, 2], (2, 1))),
        ("mean", lambda: weft.mean([1.0, 2.0])),
        ("linear", lambda: weft.nn.functional.linear([1.0], weft.ones(1, 1))),
    ],
)
def test_a_composite_given_no_tensor_says_so_under_its_own_name(name, call):
    with pytest.raises(TypeError, match=rf"^{name}: expected a weft.Tensor as argument 1, got li"):
        call()
