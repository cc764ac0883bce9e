"""How elementwise functions are called: operands promoted, and a short path for plain floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import asarray, ndarray, np
from weft._backend.libraries import by_array
from weft._backend.numpy_ import restore, silence
from weft._core import dtypes
from weft._core.device import device_of, placed
from weft._core.dispatch import apply, apply_one, explain, finish, record_one, record_two
from weft._core.errors import DeviceError
from weft._core.inference import born
from weft._core.kernels import as_array, bare
from weft._core.modes import flags, here
from weft._core.op import Op
from weft._core.out import into
from weft._core.rank import guard
from weft._core.tensor import Tensor, wrap
from weft._core.watching import short_path
from weft.ops.families.compiled import Compiled, spread

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
# What the short path takes. Both are None while it is closed.
_SHORT32, _SHORT64 = _F32, _F64
short_path(globals(), "_SHORT32", "_SHORT64")
_SCALARS = frozenset({bool, int, float, complex})
_OPERANDS = (Tensor, int, float, complex, np.generic)
_NONE: dict[str, Any] = {}  # the settings of ops that have none; never written to
_new = Tensor.__new__


def promoting(
    op: Op,
    name: str,
    computed: Callable[..., Any],
    exempt: frozenset[int],
    numbers: bool,
    alone: bool,
    compiled: Compiled,
) -> Callable[..., Any]:
    """Return ``run(args, params)``: promote the arguments to one dtype, then dispatch."""

    def run(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if len(args) == 1 and type(args[0]) is Tensor:  # nothing beside it to promote
            input = args[0]
            x = input._data
            if x.dtype is _SHORT32 or x.dtype is _SHORT64:
                data = compiled.beside(x, params) if params and type(x) is ndarray else None
                if data is None:
                    return apply_one(op, input, params)
                record = input._node is not None and op.records and (not flags.any or here.grad)
                return finish(op, args, params, data, record)
        args = tuple(
            a.item() if isinstance(a, np.generic) else a for a in args
        )  # a NumPy scalar counts as the Python number it is
        for i, a in enumerate(args):
            if a is not None and not isinstance(a, Tensor) and type(a) not in _SCALARS:
                return _refuse(name, args, i, alone)
        tensors = [a for a in args if isinstance(a, Tensor)]
        if not tensors:
            if not alone:
                return _refuse(name, args, 0, alone)
            dtype = computed(args).numpy
            return run(tuple(wrap(asarray(a).astype(dtype)) for a in args), params)
        if flags.rank:
            guard(name, args)
        compute = computed(args)
        integral = compute.category < 2
        ready = []
        for i, a in enumerate(args):
            if i in exempt:
                pass
            elif isinstance(a, Tensor):
                if a._data.dtype is not compute.numpy and a._data.dtype != compute.numpy:
                    a = _convert(a, compute)
            elif a is not None and (integral or not numbers):
                number = asarray(a).astype(compute.numpy)  # wraps round, as in C and PyTorch
                a = wrap(placed(number, device_of(tensors[0])) if by_array else number)
            ready.append(a)
        try:
            return apply(op, tuple(ready), params)
        except DeviceError:  # a 0-d tensor on the CPU goes with those of any device
            from weft.ops.transfer import together

            gathered = together(tuple(ready))
            if gathered is None:
                raise
            return apply(op, gathered, params)

    return run


def or_decline(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``run`` for an operator's second operand: NotImplemented for one it does not know."""

    def checked(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        x, other = args
        if isinstance(other, ndarray):
            other = wrap(other)
        return run((x, other), params) if isinstance(other, _OPERANDS) else NotImplemented

    return checked


def _convert(x: Tensor, dtype: dtypes.dtype) -> Tensor:
    from weft.ops.casting import convert

    return convert(x, dtype=dtype)


def _refuse(name: str, args: tuple[Any, ...], position: int, alone: bool) -> Any:
    bad = args[position]
    text = repr(bad)
    raise TypeError(
        f"{name}: expected a weft.Tensor or a number as argument {position + 1}, got "
        f"{type(bad).__name__} {text if len(text) < 60 else text[:57] + '...'}; "
        f"{'' if alone else 'at least one must be a tensor; '}make one with weft.tensor(...)"
    )


def unary(op: Op, formula: Any, compiled: Compiled, run: Any) -> Callable[..., Any]:
    """Return the function of one array, with a short path for plain float32 and float64."""
    on_32: Any = None
    on_64: Any = None
    records = op.records
    least = compiled.least

    def call(input: Any, *, out: Any = None) -> Any:
        nonlocal on_32, on_64
        if out is not None:
            return into(op.called, out, run((input,), _NONE))
        try:
            x = input._data
            dtype = x.dtype
        except AttributeError:
            return run((input,), _NONE)
        if (dtype is not _SHORT32 and dtype is not _SHORT64) or type(x) is not ndarray:
            return run((input,), _NONE)
        if on_32 is None:
            on_32, on_64 = (bare(formula, 1, d) for d in (_F32, _F64))
        data = compiled.one(x) if x.size >= least else None
        if data is None:
            before = silence()
            try:
                data = on_32(x) if dtype is _F32 else on_64(x)
            finally:
                restore(before)
        result = _new(Tensor)
        result._data = data if type(data) is ndarray else as_array(data)
        result._node = result._version = result._extra = None
        if flags.inference:
            born(result)
        if records and input._node is not None and (not flags.any or here.grad):
            record_one(op, input, _NONE, result)
        return result

    return call


def binary(op: Op, formula: Any, compiled: Compiled, run: Any) -> Callable[..., Any]:
    """Return the function of two arrays, with a short path for plain float32 and float64.

    A Python float or int beside such an array takes it too: it changes no floating dtype.
    """
    kernel: Any = None
    records = op.records
    least = compiled.least

    def call(input: Any, other: Any, *, out: Any = None) -> Any:
        nonlocal kernel
        if out is not None:
            return into(op.called, out, run((input, other), _NONE))
        try:
            x = input._data
            dtype = x.dtype
        except AttributeError:
            return run((input, other), _NONE)
        if (dtype is not _SHORT32 and dtype is not _SHORT64) or type(x) is not ndarray:
            return run((input, other), _NONE)
        kind = type(other)
        if kind is float or kind is int:
            y = other
            record = input._node is not None
        else:
            try:
                y = other._data
                if y.dtype is not dtype or type(y) is not ndarray or flags.rank:
                    return run((input, other), _NONE)
            except AttributeError:
                return run((input, other), _NONE)
            record = input._node is not None or other._node is not None
        if kernel is None:
            kernel = bare(formula, 2, None)
        data = None
        if x.size >= least or (
            kind is not float
            and kind is not int
            and (y.size >= least or ((1 in x.shape or x.ndim < y.ndim) and spread(x, y) >= least))
        ):
            try:
                data = compiled(x, y)
            except ValueError as error:
                raise explain(op, [x, y], _NONE, error) from None
        if data is None:
            before = silence()
            try:
                data = kernel(x, y)
            except ValueError as error:
                raise explain(op, [x, y], _NONE, error) from None
            except OverflowError:  # an int beyond what the dtype holds
                return run((input, float(other)), _NONE)
            finally:
                restore(before)
        result = _new(Tensor)
        result._data = data if type(data) is ndarray else as_array(data)
        result._node = result._version = result._extra = None
        if flags.inference:
            born(result)
        if record and records and (not flags.any or here.grad):
            record_two(op, input, other, result)
        return result

    return call


def declining(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the operator of a function of two: foreign operands get their own say.

    For an elementwise op the short path is in the operator itself, not behind one more call.
    """
    made: Callable[..., Any] | None = getattr(function, "operator", None)
    if made is not None:
        return made
    checked = or_decline(lambda args, params: function(*args))

    def operator(self: Any, other: Any) -> Any:
        return checked((self, other), _NONE)

    return operator
