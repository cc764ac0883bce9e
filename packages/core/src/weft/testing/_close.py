"""``assert_close``: that two results agree, in structure, dtype, device and values."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import weft
from weft.testing import _difference
from weft.testing._difference import Tolerance

Message = str | Callable[[str], str] | None

#: Relative and absolute tolerance by dtype; integers, bool and 8-bit floats must be equal.
TOLERANCES = {
    weft.float16: Tolerance(1e-3, 1e-5),
    weft.bfloat16: Tolerance(1.6e-2, 1e-5),
    weft.float32: Tolerance(1.3e-6, 1e-5),
    weft.float64: Tolerance(1e-7, 1e-7),
    weft.complex64: Tolerance(1.3e-6, 1e-5),
    weft.complex128: Tolerance(1e-7, 1e-7),
}
_NUMBERS = {int: weft.int64, float: weft.float64, complex: weft.complex128}
_UNSIGNED = (weft.uint16, weft.uint32, weft.uint64)


class Options(NamedTuple):
    """The settings of :func:`assert_close`."""

    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_stride: bool


class Failure(Exception):
    """What differs and where; becomes the error that the user sees."""

    def __init__(self, kind: type[Exception], text: str, path: tuple[Any, ...] = ()) -> None:
        super().__init__(text)
        self.kind, self.text, self.path = kind, text, path

    def error(self, message: Message, others: Sequence[Failure] = ()) -> Exception:
        """Return the error, with the user's message in place of the text or around it."""
        if isinstance(message, str):
            return self.kind(message)
        text = self.text
        if self.path:
            text += f"\n  in item {_written(self.path)}"
        if others:
            places = ", ".join(_written(other.path) for other in others[:5])
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""
            text += f"\nOther items that differ: {places}{more}"
        return self.kind(message(text) if callable(message) else text)


class Pair(NamedTuple):
    """Two leaves to compare, where they are, and how."""

    actual: Any
    expected: Any
    path: tuple[Any, ...]
    compare: Callable[[Any, Any, Tolerance, Options], None]
    tolerance: Tolerance


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Assert that two results agree: |actual − expected| ≤ atol + rtol·|expected| everywhere.

    Results are tensors, numbers, bools, None, NumPy arrays, or sequences and mappings of such,
    nested as deep as you like; the kinds of sequence or mapping need not agree. Infinities agree
    with themselves only, and NaN with nothing unless ``equal_nan``. On the ``meta`` device, where
    there are no values, everything else is compared.

    Without ``rtol`` and ``atol`` both depend on the dtype, and are the larger where dtypes differ:
    1e-3 and 1e-5 for float16, 1.6e-2 and 1e-5 for bfloat16, 1.3e-6 and 1e-5 for float32 and
    complex64, 1e-7 and 1e-7 for float64, complex128, and Python's float and complex; 0 and 0 for
    all others.

    Args:
        actual: what was computed.
        expected: what it should be.
        allow_subclasses: whether a tensor may be compared with one of a subclass, such as
            ``weft.nn.Parameter``.
        rtol: relative tolerance; given together with ``atol`` or not at all.
        atol: absolute tolerance.
        equal_nan: whether NaN agrees with NaN.
        check_device: whether devices must agree; if not, both are compared on the CPU.
        check_dtype: whether dtypes must agree, and the types of Python numbers; if not, both are
            compared in the dtype they promote to.
        check_layout: whether layouts must agree, as they do: every tensor of weft is strided.
        check_stride: whether strides must agree.
        msg: what to say instead, or a function from the message to another.

    Raises:
        AssertionError: they differ; the message says how many elements do, where the difference is
            greatest, and which item of a nested result it is.
        ValueError: only one of ``rtol`` and ``atol`` is given.
        TypeError: the two are of types that cannot be compared, such as a tensor and an array.

    Source: PyTorch's ``torch.testing.assert_close``.

    Example:
        >>> weft.testing.assert_close(weft.tensor([1.0, 2.0]), weft.tensor([1.0, 2.00001]))
        >>> weft.testing.assert_close({"loss": 0.5}, {"loss": 0.5 + 1e-9})
    """
    __tracebackhide__ = True  # pytest shows the line that called this

    options = Options(
        allow_subclasses,
        rtol,
        atol,
        equal_nan,
        check_device,
        check_dtype,
        check_stride,
    )
    failures = []
    try:
        # all of the structure before any values, so that what cannot be compared is told of first
        pairs = list(_pairs(actual, expected, (), options))
    except Failure as failure:
        raise failure.error(msg) from None
    for pair in pairs:
        try:
            pair.compare(pair.actual, pair.expected, pair.tolerance, options)
        except Failure as failure:
            failure.path = pair.path
            failures.append(failure)
    if failures:
        raise failures[0].error(msg, failures[1:])


def _pairs(actual: Any, expected: Any, path: tuple[Any, ...], options: Options) -> Iterator[Pair]:
    """Yield the pairs of leaves of two nested results."""
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            raise Failure(
                AssertionError,
                f"assert_close: actual is a sequence of {len(actual)} items, expected one "
                f"of {len(expected)}",
                path,
            )
        for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
            yield from _pairs(a, b, (*path, i), options)
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if set(actual) != set(expected):
            missing = [key for key in expected if key not in actual]
            more = [key for key in actual if key not in expected]
            raise Failure(
                AssertionError,
                f"assert_close: the mappings differ in their keys: actual lacks {missing} and has "
                f"{more}, which expected lacks",
                path,
            )
        for key in expected:
            yield from _pairs(actual[key], expected[key], (*path, key), options)
    else:
        yield _leaf(actual, expected, path, options)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _leaf(actual: Any, expected: Any, path: tuple[Any, ...], options: Options) -> Pair:
    exact = Tolerance(0.0, 0.0)
    if actual is None or expected is None:
        return Pair(actual, expected, path, _compare_none, exact)
    if not isinstance(actual, weft.Tensor):
        plain = [_difference.plain_number(value) for value in (actual, expected)]
        if all(type(value) is bool for value in plain):
            return Pair(plain[0], plain[1], path, _compare_bools, exact)
        if all(type(value) in _NUMBERS for value in plain):
            dtypes = [_NUMBERS[type(value)] for value in plain]
            tolerance = _tolerance(dtypes, path, options)
            return Pair(plain[0], plain[1], path, _compare_numbers, tolerance)
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if related and (options.allow_subclasses or type(actual) is type(expected)):
        a, b = _as_tensor(actual), _as_tensor(expected)
        if a is not None and b is not None:
            tolerance = _tolerance([a.dtype, b.dtype], path, options)
            return Pair(a, b, path, _compare_tensors, tolerance)
    raise Failure(
        TypeError,
        f"assert_close: a {_type_name(actual)} cannot be compared with a {_type_name(expected)}; "
        f"both must be tensors, numbers, bools, None, arrays of one library, or sequences or "
        f"mappings of them",
        path,
    )


def _as_tensor(value: Any) -> weft.Tensor | None:
    if isinstance(value, weft.Tensor):
        return value.detach()
    try:
        return weft.as_tensor(value)
    except Exception:  # whatever the reason, it is nothing that can be compared as a tensor
        return None


def _tolerance(dtypes: Sequence[weft.dtype], path: tuple[Any, ...], options: Options) -> Tolerance:
    rtol, atol = options.rtol, options.atol
    if rtol is not None and atol is not None:
        return Tolerance(rtol, atol)
    if rtol is not None or atol is not None:
        given, missing = ("rtol", "atol") if atol is None else ("atol", "rtol")
        raise Failure(
            ValueError,
            f"assert_close: rtol and atol must be given together, since the default of one would "
            f"hide what the other refuses; got {given}={rtol if atol is None else atol} and no "
            f"{missing}",
            path,
        )
    known = [TOLERANCES.get(dtype, Tolerance(0.0, 0.0)) for dtype in dtypes]
    return Tolerance(max(one.rtol for one in known), max(one.atol for one in known))


def _compare_none(actual: Any, expected: Any, tolerance: Tolerance, options: Options) -> None:
    if actual is not expected:
        raise Failure(AssertionError, f"assert_close: got {actual} where {expected} was expected")


def _compare_bools(actual: Any, expected: Any, tolerance: Tolerance, options: Options) -> None:
    if actual is not expected:
        raise Failure(AssertionError, f"assert_close: got {actual} where {expected} was expected")


def _compare_numbers(actual: Any, expected: Any, tolerance: Tolerance, options: Options) -> None:
    if options.check_dtype and type(actual) is not type(expected):
        raise Failure(
            AssertionError,
            f"assert_close: the numbers are of two types: actual is {type(actual).__name__} "
            f"{actual}, expected is {type(expected).__name__} {expected}; pass check_dtype=False "
            f"to compare their values alone",
        )
    if actual == expected:
        return
    if options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected):
        return
    apart = abs(actual - expected)
    if cmath.isfinite(apart) and apart <= tolerance.atol + tolerance.rtol * abs(expected):
        return
    raise Failure(AssertionError, _difference.of_scalars(actual, expected, tolerance))


def _compare_tensors(
    actual: weft.Tensor, expected: weft.Tensor, tolerance: Tolerance, options: Options
) -> None:
    _compare_attribute("shape", tuple(actual.shape), tuple(expected.shape))
    if options.check_stride:
        _compare_attribute("stride()", actual.stride(), expected.stride(), "check_stride")
    if options.check_device:
        _compare_attribute("device", actual.device, expected.device, "check_device")
    if options.check_dtype:
        _compare_attribute("dtype", actual.dtype, expected.dtype, "check_dtype")
    if "meta" in (actual.device.type, expected.device.type):
        return
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype is not expected.dtype:
        # no dtype holds all of uint64 and of a signed one; tests hardly have numbers that large
        dtypes = [weft.int64 if x.dtype in _UNSIGNED else x.dtype for x in (actual, expected)]
        common = weft.promote_types(*dtypes)
        actual, expected = actual.to(common), expected.to(common)
    is_tiny = actual.dtype.is_floating_point and actual.dtype.itemsize == 1
    if is_tiny and tolerance != (0, 0):
        raise Failure(
            AssertionError,
            f"assert_close: {actual.dtype} is compared bit by bit, which takes rtol=0 and atol=0, "
            f"got rtol={tolerance.rtol} and atol={tolerance.atol}; convert both to float32 first",
        )
    text = _difference.of_tensors(actual, expected, tolerance, options.equal_nan)
    if text is not None:
        raise Failure(AssertionError, text)


def _compare_attribute(name: str, actual: Any, expected: Any, flag: str | None = None) -> None:
    if actual != expected:
        advice = f"; pass {flag}=False not to compare it" if flag else ""
        raise Failure(
            AssertionError,
            f"assert_close: the tensors differ in {name}: actual has {actual}, expected has "
            f"{expected}{advice}",
        )


def _written(path: tuple[Any, ...]) -> str:
    return "".join(f"[{step!r}]" for step in path)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
