"""The wall clock of one process, to be set while it runs (libfaketime); its monotonic clock goes on as it should."""

from __future__ import annotations

import os
from pathlib import Path

# libfaketime now and then answers EINVAL to the call behind time.sleep (clock_nanosleep until a monotonic time)
_SLEEP_WITHOUT_IT = """import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


class NoFaketime(Exception):
    """libfaketime is not installed."""


class SetClock:
    """The clock of whoever is started in ``environment``; ``jump`` is noticed within a second."""

    def __init__(self, rc_file: Path) -> None:
        self._rc_file = rc_file

    def environment(self) -> dict[str, str]:
        """Ours, with the clock in it. Raises ``NoFaketime``."""
        self.jump(0)
        site = self._rc_file.with_suffix(".site")
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(_SLEEP_WITHOUT_IT)
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            raise NoFaketime("libfaketime is missing: on Debian run 'apt-get install libfaketime'")
        return {
            **os.environ,
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._rc_file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])),
        }

    def jump(self, seconds: int) -> None:
        """The clock is so far off from now on; 0: it is right."""
        fresh = self._rc_file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._rc_file)
