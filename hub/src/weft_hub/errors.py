"""Every way the hub fails, as one typed hierarchy under `HubError`.

Each message is one line: what was required, what came, who asked and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from weft_hub._texts.nearest import did_you_mean

_MOST_TOLD = 20
# OWNER/NAME, as Hugging Face and its pages write it; the rules for what is asked for are elsewhere.
_HUGGING_FACE = re.compile(r"(?:https?://[\w.]+/)?([\w.-]{1,96}/[\w.-]{1,96})/?", re.ASCII)


class HubError(Exception):
    """The base of every error that weft-hub raises on purpose."""


class UnknownModelError(HubError, LookupError):
    """No index has a model of this name.

    Args:
        name: the name that was asked for.
        known: the names that exist.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        hint = did_you_mean(name, self.known) or "`weft-hub list` shows the names"
        repository = _HUGGING_FACE.fullmatch(name)
        if repository is not None and "did you" not in hint:
            hint += f"; a repository of Hugging Face is called hf:{repository[1]}@REVISION"
        super().__init__(f"no model is called {name!r} in the index; {hint}")


class RegistryError(HubError, ValueError):
    """An index entry is not valid; `problems` holds every problem found, each `file:line: text`.

    The message has the first of them.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        self.head = "the index has a problem" if count == 1 else f"the index has {count} problems"
        told = "; ".join(self.problems[:_MOST_TOLD])
        more = f"; and {count - _MOST_TOLD} more, in `problems`" if count > _MOST_TOLD else ""
        super().__init__(f"{self.head}: {told}{more}")


class SettingError(HubError, ValueError):
    """An argument or environment variable of the hub has a value that it cannot use."""


class TrustError(HubError):
    """An index at an address has neither a digest nor a signature that would make it trusted."""


class RollbackError(HubError):
    """An index at an address is older than the one that was fetched from there before."""


class TokenFileError(SettingError):
    """The file with the tokens cannot be used: others can read it, or it is damaged."""


class UnknownArchitectureError(HubError, LookupError):
    """No installed package knows the architecture of a repository, or not in its layout."""


class UnpinnedRevisionWarning(UserWarning):
    """A revision that may move was named where a commit would stay what it is."""


class SizeMismatchError(HubError):
    """A file has another number of bytes than the index states."""

    def __init__(self, what: str, *, expected: int, got: int, at_least: bool = False) -> None:
        self.expected = expected
        self.got = got
        came = f"at least {got}" if at_least else f"{got}"
        super().__init__(
            f"{what}: the index requires {expected} bytes, but {came} came; "
            "the file was cut short or replaced, so it was thrown away: try again, and if it "
            "happens again report it to the maintainers of the entry"
        )


class DigestMismatchError(HubError):
    """A file has another SHA-256 than the index states."""

    def __init__(self, what: str, *, expected: str, got: str) -> None:
        self.expected = expected
        self.got = got
        super().__init__(
            f"{what}: the index requires SHA-256 {expected}, but {got} came; "
            "the file was damaged or replaced, so it was thrown away: do not take it from "
            "elsewhere, and report it to the maintainers of the entry"
        )


class SourceError(HubError):
    """A source could not give a file; with several sources, `failures` holds each one's error."""

    def __init__(self, message: str, failures: Iterable[HubError] = ()) -> None:
        self.failures = tuple(failures)
        super().__init__(message)


class UnsupportedSourceError(SourceError):
    """A source of the index entry needs a transport that this version does not have."""


class UnreachableError(SourceError):
    """A host could not be reached, or kept breaking off, or its certificate is not trusted."""


class AccessDeniedError(SourceError):
    """A host gives the file only to those whom it knows: a token is missing or was refused."""


class MissingAtSourceError(SourceError):
    """A host answers, but has no such file."""


class UnsafeRedirectError(SourceError):
    """A host redirects to where the hub does not follow: out of https, or in circles."""


class OfflineError(HubError):
    """The file is not in the cache, and the hub may not use the network."""


class CacheError(HubError):
    """The cache folder cannot be used: not writable, full, or not a folder."""


class DamagedBlobError(CacheError):
    """A cached file is no longer the one that was verified, and could not be fetched again."""


class MissingPackageError(HubError, ImportError):
    """The Python package that builds the model, or that knows its task, is not installed."""


class VersionMismatchError(HubError, ImportError):
    """Installed weft packages have different versions; they move in lockstep."""


class BuildError(HubError):
    """The installed package could not build the model as the entry says."""


class MeasureError(HubError):
    """A model could not be measured: an unknown data set, or a metric that nothing can measure."""


class WeightsError(HubError, ValueError):
    """The verified weight file cannot be read, or does not fit the model that the entry builds."""


class UnsafeWeightsError(WeightsError):
    """The weight file asks for more than tensors: code, unknown classes, or a harmful archive."""


class SignatureError(HubError):
    """A signature is not one that can be trusted; a subclass in `weft_hub.signing` says why."""
