"""Polling one bus: every unit in its turn, each answer committed to the spool before the next request goes out.

A silent unit costs one timeout in a cycle and is asked ever more rarely, up to a minute apart; it never holds up the
others. Damage is retried at once, silence is not. One bus is one thread; it owns its line and shares nothing but the
spool and its ``health``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.bus_budget import Budget, Quality
from gateway.bus_health import BusCounts, BusHealth, UnitCounts, UnitHealth
from gateway.bus_pace import STEP_BACK_MS, next_due, open_pause, silence_pause, stamp
from gateway.decoders import Decoded, Measured, Rejected, decode
from gateway.device_profiles import DeviceProfile
from gateway.line import Heard, Line, LineDown
from gateway.rtu import Answer, Block
from gateway.senml import Item, Reading, Undecoded
from gateway.settings import BusSettings, UnitSettings
from gateway.spool import Lane, SpoolBroken, SpoolClosed, SpoolDown

URGENT_FOR_S = 10.0  # after the last broken limit, so that the city sees recovery as soon as the trouble

_FIRST_PAUSE_S = 0.2
_LOOK_AGAIN_S = 0.25  # how soon a unit that somebody asks for out of turn is noticed
_STEADY_AFTER_S = 10.0  # a line that breaks sooner after opening never really was open
_LONGEST_SPOOL_PAUSE_S = 5.0
_SUSPECT = 1
_OTHER_KIND = "other_kind"
_POOR_BELOW = 0.9  # share of answered requests
_GATEWAY_REFUSALS = frozenset({10, 11})  # Modbus V1.1b3 §7: a gateway that can't reach the unit, or got no answer

Sink = Callable[[Mapping[Lane, Sequence[Item]]], object]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Unit:
    """What the bus remembers of one unit; times are monotonic seconds, ``last_ms`` is Unix ms."""

    settings: UnitSettings
    profile: DeviceProfile
    due_s: float
    asked_for: bool = False
    silences: int = 0
    urgent_until_s: float = 0.0
    last_ms: int = 0
    refusal: int | None = None
    rejected: str = ""  # the reason its last answer could not be used, or not be trusted
    counts: UnitCounts = field(default_factory=UnitCounts)
    quality: Quality = field(default_factory=Quality)


@dataclass(slots=True)
class Bus:
    """One bus, polled by ``run`` in a thread of its own. ``first_delay_s`` staggers the buses of a cabinet."""

    settings: BusSettings
    profiles: Mapping[str, DeviceProfile]
    sink: Sink
    first_delay_s: float = 0.0
    clock: Callable[[], float] = time.time
    _units: dict[int, _Unit] = field(default_factory=dict)
    _counts: BusCounts = field(default_factory=BusCounts)
    _budget: Budget = field(init=False)
    _line_down: bool = False
    _never_open: bool = True
    _opened_s: float = 0.0
    _breaks: int = 0  # in a row, each soon after opening

    def __post_init__(self) -> None:
        """Only assigns."""
        self._budget = Budget(period_s=self.settings.poll_every_s, timeout_s=self.settings.timeout_s)

    def health(self) -> BusHealth:
        """Counts since the start; all units count as silent while the line is down."""
        units = list(self._units.values())
        return BusHealth(
            name=self.settings.name,
            polls=self._counts.polls,
            timeouts=self._counts.timeouts,
            crc_errors=self._counts.crc_errors,
            noise_bytes=self._counts.noise_bytes,
            busy=round(self._budget.share(now_s=time.monotonic()), 3),
            units_fit=self._budget.units_fit(),
            units_silent=sorted(unit.settings.address for unit in units if self._is_silent(unit)),
            units_poor=sorted(
                unit.settings.address
                for unit in units
                if not self._is_silent(unit) and unit.quality.share() < _POOR_BELOW
            ),
        )

    def units(self) -> list[UnitHealth]:
        """Every unit's own counts, by address; empty before the first poll."""
        return [
            UnitHealth(
                address=address,
                serial=unit.settings.serial,
                requests=unit.counts.requests,
                answers=unit.counts.answers,
                timeouts=unit.counts.timeouts,
                damaged=unit.counts.damaged,
                refused=unit.counts.refused,
                quality=round(unit.quality.share(), 3),
                silent=self._is_silent(unit),
            )
            for address, unit in sorted(self._units.items())
        ]

    def _is_silent(self, unit: _Unit) -> bool:
        return self._line_down or unit.silences > 0

    def poll_now(self, serial: str | None = None) -> list[str]:
        """Ask the unit ``serial`` (None: all) without waiting for its turn; which will be. From any thread."""
        asked = [unit for unit in list(self._units.values()) if serial in (None, unit.settings.serial)]
        for unit in asked:
            unit.asked_for = True
            unit.due_s = 0.0
        return [unit.settings.serial for unit in asked]

    def run(self, stop: threading.Event) -> None:
        """Polls until ``stop``. Raises ``SpoolBroken`` or ``SpoolClosed`` when there is no spool to put answers in."""
        self._units = self._staggered_units()
        while not stop.is_set():
            self._run_once(stop)

    def _run_once(self, stop: threading.Event) -> None:
        try:
            self._poll_while_open(stop)
        except (SpoolBroken, SpoolClosed):
            raise
        except Exception:  # the source loop: whatever one answer does to us, the other units go on
            log.exception("bus_failed", bus=self.settings.name)
            stop.wait(_LONGEST_SPOOL_PAUSE_S)

    def _staggered_units(self) -> dict[int, _Unit]:
        first_s, period_s = time.monotonic() + self.first_delay_s, self.settings.poll_every_s
        count = len(self.settings.unit)
        return {
            unit.address: _Unit(
                settings=unit, profile=self.profiles[unit.profile], due_s=first_s + period_s * place / count
            )
            for place, unit in enumerate(self.settings.unit)
        }

    # --- the line ---------------------------------------------------------------------------------------------------

    def _poll_while_open(self, stop: threading.Event) -> None:
        blocks = {address: _block(unit.profile) for address, unit in self._units.items()}
        line = Line(self.settings.port, baud=self.settings.baud, timeout_s=self.settings.timeout_s, blocks=blocks)
        try:
            if self._open(line, stop):
                self._poll_in_turn(line, stop)
        except LineDown as error:
            self._went_down(str(error))
            self._breaks = 0 if self._is_steady() else self._breaks + 1
            stop.wait(open_pause(self._breaks))
        finally:
            line.close()

    def _open(self, line: Line, stop: threading.Event) -> bool:
        failures = 0
        while not stop.is_set():
            try:
                line.open()
            except LineDown as error:
                self._went_down(str(error))
                stop.wait(open_pause(failures))
                failures += 1
                continue
            self._opened_s = time.monotonic()
            if not self._breaks:
                self._note_open()
            return True
        return False

    def _is_steady(self) -> bool:
        return time.monotonic() - self._opened_s > _STEADY_AFTER_S

    def _note_open(self) -> None:
        """Said once: at once when it opens, but after it broke soon only when it has answered or stood for a while."""
        if self._line_down or self._never_open:
            self._line_down = self._never_open = False
            log.info("line_open", bus=self.settings.name, port=self.settings.port)

    def _went_down(self, reason: str) -> None:
        if not self._line_down:
            self._line_down = True
            log.error("line_down", bus=self.settings.name, port=self.settings.port, reason=reason)

    # --- the units --------------------------------------------------------------------------------------------------

    def _poll_in_turn(self, line: Line, stop: threading.Event) -> None:
        if not self._units:
            stop.wait()
            return
        while True:
            unit = min(self._units.values(), key=lambda unit: unit.due_s)
            left_s = unit.due_s - time.monotonic()
            if stop.wait(max(0.0, min(left_s, _LOOK_AGAIN_S))):
                return
            if left_s > _LOOK_AGAIN_S:
                continue  # somebody may have asked for another unit meanwhile
            unit.asked_for = False
            self._poll(line, unit, stop)
            period_s = unit.settings.poll_every_s or self.settings.poll_every_s
            if unit.silences > 1:
                period_s = silence_pause(unit.silences, period_s)
            unit.due_s = next_due(unit.due_s, period_s, now_s=time.monotonic())
            if unit.asked_for:  # again, while it was being asked
                unit.due_s = 0.0

    def _poll(self, line: Line, unit: _Unit, stop: threading.Event) -> None:
        """Asks ``unit`` until it has answered, is silent, or has used up its retries."""
        self._counts.polls += 1
        busy_s = 0.0
        heard = Heard.SILENCE
        for _ in range(1 if unit.silences else 1 + self.settings.retries):
            self._take(line.late_answers(), stop)
            if stop.is_set():
                return  # what was heard may not be in the spool yet: no further request, so the unit won't count it
            asked_s = time.monotonic()
            line.ask(unit.settings.address)
            answers: list[Answer] = []
            heard = line.listen(unit.settings.address, answers)
            busy_s += time.monotonic() - asked_s
            heard = self._note(unit, heard, answers)
            self._take(answers, stop)
            if heard is not Heard.DAMAGED:
                break
        self._counts.noise_bytes += line.take_noise()
        if heard in (Heard.SILENCE, Heard.CUT_SHORT):
            self._note_silence(unit)
        self._budget.spent(busy_s, answered=heard is Heard.ANSWER, now_s=time.monotonic())

    def _note(self, unit: _Unit, heard: Heard, answers: list[Answer]) -> Heard:
        """Counts one request; a gateway's word that the unit does not answer is taken out and becomes silence."""
        for answer in [answer for answer in answers if answer.refusal in _GATEWAY_REFUSALS]:
            answers.remove(answer)
            if answer.address == unit.settings.address:
                heard = Heard.SILENCE
        unit.counts.requests += 1
        unit.quality.note(answered=heard is Heard.ANSWER)
        if heard in (Heard.DAMAGED, Heard.CUT_SHORT):
            self._counts.crc_errors += 1
            unit.counts.damaged += 1
        return heard

    def _note_silence(self, unit: _Unit) -> None:
        if self._is_steady():
            self._note_open()
        self._counts.timeouts += 1
        unit.counts.timeouts += 1
        unit.silences += 1
        if unit.silences == 2:  # one missed answer is no news yet
            log.warning("unit_silent", bus=self.settings.name, address=unit.settings.address, serial=_serial(unit))

    def _note_life(self, unit: _Unit, answer: Answer) -> None:
        self._note_open()
        if unit.silences > 1:
            log.info("unit_answers_again", bus=self.settings.name, address=answer.address, serial=_serial(unit))
        unit.silences = 0
        if answer.refusal != unit.refusal:
            unit.refusal = answer.refusal
            if answer.refusal is not None:
                log.warning("unit_refuses", bus=self.settings.name, serial=_serial(unit), code=answer.refusal)

    def _take(self, answers: Iterable[Answer], stop: threading.Event) -> None:
        """Every answer into the spool, one after the other; returns when the last one is on the disk."""
        for answer in answers:
            unit = self._units[answer.address]
            self._note_life(unit, answer)
            if answer.refusal is not None:
                unit.counts.refused += 1
                continue
            unit.counts.answers += 1
            outcome = decode(unit.profile, answer.registers)
            self._note_outcome(unit, outcome)
            unit.last_ms = self._stamp(unit)
            if isinstance(outcome, Rejected) and outcome.reason != _OTHER_KIND:
                self._keep({"routine": [_letter(unit, answer, outcome)]}, stop)
            elif outcome.points:
                trusted = isinstance(outcome, Decoded)
                readings = [_reading(unit, value, trusted=trusted and value.sane) for value in outcome.points]
                self._keep({_lane(unit, outcome.points): readings}, stop)

    def _stamp(self, unit: _Unit) -> int:
        now_ms = int(self.clock() * 1000)
        if unit.last_ms - now_ms > STEP_BACK_MS:
            log.warning("clock_set_back", bus=self.settings.name, serial=_serial(unit), by_ms=unit.last_ms - now_ms)
        return stamp(now_ms, unit.last_ms)

    def _note_outcome(self, unit: _Unit, outcome: Decoded | Rejected) -> None:
        """Said once, not for every answer: that a unit is of another kind, or that its registers can't be read."""
        rejected = outcome.reason if isinstance(outcome, Rejected) else ""
        if rejected == unit.rejected:
            return
        unit.rejected = rejected
        told = log.bind(bus=self.settings.name, serial=_serial(unit), profile=unit.profile.name)
        if rejected == _OTHER_KIND:
            fix = "give this unit the profile of its kind; until then its readings are suspect"
            told.error("unit_of_other_kind", fix=fix)
        elif isinstance(outcome, Rejected):
            fix = "mend the profile or the unit; the registers go to the city's dead letters meanwhile"
            told.error("unit_unreadable", reason=rejected, detail=outcome.detail, fix=fix)

    def _keep(self, items_by_lane: Mapping[Lane, Sequence[Item]], stop: threading.Event) -> None:
        """Waits as long as the spool refuses: the line rests meanwhile, and the answer does not count as taken."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                self.sink(items_by_lane)
            except SpoolDown:  # the spool has logged it
                if stop.wait(pause_s):
                    return
                pause_s = min(_LONGEST_SPOOL_PAUSE_S, 2 * pause_s)
            else:
                return


def _block(profile: DeviceProfile) -> Block:
    return Block(function=profile.function, start=profile.start, count=profile.count)


def _lane(unit: _Unit, measured: Sequence[Measured]) -> Lane:
    now_s = time.monotonic()
    if any(_breaks_limit(unit, value) for value in measured):
        unit.urgent_until_s = now_s + URGENT_FOR_S
    return "urgent" if now_s < unit.urgent_until_s else "routine"


def _serial(unit: _Unit) -> str:
    return unit.settings.serial


def _reading(unit: _Unit, measured: Measured, *, trusted: bool) -> Reading:
    return Reading(
        serial=unit.settings.serial,
        point=measured.point.name,
        unit=measured.point.unit,
        measured_ms=unit.last_ms,
        value=measured.value,
        quality=0 if trusted else _SUSPECT,
    )


def _letter(unit: _Unit, answer: Answer, rejected: Rejected) -> Undecoded:
    return Undecoded(
        device=unit.settings.serial,
        port=0,
        payload=answer.registers.hex(),
        reason=f"{rejected.reason}: {rejected.detail} (profile {unit.profile.name})",
        received_ms=unit.last_ms,
    )


def _breaks_limit(unit: _Unit, measured: Measured) -> bool:
    own = unit.settings.urgent_above.get(measured.point.name)
    if own is not None:
        return abs(measured.value) > own
    return measured.point.urgent.broken_by(measured.value)
