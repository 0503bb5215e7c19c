"""Spool files that were set aside for damage: told to the city until somebody looked, and not kept for ever.

What they still told was sent already (``gateway.spool_salvage``); they stay for a specialist, and take room meanwhile.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from gateway.settings import SpoolSettings

_SET_ASIDE = re.compile(r"\.damaged-(\d{8}T\d{6})-[0-9a-f]+\Z")
_PARTS = ("", "-wal", "-shm")
_PLAUSIBLE_S = 1_735_689_600.0  # 2025: earlier times are those of a clock that was not set
_LOOK_EVERY_S = 3600.0
_DAY_S = 86_400.0

log = structlog.get_logger(__name__)


class AsideFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file set aside: its name, when (Unix s; 0: the clock was not set), and how much it takes with its log."""

    name: str
    at: float
    bytes: int


def aside_name(path: Path, now: datetime, mark: str) -> Path:
    """Where the spool at ``path`` goes when it is set aside ``now``."""
    return path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%S}-{mark}")


def aside_files(spool: Path) -> list[AsideFile]:
    """What was set aside of the spool at ``spool``, the newest first."""
    found = [
        AsideFile(name=path.name, at=at_s if at_s >= _PLAUSIBLE_S else 0.0, bytes=sum(map(_size, _parts(path))))
        for path, at_s in _found(spool)
    ]
    return sorted(found, key=lambda each: (each.at, each.name), reverse=True)


def clean_aside(spool: Path, *, keep_s: float, now_s: float) -> list[str]:
    """Deletes what has been aside for longer than ``keep_s`` (0: nothing) at ``now_s``; which files that were.

    One that was set aside before the clock was set counts from now.
    """
    gone = []
    for path, named_s in _found(spool) if keep_s and now_s >= _PLAUSIBLE_S else ():
        at_s = named_s
        if at_s < _PLAUSIBLE_S:
            at_s = path.stat().st_mtime
            if at_s < _PLAUSIBLE_S:
                os.utime(path, (now_s, now_s))
                continue
        if now_s - at_s > keep_s:
            for part in _parts(path):
                part.unlink(missing_ok=True)
            gone.append(path.name)
    return gone


def keep_tidy(settings: SpoolSettings, *, clock: Callable[[], float], stop: threading.Event) -> None:
    """Cleans at once and then every hour until ``stop``; a folder that refuses is said and tried again."""
    while True:
        try:
            gone = clean_aside(Path(settings.path), keep_s=settings.keep_damaged_days * _DAY_S, now_s=clock())
        except OSError as error:
            log.warning("aside_not_cleaned", path=settings.path, reason=str(error))
        else:
            for name in gone:
                log.info("aside_deleted", name=name, kept_days=settings.keep_damaged_days)
        if stop.wait(_LOOK_EVERY_S):
            return


def _found(spool: Path) -> Iterator[tuple[Path, float]]:
    """Each file and when its name says that it was set aside, in Unix seconds."""
    try:
        paths = sorted(spool.parent.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        rest = path.name.removeprefix(spool.name)
        found = _SET_ASIDE.fullmatch(rest) if rest != path.name else None
        if found is not None:
            yield path, datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()


def _parts(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _PARTS]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
