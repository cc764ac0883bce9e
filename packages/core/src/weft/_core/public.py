"""Builds the function users call for an op: PyTorch's argument names, canonical settings.

The source of each distinct signature is compiled once and shared by all ops that have it, each
with globals of its own. It is registered with ``linecache``, so debuggers and tracebacks show it.
"""

from __future__ import annotations

import functools
import linecache
import re
import types
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft._backend import np
from weft._core.out import into

#: Kernels and rules say x and y; users read PyTorch's names.
PUBLIC_NAMES = {"x": "input", "y": "other", "xs": "tensors"}
#: NumPy's spellings, taken wherever PyTorch's are.
NUMPY_SPELLINGS = {"dim": "axis", "keepdim": "keepdims"}
#: NumPy's numbers; a setting that is one counts as the Python number it is, as in PyTorch.
_NUMPY_NUMBERS = frozenset(np.dtype(code).type for code in np.typecodes["AllInteger"] + "?efdFD")


class _Unset:
    """The default of NumPy's spellings, told apart from an explicit None."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET = _Unset()


def kernel_signature(kernel: Callable[..., Any]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return the kernel's array names, the name of its variadic arrays or "", and its settings."""
    code = kernel.__code__
    names = code.co_varnames
    arrays = names[1 : code.co_argcount]
    settings = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    variadic = ""
    if code.co_flags & 0x04:  # the kernel takes *arrays
        variadic = names[code.co_argcount + code.co_kwonlyargcount]
    return arrays, variadic, settings


def build(
    name: str,
    kernel: Callable[..., Any],
    run: Callable[..., Any],
    *,
    canonical: Callable[..., dict[str, Any]] | None = None,
    keyword_only: Sequence[str] = ("dtype",),
    numpy_spellings: bool = True,
    unpacked: bool = False,
    out: bool = False,
) -> Callable[..., Any]:
    """Return the public function of an op.

    Args:
        name: its name.
        kernel: whose parameters after ``xp`` become the function's.
        run: ``run(arrays, params)``, which the function ends in.
        canonical: ``canonical(*arrays, **settings)``, the canonical settings; None keeps them.
        keyword_only: settings that cannot be passed by position.
        unpacked: whether ``run`` takes the one array itself rather than a tuple of them.
        numpy_spellings: whether to take ``axis`` for ``dim`` and ``keepdims`` for ``keepdim``.
        out: whether to take ``out=``.
    """
    arrays, variadic, settings = kernel_signature(kernel)
    defaults = kernel.__kwdefaults__ or {}
    array_defaults = kernel.__defaults__ or ()
    optional = arrays[len(arrays) - len(array_defaults) :]
    shown = [PUBLIC_NAMES.get(a, a) for a in arrays]
    parameters = [
        f"{PUBLIC_NAMES.get(a, a)}=None" if a in optional else PUBLIC_NAMES.get(a, a)
        for a in arrays
    ]
    if variadic:
        shown = [PUBLIC_NAMES.get(variadic, variadic)]
        parameters = list(shown)
    late = [s for s in settings if s in keyword_only]
    for setting in [s for s in settings if s not in keyword_only]:
        parameters.append(f"{setting}=_default_{setting}" if setting in defaults else setting)
    renamed = [s for s in settings if s in NUMPY_SPELLINGS and numpy_spellings]
    if late or renamed or out:
        parameters.append("*")
    parameters += [f"{s}=_default_{s}" if s in defaults else s for s in late]
    parameters += ["out=None"] if out else []
    parameters += [f"{NUMPY_SPELLINGS[s]}=_unset" for s in renamed]
    # A setting PyTorch requires may come under NumPy's name, so it needs a default of its own.
    for setting in renamed:
        if setting not in defaults:
            parameters[parameters.index(setting)] = f"{setting}=_unset"
    lines = [f"def call({', '.join(parameters)}):"]
    for setting in renamed:
        lines += _spelling(setting)
        if setting not in defaults:
            lines += [
                f"    if {setting} is _unset:",
                f"        raise TypeError(f'{{_name}}() needs the argument {setting}')",
            ]
    lines += _as_python(
        [s for s in settings if s != "dtype" and not isinstance(defaults.get(s), bool)]
    )
    packed = f"tuple({shown[0]})" if variadic else f"({', '.join(shown)},)"
    packed = shown[0] if unpacked else packed
    if canonical is None:
        params = "{" + ", ".join(f"'{s}': {s}" for s in settings) + "}"
    else:
        given = ", ".join([*shown, *(f"{s}={s}" for s in settings)])
        params = f"_canonical({given})"
    result = f"_run({packed}, {params})"
    if out:
        lines += ["    if out is not None:", f"        return _into(_name, out, {result})"]
    lines.append(f"    return {result}")
    scope: dict[str, Any] = {
        "_canonical": canonical,
        "_into": into,
        "_name": name,
        "_numpy": _NUMPY_NUMBERS,
        "_run": run,
        "_unset": UNSET,
        **{f"_default_{setting}": default for setting, default in defaults.items()},
    }
    return _function("\n".join(lines) + "\n", name, scope)


def _spelling(setting: str) -> list[str]:
    """Return the lines that take NumPy's spelling of a setting."""
    return [
        f"    if {NUMPY_SPELLINGS[setting]} is not _unset:",
        f"        {setting} = {NUMPY_SPELLINGS[setting]}",
    ]


def _as_python(settings: Iterable[str]) -> list[str]:
    """Return the lines that make Python's number of NumPy's."""
    return [
        line
        for setting in settings
        for line in (
            f"    if type({setting}) in _numpy:",
            f"        {setting} = {setting}.item()",
        )
    ]


def guarded(
    body: Callable[..., Any],
    explain: Callable[..., Exception | None],
    *,
    name: str,
    out: bool = False,
) -> Any:
    """Return a composite with what every public function has around its author's body.

    That is NumPy's spellings of ``dim`` and ``keepdim``, ``out=``, and an error that says who asked
    when an argument is no tensor.

    Args:
        body: the composite, which reads attributes of its arguments.
        explain: ``explain(name, arguments)``, a better error than the one raised, or None.
        name: the function's name, for messages.
        out: whether to take ``out=``.
    """
    code = body.__code__
    names = code.co_varnames
    plain = names[: code.co_argcount]
    late = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    starred = names[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & 0x04 else ""
    optional = plain[len(plain) - len(body.__defaults__ or ()) :]
    defaults = {**dict(zip(optional, body.__defaults__ or (), strict=True))}
    defaults |= body.__kwdefaults__ or {}
    everything = {*plain, *late, starred}
    renamed = [s for s in (*plain, *late) if NUMPY_SPELLINGS.get(s, s) not in everything]
    needed = [s for s in renamed if s not in defaults]
    # A setting without a default may come under NumPy's name, and so may all after it.
    unset = set(needed)
    for given in plain[plain.index(needed[0]) :] if needed and needed[0] in plain else ():
        if given not in defaults:
            unset.add(given)
    parameters = [
        f"{n}=_default_{n}" if n in defaults else f"{n}=_unset" if n in unset else n for n in plain
    ]
    if starred:  # `size` of `zeros(*size)` may come by name too, whole, as in PyTorch
        parameters += [f"*_{starred}", f"{starred}=_unset"]
    elif late or renamed or out:
        parameters.append("*")
    parameters += [
        f"{n}=_default_{n}" if n in defaults else f"{n}=_unset" if n in unset else n for n in late
    ]
    parameters += ["out=None"] if out else []
    parameters += [f"{NUMPY_SPELLINGS[s]}=_unset" for s in renamed]
    lines = [f"def call({', '.join(parameters)}):"]
    for setting in renamed:
        lines += _spelling(setting)
    said = body.__annotations__
    lines += _as_python(
        name
        for name in (*plain, *late)
        if name != "dtype" and re.search(r"\b(int|float|complex|Any)\b", str(said.get(name, "")))
    )
    if starred:
        lines += [f"    if {starred} is not _unset:", f"        _{starred} = ({starred},)"]
    for setting in sorted(unset):
        lines += [
            f"    if {setting} is _unset:",
            f"        raise TypeError(f'{{_name}}() needs the argument {setting}')",
        ]
    passed = [*plain, *([f"*_{starred}"] if starred else []), *(f"{n}={n}" for n in late)]
    lines += [
        "    try:",
        f"        {'result =' if out else 'return'} _body({', '.join(passed)})",
        "    except (AttributeError, TypeError) as error:",
        f"        better = _explain(_name, ({''.join(f'{n}, ' for n in plain)}))",
        "        raise (better or error) from None",
    ]
    if out:
        lines += ["    return result if out is None else _into(_name, out, result)"]
    scope: dict[str, Any] = {
        "_body": body,
        "_explain": explain,
        "_into": into,
        "_name": name,
        "_numpy": _NUMPY_NUMBERS,
        "_unset": UNSET,
    }
    scope |= {f"_default_{name}": default for name, default in defaults.items()}
    function = _function("\n".join(lines) + "\n", body.__name__, scope)
    function.__wrapped__ = body  # type: ignore[attr-defined]  # where annotations are read from
    return function


def _function(source: str, name: str, scope: dict[str, Any]) -> Callable[..., Any]:
    made: dict[str, Any] = dict(scope)
    exec(_compiled(source), made)  # our own template, filled with parameter names only
    function: types.FunctionType = made["call"]
    function.__code__ = function.__code__.replace(co_name=name, co_qualname=name)
    return function


@functools.cache
def _compiled(source: str) -> types.CodeType:
    # composites and kernels' wrappers of one signature differ in the lines below it
    signature = source.partition(":")[0].removeprefix("def call")
    filename = f"<weft public {signature} {zlib.crc32(source.encode()):08x}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    return compile(source, filename, "exec")
