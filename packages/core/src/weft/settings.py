"""Settings of the process that PyTorch has: threads, determinism, precision, warnings."""

from __future__ import annotations

import builtins
from typing import Any

from weft._backend.cpu import threads

_MODES = ("default", "warn", "error")
_PRECISIONS = ("highest", "high", "medium")


class _State:
    """What was set; none of it changes a result, as the functions say."""

    determinism = "default"
    precision = "highest"
    warn_always = False


_state = _State()


def use_deterministic_algorithms(mode: builtins.bool, *, warn_only: builtins.bool = False) -> None:
    """Ask that the same program give the same bits on the same machine, which weft always does.

    Args:
        mode: whether to ask for it; only what :func:`are_deterministic_algorithms_enabled` answers
            depends on it.
        warn_only: whether to ask for warnings alone.
    """
    set_deterministic_debug_mode(("warn" if warn_only else "error") if mode else "default")


def are_deterministic_algorithms_enabled() -> builtins.bool:
    """Whether deterministic algorithms were asked for. They run in any case."""
    return _state.determinism != "default"


def is_deterministic_algorithms_warn_only_enabled() -> builtins.bool:
    """Whether only warnings were asked for."""
    return _state.determinism == "warn"


def set_deterministic_debug_mode(debug_mode: Any) -> None:
    """Set the mode by name or number: ``"default"`` (0), ``"warn"`` (1) or ``"error"`` (2).

    Raises:
        ValueError: there is no such mode.
    """
    numbered = dict(enumerate(_MODES))
    mode = numbered.get(debug_mode, debug_mode)
    if mode not in _MODES:
        raise ValueError(
            f"set_deterministic_debug_mode: expected one of {', '.join(_MODES)} or 0 to 2, got "
            f"{debug_mode!r}"
        )
    _state.determinism = mode


def get_deterministic_debug_mode() -> int:
    """Return the number of the mode: 0, 1 or 2."""
    return _MODES.index(_state.determinism)


def set_float32_matmul_precision(precision: str) -> None:
    """Take PyTorch's setting of how exact float32 products must be; weft's are always exact.

    Args:
        precision: ``"highest"``, ``"high"`` or ``"medium"``.

    Raises:
        ValueError: it is another.
    """
    if precision not in _PRECISIONS:
        raise ValueError(
            f"set_float32_matmul_precision: expected one of {', '.join(_PRECISIONS)}, got "
            f"{precision!r}"
        )
    _state.precision = precision


def get_float32_matmul_precision() -> str:
    """Return what :func:`set_float32_matmul_precision` set."""
    return _state.precision


def set_warn_always(b: builtins.bool, /) -> None:
    """Whether a warning shall come at each cause; Python's own filters decide in weft."""
    _state.warn_always = builtins.bool(b)


def is_warn_always_enabled() -> builtins.bool:
    """Return what :func:`set_warn_always` set."""
    return _state.warn_always


def set_flush_denormal(mode: builtins.bool) -> builtins.bool:
    """Ask that numbers near 0 be flushed to it.

    Returns:
        bool: False: weft cannot change it, which is also PyTorch's answer where it cannot.
    """
    return False


def set_num_threads(int: builtins.int, /) -> None:
    """Set how many threads one op may use, in all threads of this process.

    They are those of the pool that all fast kernels share; where there is no pool, those of the
    libraries of linear algebra.

    Raises:
        ValueError: it is less than 1.
    """
    if not isinstance(int, builtins.int) or int < 1:
        raise ValueError(f"set_num_threads: expected a positive int, got {int!r}")
    threads.set_count(int)
    if threads.library() is None:  # linear algebra has the only threads there are
        _pools().limit(limits=int)


def get_num_threads() -> builtins.int:
    """Return how many threads one op may use.

    At first that is what ``OMP_NUM_THREADS`` says, else the cores (not the logical CPUs) that
    affinity and the container leave to this process.
    """
    return threads.count()


def set_num_interop_threads(int: builtins.int, /) -> None:
    """Take PyTorch's setting of how many ops may run at once, which in weft is one.

    Raises:
        ValueError: it is less than 1.
    """
    if not isinstance(int, builtins.int) or int < 1:
        raise ValueError(f"set_num_interop_threads: expected a positive int, got {int!r}")


def get_num_interop_threads() -> builtins.int:
    """Return how many ops run at once: 1."""
    return 1


def _pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]
