"""Small files that must survive a power cut: written whole, flushed, then put in the place of the old one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

T = TypeVar("T")

log = structlog.get_logger(__name__)


def write_durably(path: Path, body: bytes, *, mode: int = 0o600) -> None:
    """``path`` holds ``body`` when this returns, and either the old or the new whole content at every moment before.

    Makes the folder when there is none. Raises ``OSError``; then the old content stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)  # a file left over from a crash may have had another one
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def read_kept(path: Path, kind: msgspec.json.Decoder[T]) -> T | None:
    """What ``path`` holds as JSON; None when there is no such file. One that can't be read is set aside, and logged.

    ``kind`` is made while its module is loaded: msgspec must not learn a shape in two threads at once.
    """
    try:
        return kind.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        aside = path.with_suffix(".damaged")
        with contextlib.suppress(OSError):
            path.replace(aside)
        log.error("file_damaged", path=str(path), kept_as=str(aside), reason=str(error))
        return None


def _flush_folder(folder: Path) -> None:
    # without it a power cut may bring the old name back
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
