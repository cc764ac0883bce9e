"""Which npm registry the user has set, and the user's token for it.

Asked in this order: `NPM_CONFIG_REGISTRY`, the user's `.npmrc`, and npm itself if it is installed
(it knows the settings of the whole machine and its own default). A `.npmrc` in the current folder
is not read: it belongs to a project, and not to the user.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weft_hub._http.addresses import check_url, origin_of
from weft_hub.errors import SettingError, SourceError

_ASK_S = 60
_MOST_BYTES = 1 << 20
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_ADVICE = "set NPM_CONFIG_REGISTRY to the address of the registry"


@dataclass(frozen=True)
class NpmSettings:
    """The settings of npm that matter here, as text by name."""

    settings: Mapping[str, str] = field(repr=False)  # it holds tokens

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> NpmSettings:
        """Read the user's `.npmrc` and the environment, which goes before it.

        Raises:
            SettingError: the file cannot be read, or switches the check of certificates off.
        """
        env = os.environ if environment is None else environment
        given = {key.lower(): value for key, value in env.items() if value}
        path = Path(given.get("npm_config_userconfig", "~/.npmrc")).expanduser()
        try:
            with path.open("rb") as stream:
                text = stream.read(_MOST_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            text = ""
        except OSError as error:
            raise SettingError(f"cannot read npm's settings in {path}: {error.strerror}") from error
        settings = _parse(text, env)
        if "npm_config_registry" in given:
            settings["registry"] = given["npm_config_registry"]
        strict = given.get("npm_config_strict_ssl") or settings.get("strict-ssl", "")
        if strict.strip().lower() in ("false", "0", "no", "off", "null"):
            raise SettingError(
                f"npm's settings have strict-ssl={strict.strip()}, which the hub does not obey: "
                "remove it, and name a firm's own certificates in REQUESTS_CA_BUNDLE"
            )
        if "npm_config_cafile" in given:
            settings["cafile"] = given["npm_config_cafile"]
        return cls(settings)

    def authorities(self) -> Path | None:
        """Return the file with the certificates to trust, npm's `cafile`, or None.

        Raises:
            SettingError: it is named, and not there.
        """
        named = self.settings.get("cafile", "")
        if named in ("", "null"):
            return None
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            raise SettingError(f"npm's settings have cafile={named}, but {path} is no file")
        return path

    def registry(self, scope: str | None, folder: Path) -> str:
        """Return the address of the registry for `scope`, without a slash at its end.

        Args:
            scope: `@scope`, or None.
            folder: an empty folder, from which npm is asked.

        Raises:
            SourceError: no registry is set, and there is no npm to ask.
            SettingError: what is set is no address.
        """
        found = self.settings.get(f"{scope}:registry") if scope else None
        found = found or self.settings.get("registry") or _ask_npm(scope, folder)
        address = found.rstrip("/")
        wrong = check_url(address)
        if wrong is not None:
            raise SettingError(f"npm's registry is set to {address!r}: {wrong}; {_ADVICE}")
        return address

    def authorization(self, url: str) -> str | None:
        """Return the header that npm's settings hold for `url`, or None.

        They are written for the beginning of an address without its scheme, `//HOST/PATH/`; the
        longest one that fits is meant.
        """
        if not url.startswith("https:") and not origin_of(url).startswith(
            ("http://127.", "http://localhost", "http://[::1]")
        ):
            return None
        place = url.partition(":")[2].partition("?")[0]
        best: tuple[int, str] | None = None
        for key, value in self.settings.items():
            for ending, kind in ((":_authToken", "Bearer"), (":_auth", "Basic")):
                head = key.removesuffix(ending)
                fits = key.endswith(ending) and head.startswith("//")
                if fits and f"{place}/".startswith(head if head.endswith("/") else f"{head}/"):
                    best = max(best or (0, ""), (len(head), f"{kind} {value}"))
        if best is not None and not re.fullmatch(r"[ -~]{1,8192}", best[1]):
            raise SettingError("a token in npm's settings has characters that no token has")
        return best[1] if best else None


def _parse(text: str, env: Mapping[str, str]) -> dict[str, str]:
    settings = {}
    for line in text.splitlines():
        line = line.strip()
        key, equals, value = line.partition("=")
        if line.startswith((";", "#", "[")) or not equals:
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        settings[key.strip()] = _VARIABLE.sub(lambda m: env.get(m[1], m[0]), value)
    return settings


def _ask_npm(scope: str | None, folder: Path) -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError(
            f"no npm registry is set, and npm is not installed to be asked; {_ADVICE}"
        )
    for name in (*((f"{scope}:registry",) if scope else ()), "registry"):
        try:
            said = subprocess.run(
                [npm, "config", "get", name],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_ASK_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceError(
                f"npm cannot be asked for its registry ({error}); {_ADVICE}"
            ) from error
        answer = said.stdout.decode("utf-8", "replace").strip()
        if said.returncode == 0 and answer not in ("", "undefined", "null"):
            return answer
    raise SourceError(f"npm names no registry; {_ADVICE}")
