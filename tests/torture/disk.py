"""A cabinet's disk that can be filled to the last byte, and freed again.

Where we may mount, it is a small file system of its own, and what the cabinet meets is ENOSPC. Elsewhere the cabinet's
process is forbidden to make any file longer (RLIMIT_FSIZE), and meets EFBIG.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

_BLOCK = 65_536


class SmallDisk:
    """Takes the place of ``folder`` between ``__enter__`` and ``__exit__``; what lies in it moves along.

    ``how``: ``tmpfs`` or ``file_size_limit``.
    """

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        self.how = ""
        self._folder = folder
        self._ballast = folder / "ballast"
        self._megabytes = megabytes

    def __enter__(self) -> SmallDisk:
        files = {path.name: path.read_bytes() for path in self._folder.iterdir()}
        self.how = "tmpfs" if self._mount() else "file_size_limit"
        if self.how == "tmpfs":
            for name, content in files.items():
                (self._folder / name).write_bytes(content)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.how == "tmpfs":
            # the logs of what went wrong lie elsewhere; lazily, since a process may still be on its way out
            subprocess.run(["umount", "-l", str(self._folder)], check=False, capture_output=True)

    def fill(self, pid: int) -> None:
        """Not one more byte for the process ``pid`` (0: none runs)."""
        if self.how == "tmpfs":
            with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as ballast:
                while True:
                    ballast.write(bytes(_BLOCK))
            return
        longest = max((path.stat().st_size for path in self._folder.iterdir()), default=0)
        self._limit(pid, longest)

    def free(self, pid: int) -> None:
        """Room again."""
        if self.how == "tmpfs":
            self._ballast.unlink(missing_ok=True)
        else:
            self._limit(pid, resource.RLIM_INFINITY)

    def _limit(self, pid: int, size: int) -> None:
        if not pid:  # it is dead; and 0 would mean ourselves
            return
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    def _mount(self) -> bool:
        if os.geteuid() != 0 or shutil.which("mount") is None:
            return False
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self._folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
