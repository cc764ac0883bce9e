"""Find, verify and load pretrained models for weft: every byte checked, no code downloaded."""

from weft_hub._api import download, info, load
from weft_hub._api import list_models as list
from weft_hub._lockstep import check_versions
from weft_hub.card import Build, Card, File, Metric
from weft_hub.errors import (
    BuildError,
    CacheError,
    DamagedBlobError,
    DigestMismatchError,
    HubError,
    MissingPackageError,
    OfflineError,
    RegistryError,
    SettingError,
    SizeMismatchError,
    SourceError,
    UnknownModelError,
    UnsafeWeightsError,
    UnsupportedSourceError,
    VersionMismatchError,
    WeightsError,
)
from weft_hub.hub import Hub, Snapshot
from weft_hub.progress import Step

__all__ = [
    "Build",
    "BuildError",
    "CacheError",
    "Card",
    "DamagedBlobError",
    "DigestMismatchError",
    "File",
    "Hub",
    "HubError",
    "Metric",
    "MissingPackageError",
    "OfflineError",
    "RegistryError",
    "SettingError",
    "SizeMismatchError",
    "Snapshot",
    "SourceError",
    "Step",
    "UnknownModelError",
    "UnsafeWeightsError",
    "UnsupportedSourceError",
    "VersionMismatchError",
    "WeightsError",
    "download",
    "info",
    "list",
    "load",
]

check_versions("weft-hub", "weft")
