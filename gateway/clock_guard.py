"""The cabinet's time: no date before the clock is set, and none that jumps because somebody set it wrong.

Small boxes have no battery for their clock and start in 1970, or at their last shutdown; people and broken time servers
set clocks an hour off and back again. The guard counts on the machine's ticks, which never jump, and believes the
system's clock only so far: until it is trusted for the first time, ``now`` answers a time that is none yet (the spool
keeps such readings and dates them afterwards); later a jump has to last before it is followed.

Reads clocks, and one small file of its own; any thread may ask.
"""

from __future__ import annotations

import ctypes
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from gateway.durable import read_kept, write_durably
from gateway.senml import UNDATED_S

PLAUSIBLE_FROM_S = 1_735_689_600.0  # 2025: a clock that says less has not been set since the power came back
FOLLOWED_AT_ONCE_S = 2.0  # what NTP corrects in passing
STEP_BELIEVED_AFTER_S = 600.0  # a jump that lasts this long is meant, though nobody vouches for it
STEP_VOUCHED_AFTER_S = 30.0  # one that lasts this long while the kernel says that NTP or PTP holds the clock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_WORTH_KEEPING_S = 0.5
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64 bit; the kernel fills it in
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised

log = structlog.get_logger(__name__)


def ticks_s() -> float:
    """Seconds since the machine started, sleep included; never set, and the same in every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Names this run of the machine: ticks of two runs can't be compared. Random where the system has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return secrets.token_hex(8)


def kernel_says_synchronised() -> bool:
    """Whether the kernel knows of an NTP or PTP daemon that holds the clock (adjtimex)."""
    try:
        state = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (AttributeError, OSError):
        return False
    return 0 <= state != _TIME_ERROR


class _Kept(msgspec.Struct, frozen=True):
    boot: str
    start_s: float


_json_kept = msgspec.json.Decoder(_Kept)


@dataclass(slots=True)
class ClockGuard:
    """One for the whole cabinet, and all its lives. ``trust``: ``plausible`` believes a clock that was set at all,
    ``synchronised`` only one that the kernel vouches for. ``kept``: a small file that carries what is believed to the
    next process of the same run of the machine (``recall``, ``keep``), so that a crash can't make a jump believed.
    """

    trust: Literal["plausible", "synchronised"] = "plausible"
    wall: Callable[[], float] = time.time
    ticks: Callable[[], float] = ticks_s
    synchronised: Callable[[], bool] = kernel_says_synchronised
    kept: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept_s: float | None = None
    _start_s: float | None = None
    _off_s: float = 0.0
    _off_since_s: float = 0.0
    _told_unset: bool = False

    @property
    def start_s(self) -> float | None:
        """What the time was when the ticks began, as Unix seconds; None before the clock is trusted."""
        return self._start_s

    @property
    def off_s(self) -> float:
        """How far the system's clock is from the time we go by; 0 except after a jump that is not believed (yet)."""
        return self._off_s

    def recall(self) -> None:
        """Goes on with what the process before believed, if the machine has not been started anew since."""
        known = None if self.kept is None else read_kept(self.kept, _json_kept)
        if known is not None and known.boot == boot_id():
            self._start_s = self._kept_s = known.start_s

    def keep(self) -> None:
        """Writes down what is believed, when that has changed; without effect where the disk does not let us."""
        start_s = self._start_s
        if self.kept is None or start_s is None:
            return
        if self._kept_s is None or abs(start_s - self._kept_s) > _WORTH_KEEPING_S:
            self._kept_s = start_s
            try:
                write_durably(self.kept, msgspec.json.encode(_Kept(boot=boot_id(), start_s=start_s)))
            except OSError as error:
                log.warning("clock_not_kept", path=str(self.kept), reason=str(error))

    def now(self) -> float:
        """Unix seconds; before the clock is trusted ``UNDATED_S`` plus ticks."""
        with self._lock:
            ticks = self.ticks()
            start_s = self._look(ticks, self.wall() - ticks)
        return UNDATED_S + ticks if start_s is None else start_s + ticks

    def _look(self, ticks: float, start_s: float) -> float | None:
        ours_s = self._start_s
        if ours_s is None:
            return self._first_trust(ticks, start_s)
        off_s = start_s - ours_s
        if abs(off_s) <= FOLLOWED_AT_ONCE_S:
            if self._off_s:
                log.info("clock_back", was_off_s=round(self._off_s, 1))
            self._start_s, self._off_s = start_s, 0.0
            return start_s
        if not self._off_s or abs(off_s - self._off_s) > FOLLOWED_AT_ONCE_S:
            self._off_s, self._off_since_s = off_s, ticks
            log.error("clock_jumped", by_s=round(off_s, 1), fix="readings go on with the time from before; check NTP")
        lasted_s = ticks - self._off_since_s
        if lasted_s >= STEP_BELIEVED_AFTER_S or (lasted_s >= STEP_VOUCHED_AFTER_S and self.synchronised()):
            log.warning("clock_jump_followed", by_s=round(off_s, 1), after_s=round(lasted_s, 1))
            self._start_s, self._off_s = start_s, 0.0
        return self._start_s

    def _first_trust(self, ticks: float, start_s: float) -> float | None:
        set_at_all = start_s + ticks >= PLAUSIBLE_FROM_S
        if set_at_all and (self.trust == "plausible" or self.synchronised()):
            self._start_s = start_s
            if self._told_unset:
                log.info("clock_set", after_s=round(ticks, 1))
            return start_s
        if not self._told_unset:
            self._told_unset = True
            log.error("clock_not_set", fix="set the clock (NTP, RTC); readings wait in the spool until then")
        return None
