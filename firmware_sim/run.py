"""Plays a fleet: one thread and one poll loop for all its buses, until told to stop.

The loop wakes for bytes, for paced answers and noise that are due, and every ``TICK_S`` to see lines that somebody
opened, events that begin or end, and whether it should stop.
"""

from __future__ import annotations

import math
import random
import select
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import structlog

from firmware_sim.bus import Bus
from firmware_sim.chance import key_of
from firmware_sim.faults import Fault
from firmware_sim.fleet import BusPlan, Fleet, FleetProblem, read_fleet
from firmware_sim.physics import fit
from firmware_sim.terminal import LinkProblem, Terminal
from firmware_sim.truth import Truth, resumed_counts
from firmware_sim.units import SensorUnit

TICK_S = 0.05
SETTLE_S = 1.0
BITS_PER_CHARACTER = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a run came to: answers settled and in doubt, and counts of the buses put together."""

    answers: int
    in_doubt: int
    requests: int
    damaged: int
    dropped_late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """The beginning or the end of an event."""

    at_s: float
    phase: Literal["start", "end"]
    index: int
    kind: str
    targets: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class Street:
    """The buses being played. ``start_s`` is the monotonic time that all other seconds count from."""

    buses: Sequence[Bus]
    truth: Truth
    start_s: float
    milestones: list[Milestone]
    _open: select.poll = field(default_factory=select.poll)
    _by_fd: dict[int, Bus] = field(default_factory=dict)
    _looked_s: float = float("-inf")

    def now_s(self) -> float:
        """Seconds after the start."""
        return time.monotonic() - self.start_s

    def play(self, stop: threading.Event) -> None:
        """Serve all buses until ``stop`` is set, then let the last answers settle."""
        while not stop.is_set():
            self._note_milestones()
            self._welcome()
            for bus in self._wait(self._pause_s()):
                bus.serve()
                self._part_if_hung_up(bus)
            now_s = self.now_s()
            for bus in self.buses:
                if bus.connected:
                    bus.act(now_s)
            self.truth.flush_if_due(now_s)
        self._let_settle()

    def _wait(self, pause_s: float) -> list[Bus]:
        busy = {fd for fd, _ in self._open.poll(pause_s * 1000)}
        now_s = self.now_s()
        for fd, bus in self._by_fd.items():
            if fd not in busy:
                bus.idle_s = now_s
        return [self._by_fd[fd] for fd in busy]

    def _pause_s(self) -> float:
        dues = [due for bus in self.buses if bus.connected and (due := bus.next_due_s()) is not None]
        return max(0.0, min(TICK_S, min(dues, default=TICK_S + self.now_s()) - self.now_s()))

    def _welcome(self) -> None:
        """Take in the lines that somebody has opened since the last look."""
        if (now_s := self.now_s()) - self._looked_s < TICK_S:
            return
        self._looked_s = now_s
        for bus in self.buses:
            if bus.connected:
                continue
            if not bus.terminal.is_open_elsewhere():
                bus.idle_s = now_s
            else:
                bus.connected = True
                self._by_fd[bus.terminal.fd] = bus
                self._open.register(bus.terminal.fd, select.POLLIN)
                log.info("line_opened", bus=bus.name)

    def _part_if_hung_up(self, bus: Bus) -> None:
        if not bus.connected:
            self._open.unregister(bus.terminal.fd)
            del self._by_fd[bus.terminal.fd]
            log.info("line_closed", bus=bus.name)

    def _note_milestones(self) -> None:
        while self.milestones and self.milestones[0].at_s <= self.now_s():
            stone = self.milestones.pop(0)
            happened_at = time.time() - (self.now_s() - stone.at_s)
            self.truth.event(
                at=happened_at, kind=stone.kind, targets=stone.targets, phase=stone.phase, index=stone.index
            )
            log.info("scenario_event", id=stone.index, kind=stone.kind, phase=stone.phase, targets=len(stone.targets))

    def _let_settle(self) -> None:
        while (waiting := self._unsettled()) and (pause_s := max(waiting) + SETTLE_S - self.now_s()) > 0:
            for bus in self._wait(pause_s):
                bus.listen()
                self._part_if_hung_up(bus)
        for bus in self.buses:
            bus.finish()

    def _unsettled(self) -> list[float]:
        return [sent_s for bus in self.buses if (sent_s := bus.waits_to_settle()) is not None]


def run(
    fleet_path: Path,
    truth_path: Path,
    *,
    seed: int | None,
    scenario_path: Path | None = None,
    stop: threading.Event,
) -> Played:
    """Play the fleet until ``stop`` is set; ``seed`` None takes the fleet file's own.

    A bus can be opened as soon as its symlink exists. On the way out the truth file is complete and the symlinks are
    gone. Raises ``FleetProblem`` when the files, or the links they ask for, can't be used.
    """
    fleet = read_fleet(fleet_path, scenario_path)
    seed = fleet.seed if seed is None else seed
    with ExitStack() as leaving:
        counts = resumed_counts(truth_path)
        truth = leaving.enter_context(Truth(truth_path))
        street = build_street(fleet, truth, seed=seed, counts=counts)
        _open_all(fleet, street.buses, leaving)
        log.info("street_open", buses=len(street.buses), units=sum(len(bus.units) for bus in street.buses), seed=seed)
        street.play(stop)
    played = Played(
        answers=truth.answers,
        in_doubt=truth.in_doubt,
        requests=sum(bus.counts.requests for bus in street.buses),
        damaged=sum(bus.counts.damaged for bus in street.buses),
        dropped_late=sum(bus.counts.dropped_late for bus in street.buses),
    )
    log.info(
        "street_closed",
        answers=played.answers,
        in_doubt=played.in_doubt,
        damaged=played.damaged,
        dropped_late=played.dropped_late,
    )
    return played


def build_street(fleet: Fleet, truth: Truth, *, seed: int, counts: dict[str, int]) -> Street:
    """The street of ``fleet`` at its second zero, which is now; no line is open yet."""
    felt: dict[str, list[Fault]] = {}
    on_bus: dict[str, list[Fault]] = {}
    for event in fleet.events:
        if event.bus is not None:
            on_bus.setdefault(event.bus, []).append(event.felt_by(event.bus, seed))
            continue
        for serial in fleet.targets_of(event):
            felt.setdefault(serial, []).append(event.felt_by(serial, seed))
    street = Street(buses=(), truth=truth, start_s=time.monotonic(), milestones=_milestones(fleet))
    street.buses = [
        Bus(
            name=plan.name,
            terminal=Terminal(plan.link),
            units=_units(plan, felt, seed=seed, counts=counts),
            truth=truth,
            clock=street.now_s,
            chance=random.Random(key_of(seed, "bus", plan.name)),
            byte_s=BITS_PER_CHARACTER / plan.baud if plan.paced else 0.0,
            faults=tuple(on_bus.get(plan.name, ())),
        )
        for plan in fleet.buses
    ]
    return street


def _units(plan: BusPlan, felt: dict[str, list[Fault]], *, seed: int, counts: dict[str, int]) -> dict[int, SensorUnit]:
    utc_of_day_s = time.time() % 86_400
    return {
        unit.address: SensorUnit(
            address=unit.address,
            serial=unit.serial,
            body=fit(
                seed,
                unit.serial,
                unit.kind,
                depth_mm=unit.depth_mm,
                height_m=unit.height_m,
                solar_s=utc_of_day_s + unit.lon / 15.0 * 3600.0,
            ),
            faults=tuple(felt.get(unit.serial, ())),
            sample_count=counts.get(unit.serial, 0),
        )
        for unit in plan.units
    }


def _milestones(fleet: Fleet) -> list[Milestone]:
    stones = []
    for event in fleet.events:
        start = Milestone(
            at_s=event.at_s, phase="start", index=event.index, kind=event.kind, targets=fleet.targets_of(event)
        )
        stones.append(start)
        if math.isfinite(event.end_s):
            stones.append(replace(start, at_s=event.end_s, phase="end"))
    return sorted(stones, key=lambda stone: stone.at_s)


def _open_all(fleet: Fleet, buses: Sequence[Bus], leaving: ExitStack) -> None:
    problems = []
    for number, bus in enumerate(buses):
        try:
            bus.terminal.open()
        except LinkProblem as problem:
            problems.append(f"bus[{number}].{problem}")
        else:
            leaving.callback(bus.terminal.close)
    if problems:
        raise FleetProblem(problems)
