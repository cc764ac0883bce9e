"""Exceptions and the wording that every message shares."""

from __future__ import annotations

from collections.abc import Iterable


class ShapeError(ValueError, RuntimeError):
    """Shapes that do not fit. Also a ``RuntimeError``, which is what PyTorch raises for them."""


class DTypeError(TypeError, RuntimeError):
    """A dtype that an op does not take. Also a ``RuntimeError``, as in PyTorch."""


class GradError(RuntimeError):
    """A derivative that cannot be taken: no graph, a freed graph, an overwritten saved tensor."""


class CaptureError(RuntimeError):
    """A function that is more than its calls of ops, so that these cannot stand for it."""


class DeviceError(RuntimeError):
    """Tensors of one call on different devices, or a device that cannot be used here."""


class LinAlgError(RuntimeError):
    """A matrix for which the result does not exist: singular, or not positive-definite."""


def apart(name: str, places: Iterable[str]) -> DeviceError:
    """Return the error for the arguments of one call on several devices."""
    return DeviceError(
        f"{name}: expected all tensors on one device, got tensors on {' and '.join(places)}; "
        f"move them together with .to(device)"
    )


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``choices``, or an empty string."""
    if name.startswith("__"):  # Python itself asks a module for such, at each import from it
        return ""
    import difflib  # only who misspells a name pays for it

    # below 0.7 come words of other meanings: 'ravel' for 'save', 'tensor' for 'norm'
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.7)
    return f"; did you mean {near[0]!r}?" if near else ""
