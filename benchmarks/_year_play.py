"""A simulated year through the real thing: intake, the worker's rounds and people's moves, each at its simulated time.

Nothing waits: what would happen at a moment happens when event time passes it. Spans in which nothing can happen are
left out exactly: time alone fires only when ``Intake.due_at`` says so, and groups are decided when an alert fired or
one's wait is over.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from math import ceil, inf
from typing import Any

from sqlalchemy import func, select

from benchmarks._year_city import City
from benchmarks._year_judge import Judge
from firmware_sim.year.plan import Year
from firmware_sim.year.readings import Uplink
from firmware_sim.year.troubles import Outage, Trouble
from firmware_sim.year.truth import Truth
from registry.domain.errors import DomainError
from registry.domain.kinds import Lane
from registry.intake import CabinetState, Intake, Pack, RawReading, note_cabinet
from registry.services import permits
from registry.services.cases import mark_overdue, move_case
from registry.services.grouping import decide_groups
from registry.services.no_data import watch_no_data
from registry.services.permit_ends import watch_permits
from registry.services.suspects import suspect_by_alerts, suspect_by_neighbours
from registry.storage.database import reading
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import alert, case

_HOUR_MS = 3_600_000
ROUND_MS = 2 * _HOUR_MS
WATCH_MS = 6 * _HOUR_MS
FOLD_MS = 24 * _HOUR_MS
PROMPT_MS, ROUTINE_MS = 2000, _HOUR_MS
GROUPS_MS = 10_000
PERMITS_MS = 30_000
SOON_S = 600.0
# people: how long after the mending a case is closed, and after how long in vain one is given up
TIDY_MS = 20 * 60_000
GIVE_UP_MS = 3 * _HOUR_MS

Act = Callable[[int], None]


@dataclass(slots=True)
class Played:
    """What went through."""

    readings: int = 0
    uplinks: int = 0
    batches: int = 0
    ticks: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    permits_refused: list[str] = field(default_factory=list)


class Play:
    """One year in one city. ``run`` once."""

    def __init__(self, year: Year, city: City, truth: Truth, judge: Judge, *, tell: bool = False) -> None:
        self.played = Played()
        self._year, self._city, self._truth, self._judge, self._tell = year, city, truth, judge, tell
        self._now_ms = 0
        self._intake = Intake(city.engine, city.series, clock=lambda: city.at(self._now_ms))
        self._batch: list[Uplink] = []
        self._flush_ms = self._tick_ms = self._groups_ms = inf
        self._number = 0
        self._agenda: list[tuple[int, int, Act]] = []
        self._permits: dict[int, int] = {}

    def run(self, stream: Iterable[Uplink]) -> None:
        """Everything, to the end of the year."""
        self._plan_acts()
        for uplink in stream:
            self._go_on_until(uplink.arrived_ms)
            self._take(uplink)
        self._go_on_until(round(self._year.lasts_s * 1000))

    # --- what comes when --------------------------------------------------------------------------------------------

    def _plan_acts(self) -> None:
        for trouble in self._year.troubles:
            if trouble.permit is not None:
                self._plan_permit(trouble)
        for outage in self._year.outages:
            if outage.what != "bus":
                self._plan_outage(outage)
            for at_s in (outage.start_s + SOON_S, outage.end_s + SOON_S):
                self._later(1000 * at_s, self._look_for_silence)
        self._later(0, self._watch)
        self._later(1, self._round)
        self._later(FOLD_MS, self._fold)
        heapify(self._agenda)

    def _later(self, at_ms: float, act: Act) -> None:
        self._number += 1
        heappush(self._agenda, (ceil(at_ms), self._number, act))

    def _go_on_until(self, until_ms: int) -> None:
        """Do all that is due before ``until_ms``, in its order."""
        while True:
            acts_ms = self._agenda[0][0] if self._agenda else inf
            next_ms = min(self._flush_ms, self._tick_ms, self._groups_ms, acts_ms)
            if next_ms > until_ms:
                return
            self._now_ms = max(self._now_ms, int(next_ms))
            if next_ms == self._flush_ms:
                self._flush()
            elif next_ms == self._tick_ms:
                self._tick()
            elif next_ms == self._groups_ms:
                self._decide_groups()
            else:
                # what had come before is judged before anybody looks
                self._flush()
                heappop(self._agenda)[2](self._now_ms)

    @property
    def _now(self) -> datetime:
        return self._city.at(self._now_ms)

    # --- readings ---------------------------------------------------------------------------------------------------

    def _take(self, uplink: Uplink) -> None:
        self._truth.note(uplink)
        self._batch.append(uplink)
        prompt = uplink.awake or bool(uplink.shows)
        self._flush_ms = min(self._flush_ms, uplink.arrived_ms + (PROMPT_MS if prompt else ROUTINE_MS))

    def _flush(self) -> None:
        self._flush_ms = inf
        if not self._batch:
            return
        began_ms = round(self._year.started_s * 1000)
        by_cabinet: dict[str, list[RawReading]] = defaultdict(list)
        for uplink in self._batch:
            into = by_cabinet[self._year.unit_of[uplink.serial].cabinet]
            measured, received = began_ms + uplink.measured_ms, began_ms + uplink.received_ms
            into += [(uplink.serial, name, measured, received, value, 0) for name, value in uplink.values]
        packs = [Pack(cabinet, Lane.ROUTINE, "", 0, 0, readings) for cabinet, readings in by_cabinet.items()]
        receipt = self._intake.accept(packs, now=self._now)
        self.played.uplinks += len(self._batch)
        self.played.readings += receipt.stored
        self.played.batches += 1
        for reason, count in receipt.rejected_by.items():
            self.played.rejected[reason] += count
        self._batch.clear()
        self._see_to(receipt.fired + receipt.cleared)

    def _tick(self) -> None:
        self.played.ticks += 1
        self._see_to(self._intake.tick(now=self._now))
        # what still waits waits for the next second, as a running ingest does
        self._tick_ms = max(self._tick_ms, self._now_ms + 1000)

    def _see_to(self, changed: int) -> None:
        due = self._intake.due_at()
        self._tick_ms = inf if due is None else max(self._now_ms, self._city.ms(due))
        if changed:
            self._groups_ms = min(self._groups_ms, self._now_ms + GROUPS_MS)

    # --- the worker -------------------------------------------------------------------------------------------------

    def _decide_groups(self) -> None:
        decide_groups(self._city.engine, now=self._now)
        waits = select(func.min(alert.c.case_due_at)).where(alert.c.case_due_at.is_not(None))
        with reading(self._city.engine) as tx:
            soonest = tx.scalar(waits)
        self._groups_ms = inf if soonest is None else max(self._city.ms(soonest), self._now_ms + GROUPS_MS)

    def _round(self, at_ms: int) -> None:
        engine, now = self._city.engine, self._now
        watch_permits(engine, now)
        suspect_by_alerts(engine, now=now)
        mark_overdue(engine, now=now)
        self._groups_ms = min(self._groups_ms, at_ms + GROUPS_MS)
        self._see_to(0)
        self._people_look()
        self._later(at_ms + ROUND_MS, self._round)

    def _fold(self, at_ms: int) -> None:
        self._city.series.fold(self._now)
        self._later(at_ms + FOLD_MS, self._fold)
        if self._tell and at_ms // FOLD_MS % 10 == 0:
            days, done = at_ms // (24 * _HOUR_MS), self.played
            print(f"day {days}: {done.readings} readings in {done.batches} batches", file=sys.stderr, flush=True)

    # --- cabinets ---------------------------------------------------------------------------------------------------

    def _plan_outage(self, outage: Outage) -> None:
        # the broker tells of a cabinet that is gone a keepalive later
        self._later(1000 * outage.start_s + 30_000, lambda at_ms: self._speak(outage.cabinet, at_ms, online=False))
        self._later(1000 * outage.end_s + 1000, lambda at_ms: self._comes_back(outage, at_ms))
        self._later(1000 * outage.end_s + 60_000, lambda at_ms: self._speak(outage.cabinet, at_ms))

    def _comes_back(self, outage: Outage, at_ms: int) -> None:
        unsent_s = outage.end_s - outage.start_s if outage.what == "line" else 0.0
        self._speak(outage.cabinet, at_ms, unsent_s=unsent_s)

    def _watch(self, at_ms: int) -> None:
        """Every cabinet says that it is there, and the worker looks who says nothing or contradicts the others."""
        down = {each.cabinet for each in self._year.outages if each.what != "bus" and self._is_down(each, at_ms)}
        for cabinet in self._city.boxes:
            if cabinet not in down:
                self._speak(cabinet, at_ms)
        suspect_by_neighbours(self._city.engine, now=self._now)
        self._look_for_silence(at_ms)
        self._later(at_ms + WATCH_MS, self._watch)

    def _look_for_silence(self, _at_ms: int) -> None:
        self._see_to(watch_no_data(self._city.engine, now=self._now).fired)

    @staticmethod
    def _is_down(outage: Outage, at_ms: int) -> bool:
        return 1000 * outage.start_s <= at_ms < 1000 * outage.end_s + 60_000

    def _speak(self, cabinet: str, at_ms: int, *, online: bool = True, unsent_s: float = 0.0) -> None:
        at_s = self._year.started_s + at_ms / 1000
        state = CabinetState(cabinet=cabinet, online=online, at=at_s, oldest_unsent_s=unsent_s, epoch="e")
        note_cabinet(self._city.engine, state, now=self._now)

    # --- people -----------------------------------------------------------------------------------------------------

    def _plan_permit(self, trouble: Trouble) -> None:
        permit = trouble.permit
        if permit is None:
            return
        minutes = max(15, round((permit.ends_s - permit.starts_s) / 60))
        self._later(1000 * permit.starts_s, lambda _: self._start_permit(trouble, minutes))
        ended_s = permit.ends_s if permit.ended_s is None else permit.ended_s
        if permit.ended_s is not None:
            self._later(1000 * permit.ended_s, lambda _: self._end_permit(trouble))
        for n in range(20):
            self._later(1000 * ended_s + 2000 + n * PERMITS_MS, self._watch_permits)

    def _start_permit(self, trouble: Trouble, minutes: int) -> None:
        new = permits.NewPermit(
            asset_id=self._city.assets[trouble.serial],
            work="清掏 / cleaning",
            people=2,
            minutes=min(minutes, 720),
            scanned=True,
        )
        try:
            self._permits[trouble.number] = permits.start(self._city.engine, new, by=self._city.crew, now=self._now)
        except DomainError as error:
            self.played.permits_refused.append(f"{trouble.kind} {trouble.serial}: {error}")

    def _end_permit(self, trouble: Trouble) -> None:
        try:
            permits.end(self._city.engine, self._permits[trouble.number], by=self._city.crew, now=self._now)
        except (DomainError, KeyError) as error:
            self.played.permits_refused.append(f"{trouble.kind} {trouble.serial}: {error}")

    def _watch_permits(self, _at_ms: int) -> None:
        watch_permits(self._city.engine, self._now)
        self._see_to(1)

    def _people_look(self) -> None:
        """Cases whose cause was mended are seen through; those with nothing behind them are given up after hours."""
        with reading(self._city.engine) as tx:
            rows = tx.execute(select(case).where(IS_OPEN)).all()
        for row in rows:
            opened_ms = self._city.ms(row.opened_at)
            ended_s = self._judge.over_at(row.id, row.kind, row.asset_id, opened_ms / 1000)
            if ended_s is None:
                if self._now_ms - opened_ms >= GIVE_UP_MS:
                    self._move(row, [("void", "nothing found there")])
            elif self._now_ms >= 1000 * ended_s + TIDY_MS:
                self._see_through(row)

    def _see_through(self, row: Any) -> None:
        moves = [("dispatch", ""), ("accept", ""), ("hand_back", "mended"), ("verify", ""), ("close", "it is over")]
        self._move(row, moves)

    def _move(self, row: Any, moves: list[tuple[str, str]]) -> None:
        version = row.version
        for move, note in moves:
            by = self._city.crew if move in ("accept", "hand_back") else self._city.desk
            moved = move_case(
                self._city.engine,
                case_id=row.id,
                move=move,
                by=by,
                expected_version=version,
                now=self._now,
                note=note,
                assignee_id=self._city.crew.user_id if move == "dispatch" else None,
            )
            version = moved.version
