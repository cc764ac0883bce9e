"""The catalogue: every op record and every public function, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from weft._core.inplace import inplace as in_place_method
from weft._core.lazy import Method
from weft._core.op import Op
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor

WEFT = ("weft",)
FUNCTIONAL = ("weft.nn.functional",)
BOTH = ("weft", "weft.nn.functional")
LINALG = ("weft.linalg",)
FFT = ("weft.fft",)
SPECIAL = ("weft.special",)
WINDOWS = ("weft.signal.windows",)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Public:
    """A function that users call: an op's own wrapper, or a composite over other ops.

    Attributes:
        key: its name in the catalogue: the public name, with its namespace where that is another
            than ``weft`` and ``weft.nn.functional`` (``linalg.norm``).
        function: what is called.
        op: the record behind it; None for a composite, whose rules all follow from its body.
        samples: argument lists on which the generated tests run it.
        errors: argument lists that must raise.
        namespaces: where it is offered, such as ``"weft"`` or ``"weft.nn.functional"``.
        methods: the tensor methods that are this function.
        aliases: its other names, each as ``namespace.name``.
        inplace: whether it also has a form that writes into its tensor, ``add_``.
        out: whether it takes ``out=``.
        not_differentiable: why it has no gradient, or an empty string.
        random: whether each call draws anew, so that two calls cannot be compared.
    """

    key: str
    function: Callable[..., Any]
    op: Op | None
    samples: tuple[Sample, ...]
    errors: tuple[ErrorSample, ...]
    namespaces: tuple[str, ...]
    methods: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    inplace: bool = False
    out: bool = False
    not_differentiable: str = ""
    random: bool = False

    @property
    def name(self) -> str:
        """Its name within its namespace."""
        return str(self.function.__name__)

    @property
    def places(self) -> tuple[str, ...]:
        """Every name under which it is offered, as ``namespace.name``."""
        return (*(f"{space}.{self.name}" for space in self.namespaces), *self.aliases)

    @property
    def in_place_names(self) -> tuple[str, ...]:
        """The names of its forms that write into their tensor."""
        if not self.inplace:
            return ()
        names = (place.rpartition(".")[2] for place in self.places)
        return tuple(dict.fromkeys(f"{name}_" for name in (*names, *self.methods)))

    @property
    def family(self) -> str:
        return self.op.family if self.op is not None else "composite"

    @property
    def module(self) -> str:
        """The module that defines it: the one file to edit."""
        return str(self.function.__module__)


ops: dict[str, Op] = {}
public: dict[str, Public] = {}
#: The functions that write their result into their first argument, by name: ``add_``.
in_place: dict[str, Callable[..., Any]] = {}


def key_of(name: str, namespaces: tuple[str, ...]) -> str:
    """Return the name under which a function, and the op behind it, is entered."""
    space = namespaces[0] if namespaces else "weft"
    return name if space in BOTH else f"{space.removeprefix('weft.')}.{name}"


def takes_out(out: bool | None, namespaces: tuple[str, ...], *, otherwise: bool) -> bool:
    """Return whether a function takes ``out=``: what the author says, else what its family does."""
    if out is not None:
        return out
    return otherwise and bool(namespaces) and namespaces != FUNCTIONAL


def enter(
    function: Callable[..., Any],
    op: Op | None,
    *,
    source: Callable[..., Any],
    samples: Iterable[Sample],
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    inplace: bool = False,
    out: bool = False,
    not_differentiable: str = "",
    random: bool = False,
    key: str = "",
) -> Callable[..., Any]:
    """Enter a public function, with its op if it has one, and return it.

    Args:
        function: what users call.
        op: its record, or None for a composite.
        source: the function the author wrote; its name, docstring and module are taken over.
        samples: argument lists for the generated tests; at least one.
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function; by default the one of its own name.
        aliases: its other names: ``"absolute"`` in weft, and as a method where it has methods;
            ``"special.expit"`` in that namespace.
        inplace: whether it also has a form that writes into its tensor, as a function in its
            namespaces and as a method where it is one.
        out: whether it takes ``out=``.
        not_differentiable: why it has no gradient.
        random: whether each call draws anew.
        key: its name in the catalogue, where two namespaces have a function of the same name.
    """
    name = source.__name__
    key = key or key_of(name, namespaces)
    assert key not in public, f"{key} is defined twice"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = source.__doc__
    function.__module__ = source.__module__
    if op is not None:
        ops[op.name] = op
    chosen = (name,) if methods is None else tuple(methods)
    if methods is None and "weft" not in namespaces:
        chosen = ()
    if chosen:
        chosen += tuple(alias for alias in aliases if "." not in alias and alias not in chosen)
    public[key] = Public(
        key, function, op, tuple(samples), tuple(errors), namespaces, chosen,
        tuple(f"weft.{alias}" for alias in aliases), inplace, out, not_differentiable, random,
    )  # fmt: skip
    for method in chosen:
        _put_method(method, function)
    for form in public[key].in_place_names:
        reads = op is None or bool(op.saves)
        assert form not in in_place, f"{form} is defined twice"
        writing = in_place[form] = in_place_method(function, form, reads=reads)
        if form.removesuffix("_") in chosen:
            _put_method(form, writing)
    return function


def _put_method(name: str, function: Callable[..., Any]) -> None:
    """Make a function a tensor method, unless ``weft/_tensor`` has written that one by hand."""
    if isinstance(vars(Tensor).get(name), Method | None):
        setattr(Tensor, name, function)
