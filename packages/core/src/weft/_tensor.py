"""Fills the tensor class: what is no op is written here, every op's method is its function."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from weft._backend import ndarray, np
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of, require
from weft._core.errors import DTypeError, GradError, did_you_mean
from weft._core.inplace import compute, inplace, write
from weft._core.modes import here
from weft._core.node import Leaf
from weft._core.tensor import Size, Tensor, extra_of, version_of, wrap
from weft.ops import arithmetic, casting, comparison, creation, indexing, shape
from weft.ops import complex as complex_parts
from weft.ops.families.elementwise import declining
from weft.ops.matmul import matmul
from weft.ops.random import normal_, uniform_
from weft.printing import text
from weft.transforms import tape

#: Elementwise functions that also come as in-place methods, ``x.add_(y)``.
IN_PLACE = [
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "abs",
    "sign",
    "reciprocal",
    "square",
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "relu",
    "floor",
    "ceil",
    "round",
    "trunc",
    "clamp",
    "masked_fill",
]


# --- what a tensor is --------------------------------------------------------------------------


def _shape(self: Tensor) -> Size:
    return Size(self._data.shape)


def _dtype(self: Tensor) -> dtypes.dtype:
    return dtypes.of(self._data.dtype)


def _ndim(self: Tensor) -> int:
    return len(self._data.shape)


def size(self: Tensor, dim: int | None = None) -> Any:
    """Return the shape, or the length of one dim."""
    return _shape(self) if dim is None else self._data.shape[dim]


def numel(self: Tensor) -> int:
    """Return the number of elements."""
    return _shape(self).numel()


def element_size(self: Tensor) -> int:
    """Return the bytes of one element."""
    return _dtype(self).itemsize


def stride(self: Tensor, dim: int | None = None) -> Any:
    """Return how many elements apart neighbours lie in memory, for each dim or one."""
    data = self._data
    if isinstance(data, ndarray):
        steps = tuple(s // data.itemsize for s in data.strides)
    else:
        steps = _contiguous_strides(tuple(data.shape))
    return steps if dim is None else steps[dim]


def _contiguous_strides(lengths: tuple[int, ...]) -> tuple[int, ...]:
    steps = []
    step = 1
    for length in reversed(lengths):
        steps.append(step)
        step *= max(length, 1)
    return tuple(reversed(steps))


def data_ptr(self: Tensor) -> int:
    """Return the address of the first element."""
    return int(_array(self, "data_ptr").ctypes.data)


def is_floating_point(self: Tensor) -> bool:
    """Whether the dtype is floating."""
    return _dtype(self).is_floating_point


def is_complex(self: Tensor) -> bool:
    """Whether the dtype is complex."""
    return _dtype(self).is_complex


# --- reading it from Python --------------------------------------------------------------------


def _array(self: Tensor, asked: str) -> Any:
    data = self._data
    if isinstance(data, Aval):
        raise RuntimeError(f"{asked}: a tensor on the meta device has a shape and no data")
    if isinstance(data, Boxed):
        raise RuntimeError(
            f"{asked}: inside a function transform a tensor stands for many values or for a value "
            f"and its tangent; its data cannot be read there"
        )
    return data


def numpy(self: Tensor) -> Any:
    """Return the memory as a NumPy array, shared.

    Raises:
        GradError: the tensor requires grad; call ``.detach()`` first.
    """
    if self._node is not None:
        raise GradError(
            "numpy: this tensor requires grad, which an array cannot record; call .detach().numpy()"
        )
    return _array(self, "numpy")


def item(self: Tensor) -> Any:
    """Return the one element as a Python number.

    Raises:
        ValueError: there is not exactly one.
    """
    data = _array(self, "item")
    if data.size != 1:
        raise ValueError(
            f"item: expected a tensor of one element, got shape {tuple(self.shape)}; use .tolist()"
        )
    value = data.item()
    return value if isinstance(value, (bool, int, float, complex)) else float(value)


def tolist(self: Tensor) -> Any:
    """Return the elements as nested lists of Python numbers; of a 0-d tensor, the number."""
    data = _array(self, "tolist")
    if self.dtype.name == "bfloat16":
        data = data.astype(np.float32)
    return data.tolist()


def _array_protocol(self: Tensor, dtype: Any = None, copy: Any = None) -> Any:
    return np.array(numpy(self), dtype=dtype, copy=copy)


def _float(self: Tensor) -> float:
    return float(_one(self, "float"))


def _int(self: Tensor) -> int:
    return int(_one(self, "int"))


def _complex(self: Tensor) -> complex:
    return complex(_one(self, "complex"))


def _one(self: Tensor, wanted: str) -> Any:
    if self.numel() != 1:
        raise ValueError(
            f"{wanted}(): expected a tensor of one element, got shape {tuple(self.shape)}"
        )
    return item(self)


def _bool(self: Tensor) -> bool:
    if self.numel() != 1:
        raise ValueError(
            f"the truth of a tensor of shape {tuple(self.shape)} is ambiguous; use .any() or .all()"
        )
    return bool(item(self))


def _index(self: Tensor) -> int:
    if self.numel() != 1 or self.dtype.category > 1:
        raise TypeError(
            f"only an integer tensor of one element can be an index, got {self.dtype} of shape "
            f"{tuple(self.shape)}"
        )
    return int(item(self))


def _len(self: Tensor) -> int:
    if not self._data.shape:
        raise TypeError("len() of a 0-d tensor")
    return int(self._data.shape[0])


def _iter(self: Tensor) -> Iterator[Tensor]:
    if not self._data.shape:
        raise TypeError("iteration over a 0-d tensor")
    return (indexing.getitem(self, i) for i in range(self._data.shape[0]))


def _contains(self: Tensor, value: Any) -> bool:
    return bool(comparison.eq(self, value).any())


def _format(self: Tensor, spec: str) -> str:
    return format(item(self), spec) if spec and not self._data.shape else str(self)


def _getattr(self: Tensor, name: str) -> Any:
    raise AttributeError(
        f"{type(self).__name__} has no attribute {name!r}{did_you_mean(name, dir(type(self)))}"
    )


# --- dtype and device --------------------------------------------------------------------------


def to(
    self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False
) -> Tensor:
    """Return the tensor with another dtype or on another device; itself if nothing changes.

    Args:
        args: a dtype, a device, or a tensor to be like, in PyTorch's order.
        dtype: the dtype wanted.
        device: the device wanted.
        copy: whether to copy in any case.

    Raises:
        RuntimeError: the device cannot be used, with the reason.
    """
    for value in args:
        if isinstance(value, Tensor):
            dtype, device = value.dtype, device_of(value)
        elif (
            isinstance(value, dtypes.dtype)
            or value in (bool, int, float, complex)
            or isinstance(value, np.dtype)
        ):
            dtype = value
        else:
            device = value
    out = self
    if device is not None and require(device) != device_of(self):
        out = _moved(self, require(device))
    if dtype is not None and dtypes.canonical(dtype) != out._data.dtype:
        return casting.convert(out, dtype=dtype)
    return casting.clone(out) if copy and out is self else out


def _moved(self: Tensor, place: Any) -> Tensor:
    if place.type == "meta":
        return wrap(Aval(tuple(self.shape), self._data.dtype))
    raise RuntimeError("to: a tensor on the meta device has no data to move")


def _to_dtype(wanted: dtypes.dtype) -> Callable[[Tensor], Tensor]:
    def method(self: Tensor) -> Tensor:
        return to(self, wanted)

    method.__doc__ = f"Return the tensor as {wanted}; itself if it is."
    return method


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the tensor in another's dtype."""
    return to(self, other.dtype)


def cpu(self: Tensor) -> Tensor:
    """Return the tensor on the CPU."""
    return to(self, device="cpu")


def _new(make: Any) -> Any:
    def method(self: Tensor, *args: Any, dtype: Any = None, device: Any = None) -> Tensor:
        return make(*args, dtype=dtype or self.dtype, device=device or device_of(self))

    method.__doc__ = f"As ``weft.{make.__name__}``, with this tensor's dtype and device."
    return method


# --- autograd ----------------------------------------------------------------------------------


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Ask, or ask no more, for this leaf's gradient; return self.

    Raises:
        GradError: it is not a leaf, or its dtype has no gradient.
    """
    if not requires_grad:
        if self._node is not None and not isinstance(self._node, Leaf):
            raise GradError(
                "requires_grad_(False): this tensor was computed by an op; use .detach()"
            )
        self._node = None
        return self
    if self.dtype.category < 2:
        raise GradError(
            f"requires_grad_: only floating and complex tensors have gradients, this one is "
            f"{self.dtype}"
        )
    if self._node is None:
        self._node = Leaf(weakref.ref(self))
    return self


def _requires_grad(self: Tensor) -> bool:
    return self._node is not None


def _set_requires_grad(self: Tensor, value: bool) -> None:
    requires_grad_(self, value)


def _is_leaf(self: Tensor) -> bool:
    return self._node is None or isinstance(self._node, Leaf)


def _grad(self: Tensor) -> Tensor | None:
    return None if self._extra is None else self._extra.grad


def _set_grad(self: Tensor, value: Tensor | None) -> None:
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(f"grad: expected a weft.Tensor or None, got {type(value).__name__}")
        if tuple(value.shape) != tuple(self.shape) or value.dtype is not self.dtype:
            raise ValueError(
                f"grad: expected shape {tuple(self.shape)} and {self.dtype}, got "
                f"{tuple(value.shape)} and {value.dtype}"
            )
    extra_of(self).grad = value


def _grad_fn(self: Tensor) -> Any:
    return None if isinstance(self._node, Leaf) else self._node


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to ``.grad`` of the leaves this tensor was computed from its gradients by them.

    Args:
        gradient: the cotangent, of this tensor's shape; may be None if it has one element.
        retain_graph: keep what nodes saved, for another backward.
        create_graph: record the backward pass, for gradients of gradients.
        inputs: the leaves to accumulate into; all if None.

    Raises:
        GradError: it needs no gradient, or its graph was freed.
    """
    if isinstance(inputs, Tensor):
        inputs = (inputs,)
    tape.backward(
        (self,), (gradient,), retain_graph=retain_graph, create_graph=create_graph, inputs=inputs
    )


class Handle:
    """Removes a hook: ``handle.remove()``."""

    __slots__ = ("_hook", "_hooks")

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Handle:
    """Call ``hook(gradient)`` when this tensor's gradient is known; a result replaces it.

    Raises:
        GradError: the tensor needs no gradient.
    """
    if self._node is None:
        raise GradError("register_hook: this tensor requires no gradient")
    if self._node.hooks is None:
        self._node.hooks = []
    self._node.hooks.append(hook)
    return Handle(self._node.hooks, hook)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> Handle:
    """Call ``hook(self)`` each time a backward pass has added to this leaf's ``.grad``.

    Raises:
        GradError: the tensor is not a leaf that requires grad.
    """
    if not isinstance(self._node, Leaf):
        raise GradError(
            "register_post_accumulate_grad_hook: only a leaf that requires grad accumulates a "
            "gradient; use register_hook"
        )
    extra = extra_of(self)
    if extra.post_accumulate is None:
        extra.post_accumulate = []
    extra.post_accumulate.append(hook)
    return Handle(extra.post_accumulate, hook)


def _imag(self: Tensor) -> Tensor:
    if not self.dtype.is_complex:
        raise DTypeError(f"imag: expected a complex tensor, got {self.dtype}")
    return complex_parts.real(self * -1j)  # type: ignore[no-any-return]  # a composite


def _retains_grad(self: Tensor) -> bool:
    return self._extra is not None and self._extra.retains_grad


def detach_(self: Tensor) -> Tensor:
    """Cut this tensor itself from its graph; return self.

    Raises:
        GradError: it is a view: its base would still be recorded.
    """
    if not _is_leaf(self) and self._version is not None and self._data.base is not None:
        raise GradError("detach_: a view cannot be detached in place; use detach()")
    self._node = None
    return self


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of a tensor that is not a leaf in its ``.grad`` too."""
    if self._node is None:
        raise GradError("retain_grad: this tensor requires no gradient")
    if _is_leaf(self) or extra_of(self).retains_grad:
        return
    extra_of(self).retains_grad = True
    me = weakref.ref(self)

    def keep(gradient: Tensor) -> None:
        tensor = me()
        if tensor is not None:
            held = extra_of(tensor).grad
            extra_of(tensor).grad = gradient if held is None else held + gradient

    register_hook(self, keep)


# --- writing -----------------------------------------------------------------------------------


def copy_(self: Tensor, src: Any) -> Tensor:
    """Write another tensor's elements into this one, broadcast and converted; return self."""
    value = src if isinstance(src, Tensor) else creation.tensor(src, dtype=self.dtype)
    if value.dtype is not self.dtype:
        value = to(value, self.dtype)
    if tuple(value.shape) != tuple(self.shape):
        value = value.expand(tuple(self.shape))
    return write(self, value, "copy_")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one number into every element; return self."""
    return copy_(self, value)


def zero_(self: Tensor) -> Tensor:
    """Write 0 into every element; return self."""
    return copy_(self, 0)


def _setitem(self: Tensor, key: Any, value: Any) -> None:
    given = value if isinstance(value, Tensor) else creation.tensor(value, dtype=self.dtype)
    given = to(given, self.dtype)
    recording = here.grad and (self._node is not None or given._node is not None)
    if recording or isinstance(self._data, (Aval, Boxed)):
        write(self, indexing.with_items(self, key, given), "__setitem__")
    else:  # nothing to record: only the region is written
        indexing.write_items(self, key, given)
        version_of(self).bump("__setitem__")


def _get_data(self: Tensor) -> Tensor:
    out = wrap(self._data)
    out._version = version_of(self)
    return out


def _set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"data: expected a weft.Tensor, got {type(value).__name__}")
    self._data = value._data
    self._version = value._version


# --- copies ------------------------------------------------------------------------------------


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Any:
    if id(self) in memo:
        return memo[id(self)]
    if not _is_leaf(self):
        raise GradError(
            "deepcopy: only leaves can be copied, this tensor was computed by an op; use "
            ".detach().clone()"
        )
    out = Tensor.__new__(type(self))
    data = self._data
    out._data = data if isinstance(data, Aval) else np.array(data, copy=True)
    out._node = out._version = out._extra = None
    memo[id(self)] = out
    if self._node is not None:
        requires_grad_(out)
    if self.grad is not None:
        out.grad = _deepcopy(self.grad, memo)
    return out


def _make_subclass(cls: type[Tensor], data: Tensor, requires_grad: bool = False) -> Tensor:
    """Return an instance of a subclass over a tensor's memory: a leaf, sharing its version."""
    out = Tensor.__new__(cls)
    out._data = data._data
    out._node = out._extra = None
    out._version = version_of(data)
    return requires_grad_(out) if requires_grad else out


def _rebuild(kind: type[Tensor], array: Any, requires_grad: bool) -> Tensor:
    out = Tensor.__new__(kind)
    out._data = array
    out._node = out._version = out._extra = None
    return requires_grad_(out) if requires_grad else out


def _reduce(self: Tensor, protocol: Any) -> Any:
    if not _is_leaf(self):
        raise GradError("pickle: only leaves can be pickled; use .detach()")
    return _rebuild, (type(self), _array(self, "pickle"), self._node is not None)


# --- reflected operators -----------------------------------------------------------------------


def _reflected(function: Any) -> Any:
    """Return the operator for a tensor on the right of something else."""

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, ndarray):
            other = wrap(other)
        if not isinstance(other, (Tensor, int, float, complex, np.generic)):
            return NotImplemented
        return function(other, self)

    return method


_OPERATORS = {
    "add": arithmetic.plus,
    "sub": arithmetic.minus,
    "mul": arithmetic.mul,
    "truediv": arithmetic.true_divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "pow": arithmetic.power,
    "matmul": matmul,
    "and": comparison.bitwise_and,
    "or": comparison.bitwise_or,
    "xor": comparison.bitwise_xor,
}
_COMPARISONS = {name: getattr(comparison, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}


def _matrix_transposed(self: Tensor) -> Tensor:
    return shape.transpose(self, -2, -1)


def _transposed(self: Tensor) -> Tensor:
    return shape.transposed(self, tuple(reversed(range(self.ndim))))


def _fill_class() -> None:
    """Put everything on the class: once, when this module is imported."""
    for entry in catalogue.public.values():
        for method in entry.methods:
            if not method.startswith("__"):
                setattr(Tensor, method, entry.function)
    for name in IN_PLACE:
        setattr(Tensor, f"{name}_", inplace(catalogue.public[name].function, f"{name}_"))
    for name, function in _OPERATORS.items():
        setattr(Tensor, f"__{name}__", declining(function))
        setattr(Tensor, f"__r{name}__", _reflected(function))
        setattr(Tensor, f"__i{name}__", _in_place_operator(function, f"__i{name}__"))
    for name, function in _COMPARISONS.items():
        setattr(Tensor, f"__{name}__", declining(function))
    plain: tuple[Callable[..., Any], ...] = (
        size, numel, element_size, stride, data_ptr, is_floating_point, is_complex,
        numpy, item, tolist, to, type_as, cpu, requires_grad_, backward, register_hook,
        register_post_accumulate_grad_hook, detach_,
        retain_grad, copy_, fill_, zero_, normal_, uniform_,
    )  # fmt: skip
    for function in plain:
        setattr(Tensor, function.__name__, function)
    dunders: dict[str, Any] = {
        "__array__": _array_protocol, "__float__": _float, "__int__": _int, "__bool__": _bool,
        "__complex__": _complex, "__index__": _index, "__len__": _len, "__iter__": _iter,
        "__contains__": _contains, "__format__": _format, "__getattr__": _getattr,
        "__getitem__": indexing.getitem, "__setitem__": _setitem, "__deepcopy__": _deepcopy,
        "__reduce_ex__": _reduce, "__repr__": text, "__str__": text, "__neg__": arithmetic.neg,
        "__abs__": arithmetic.abs, "__invert__": comparison.bitwise_not,
 "_make_subclass": classmethod(_make_subclass),
        "__hash__": object.__hash__, "dim": _ndim, "nelement": numel,
    }  # fmt: skip
    for name, function in dunders.items():
        setattr(Tensor, name, function)
    named = {
        "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16,
        "bfloat16": dtypes.bfloat16, "long": dtypes.int64, "int": dtypes.int32,
        "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
    }  # fmt: skip
    for name, wanted in named.items():
        setattr(Tensor, name, _to_dtype(wanted))
    for make in (creation.zeros, creation.ones, creation.empty, creation.full, creation.tensor):
        setattr(Tensor, f"new_{make.__name__}", _new(make))
    properties: dict[str, Any] = {
        "shape": _shape, "dtype": _dtype, "ndim": _ndim, "device": device_of, "is_leaf": _is_leaf,
        "retains_grad": _retains_grad, "real": complex_parts.real, "imag": _imag,
        "grad_fn": _grad_fn, "mT": _matrix_transposed, "T": _transposed,
        "itemsize": element_size, "nbytes": lambda self: numel(self) * element_size(self),
    }  # fmt: skip
    for name, function in properties.items():
        setattr(Tensor, name, property(function))
    writable: dict[str, tuple[Any, Any]] = {
        "requires_grad": (_requires_grad, _set_requires_grad),
        "grad": (_grad, _set_grad),
        "data": (_get_data, _set_data),
    }
    for name, (read, put) in writable.items():
        setattr(Tensor, name, property(read, put))


def _in_place_operator(function: Any, name: str) -> Any:
    run = declining(function)

    def method(self: Tensor, other: Any) -> Any:
        value = compute(run, name, self, (other,))
        return value if value is NotImplemented else write(self, value, name)

    return method


_fill_class()

__all__ = ["DTypeError", "Size", "Tensor", "here"]
