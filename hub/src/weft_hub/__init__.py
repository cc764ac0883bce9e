"""Find, verify and load pretrained models for weft: every byte checked, no code downloaded."""

from weft_hub._api import download, info, load, load_state_dict, preprocess, refresh, search
from weft_hub._api import help_of as help
from weft_hub._api import list_models as list
from weft_hub._models.lockstep import check_versions
from weft_hub._torch_verbs import get_dir, load_state_dict_from_url, set_dir
from weft_hub.card import Build, Card, File, Metric, Signature
from weft_hub.errors import (
    AccessDeniedError,
    BuildError,
    CacheError,
    DamagedBlobError,
    DigestMismatchError,
    HubError,
    MeasureError,
    MissingAtSourceError,
    MissingPackageError,
    OfflineError,
    RegistryError,
    RollbackError,
    SettingError,
    SignatureError,
    SizeMismatchError,
    SourceError,
    TokenFileError,
    TrustError,
    UnknownArchitectureError,
    UnknownModelError,
    UnpinnedRevisionWarning,
    UnreachableError,
    UnsafeRedirectError,
    UnsafeWeightsError,
    UnsupportedSourceError,
    VersionMismatchError,
    WeightsError,
)
from weft_hub.hub import Hub, Snapshot
from weft_hub.index._refresh import Refreshed
from weft_hub.progress import Step

__all__ = [
    "AccessDeniedError",
    "Build",
    "BuildError",
    "CacheError",
    "Card",
    "DamagedBlobError",
    "DigestMismatchError",
    "File",
    "Hub",
    "HubError",
    "MeasureError",
    "Metric",
    "MissingAtSourceError",
    "MissingPackageError",
    "OfflineError",
    "Refreshed",
    "RegistryError",
    "RollbackError",
    "SettingError",
    "Signature",
    "SignatureError",
    "SizeMismatchError",
    "Snapshot",
    "SourceError",
    "Step",
    "TokenFileError",
    "TrustError",
    "UnknownArchitectureError",
    "UnknownModelError",
    "UnpinnedRevisionWarning",
    "UnreachableError",
    "UnsafeRedirectError",
    "UnsafeWeightsError",
    "UnsupportedSourceError",
    "VersionMismatchError",
    "WeightsError",
    "download",
    "get_dir",
    "help",
    "info",
    "list",
    "load",
    "load_state_dict",
    "load_state_dict_from_url",
    "preprocess",
    "refresh",
    "search",
    "set_dir",
]

check_versions("weft-hub", "weft")
