"""The door through which readings come in: batches of packs → series, records, verdicts, alerts, cases → acks.

One batch is one transaction. The series is on disk first, the records are committed second, and only then may the
caller ack: a crash in between replays, and a replay changes nothing. What can't be used is kept among the dead letters
with its reason.

May import ``registry.domain``, ``registry.services`` and ``registry.storage``; knows nothing of MQTT or SenML.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, tzinfo
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy import Connection, Engine, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import StoreDown
from registry.domain.external_events import EVENT_POINT, readings_of
from registry.domain.kinds import Lane, Quality, Reject
from registry.domain.rules import Memory, Verdict, VerdictKind, write_memory
from registry.services import alerts, event_inbox, external_events
from registry.services import intake_records as records
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.intake_directory import Cell, Directory, Post, load_directory
from registry.storage.database import reading, writing
from registry.storage.series import SeriesStore
from registry.storage.series.beside import Beside
from registry.storage.series.port import Refused
from registry.storage.tables import asset
from registry.storage.times import from_ms, to_ms

__all__ = [
    "Ack",
    "CabinetState",
    "Intake",
    "Lane",
    "LetterReader",
    "Pack",
    "RawReading",
    "Receipt",
    "StoreDown",
    "note_cabinet",
]

log = structlog.get_logger(__name__)

# serial, point, measured_ms, received_ms, value, quality: plain tuples, since there are tens of thousands a second
RawReading = tuple[str, str, int, int, float, int]

# No sensor of this city is older than the project; what claims to be earlier comes from a clock that was never set.
EARLIEST_MS = 1_577_836_800_000  # 2020-01-01 UTC
FUTURE_LIMIT_MS = 10 * 60 * 1000
_NOT_FITTED = "undecodable: unknown_device:"  # a cabinet's words for a frame of a device that stands in no table
PENDING_GRACE_MS = 5_000
# once a reading: in Python 3.11 the look-up in the enum alone would cost more than all comparisons of a reading
_LATE, _SUSPECT = int(Quality.LATE), int(Quality.SUSPECT)
_MOST_STOOD_FOR = 2**31 - 1


# A letter's original, and how to find a device's profile ("": none), to readings. Raises ValueError with why not.
LetterReader = Callable[[str, Callable[[str], str]], Sequence[RawReading]]
REPLAYED_AT_ONCE = 500


class Pack(NamedTuple):
    """One decoded pack. ``seq`` 0 means that it carries no number (another source than a cabinet): never a repeat."""

    cabinet: str
    lane: Lane
    epoch: str
    seq: int
    after: int
    readings: Sequence[RawReading]
    bad: Sequence[tuple[str, str]] = ()


class Ack(NamedTuple):
    """Everything up to ``seq`` of this epoch and lane is committed."""

    cabinet: str
    lane: Lane
    epoch: str
    seq: int


class Receipt(NamedTuple):
    """What became of a batch."""

    acks: list[Ack]
    packs: int
    stored: int
    late: int
    rejected: int
    repeats: int
    holes: int
    fired: int
    cleared: int
    rejected_by: Mapping[str, int] = MappingProxyType({})


class _Decision(NamedTuple):
    post: Post
    verdict: Verdict
    received_ms: int | None
    memory: Memory | None


class _Named(msgspec.Struct):
    """What an unusable record or frame may say of its device, and of how many like it."""

    device: str = ""
    bn: str = ""
    stands_for: int = 1


_one_reading = msgspec.json.Decoder(RawReading)
_many_readings = msgspec.json.Decoder(list[RawReading])
_named = msgspec.json.Decoder(_Named)


class _Overtaken(StoreDown):
    """Somebody changed a rule or a device after the batch was judged and before it was written: nothing was."""


class _Batch:
    """What one call of ``accept`` has found so far; thrown away whole when anything fails."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.rows: list[tuple[int, int, float, int, int]] = []
        self.newest: dict[int, records.LatestRow] = {}
        self.first: set[int] = set()
        self.letters: list[records.Letter] = []
        self.decisions: list[_Decision] = []
        self.remembered: dict[Post, Memory | None] = {}
        self.replayed: list[int] = []
        self.events: list[tuple[int, int, bool]] = []
        self.failed: list[records.Failed] = []
        self.lanes: dict[tuple[str, Lane, str], int] = {}
        self.acks: dict[tuple[str, Lane, str], int] = {}
        self.late = self.repeats = self.holes = self.refused = 0


class Intake:
    """Takes packs for one city. One instance a process; not for several threads at once.

    It keeps the directory of points, their newest times and the rules' memories in step with the database, and reads
    them anew whenever a transaction fails or somebody else changed a device or a rule. ``clock`` only measures when a
    commit was done; ``zone`` is the city's, for case numbers. ``read_letter`` understands dead letters that are no
    readings yet (frames that no decoder knew); without it they wait for an intake that has one.
    """

    def __init__(
        self,
        engine: Engine,
        store: SeriesStore,
        *,
        clock: Callable[[], datetime],
        zone: tzinfo = CHINA_TIME,
        read_letter: LetterReader | None = None,
    ) -> None:
        self._zone = zone
        self._read_letter = read_letter
        self._engine = engine
        self._store = store
        self._clock = clock
        self._directory: Directory | None = None
        self._pending: set[Post] = set()

    def accept(self, packs: Sequence[Pack], *, now: datetime) -> Receipt:
        """Keep and judge ``packs`` and answer what may be acked. Raises ``StoreDown``; then nothing may be acked."""
        try:
            return self._accept(packs, now)
        except _Overtaken as told:
            log.info("batch_judged_again", why=str(told))
            return self._accept(packs, now)

    def _accept(self, packs: Sequence[Pack], now: datetime) -> Receipt:
        try:
            directory = self._current_directory()
            batch = _Batch(to_ms(now))
            with self._beside() as beside:
                for pack in packs:
                    if self._is_next(pack, directory, batch):
                        self._sort_out(pack, directory, batch)
                        if beside is not None:
                            beside.offer(batch.rows)
                fired, cleared = self._keep(directory, batch, now, beside)
        except BaseException:
            self._forget()
            raise
        directory.lanes.update(batch.lanes)
        return Receipt(
            acks=[Ack(*key, seq) for key, seq in batch.acks.items()],
            packs=len(packs),
            stored=len(batch.rows) - batch.refused,
            late=batch.late,
            rejected=len(batch.letters),
            repeats=batch.repeats,
            holes=batch.holes,
            fired=fired,
            cleared=cleared,
            rejected_by=Counter(str(letter.reason) for letter in batch.letters),
        )

    def judge_only(self, packs: Sequence[Pack], directory: Directory, *, now_ms: int) -> int:
        """Sort out and judge ``packs`` as ``accept`` does and keep none of it; how many verdicts. For measuring."""
        batch = _Batch(now_ms)
        for pack in packs:
            self._sort_out(pack, directory, batch)
        return len(batch.decisions)

    def progress(self) -> list[Ack]:
        """How far every lane is committed. Raises ``StoreDown``."""
        return [Ack(*key, seq) for key, seq in self._current_directory().lanes.items()]

    def tick(self, *, now: datetime) -> int:
        """Do what time or people ask for; answers how many alerts that made.

        Fires what has been pending long enough without news, replays the dead letters that somebody wants replayed, and
        takes what other platforms told us. Raises ``StoreDown``.
        """
        return self._fire_pending(now) + self._replay(now) + self._take_events(now)

    def due_at(self) -> datetime | None:
        """From when on ``tick`` would find that time alone changed something, if nothing more comes; None: never.

        Before that moment it may be left out: a replay of a year need not tick through its quiet days.
        """
        dues = (
            post.touched_ms + max(0, due_ms - memory.last_ms)
            for post in self._pending
            if (memory := post.memory) is not None and (due_ms := post.guard.due_ms(memory)) is not None
        )
        soonest = min(dues, default=None)
        return None if soonest is None else from_ms(soonest + PENDING_GRACE_MS)

    def _take_events(self, now: datetime) -> int:
        """Other platforms' alerts as readings of their virtual devices, settled in the transaction of the readings."""
        with reading(self._engine) as tx:
            told = event_inbox.waiting(tx, now=now)
        if not told:
            return 0
        try:
            directory = self._current_directory()
            batch = _Batch(to_ms(now))
            for device in told:
                cell = directory.devices.get(device.serial, directory.nothing).get(EVENT_POINT)
                newest_ms = 0 if cell is None else cell.newest_ms
                rows: list[RawReading] = [
                    (device.serial, EVENT_POINT, measured_ms, batch.now_ms, float(value), Quality.GOOD)
                    for measured_ms, value in readings_of(device.occurrences, newest_ms=newest_ms, now_ms=batch.now_ms)
                ]
                self._sort_out(Pack("", Lane.URGENT, "", 0, 0, rows), directory, batch)
                batch.events += device.seen
            with self._beside() as beside:
                fired, cleared = self._keep(directory, batch, now, beside)
        except BaseException:
            self._forget()
            raise
        log.info("external_events_taken", devices=len(told), readings=len(batch.rows), fired=fired, cleared=cleared)
        return fired

    def _fire_pending(self, now: datetime) -> int:
        if not self._pending:
            return 0
        try:
            self._current_directory()
            batch = _Batch(to_ms(now))
            for post in list(self._pending):
                self._tick(post, batch)
            if not batch.decisions:
                return 0
            return self._commit(batch, now, list)[0]
        except BaseException:
            self._forget()
            raise

    def _tick(self, post: Post, batch: _Batch) -> None:
        before = post.memory
        if before is None or post.guard.due_ms(before) is None:
            self._pending.discard(post)
            return
        known_ms = post.known_ms(before, batch.now_ms)
        after, verdicts = post.guard.tick(before, known_ms, grace_ms=PENDING_GRACE_MS)
        if after is not before:
            self._remember(post, after, batch)
            batch.decisions += [_Decision(post, verdict, None, after) for verdict in verdicts]

    def _replay(self, now: datetime) -> int:
        """Take the readings of letters as if they had just come: what can be used becomes a reading, and is judged."""
        external_events.replay_letters(self._engine, REPLAYED_AT_ONCE, now=now)
        with reading(self._engine) as tx:
            asked = records.asked_letters(tx, REPLAYED_AT_ONCE)
            if not asked:
                return 0
            found = [(letter, self._readings_in(tx, letter)) for letter in asked]
        try:
            directory = self._current_directory()
            batch = _Batch(to_ms(now))
            for letter, readings in found:
                self._take_again(letter, readings, directory, batch)
            with self._beside() as beside:
                fired, _ = self._keep(directory, batch, now, beside)
        except BaseException:
            self._forget()
            raise
        again = len(batch.failed) + len(batch.letters)
        log.info("letters_replayed", letters=len(asked), readings=len(batch.rows), failed=again)
        return fired

    def _readings_in(self, tx: Connection, letter: records.AskedLetter) -> Sequence[RawReading] | str:
        """The readings of a letter, or why there are none in it."""
        try:
            return _as_readings(letter.body)
        except msgspec.MsgspecError:
            pass
        if self._read_letter is None:
            return "this intake knows no decoders"
        try:
            return self._read_letter(letter.body, partial(records.profile_of, tx))
        except ValueError as problem:
            return str(problem)
        except (TypeError, LookupError, ArithmeticError):  # a decoder's fault may not stop the intake of the rest
            log.exception("letter_reader_failed", letter_id=letter.id)
            return "reading it failed: report this with the letter's original"

    def _take_again(
        self, letter: records.AskedLetter, readings: Sequence[RawReading] | str, directory: Directory, batch: _Batch
    ) -> None:
        if isinstance(readings, str):
            batch.failed.append(records.Failed(letter.id, letter.reason, readings, letter.device))
            return
        before = len(batch.letters)
        lane = Lane(letter.lane) if letter.lane else Lane.ROUTINE
        self._sort_out(Pack(letter.cabinet, lane, letter.epoch, letter.seq, 0, readings), directory, batch)
        refused = batch.letters[before:]
        if len(readings) == len(refused) == 1:  # the same letter, with what is wrong with it now
            del batch.letters[before:]
            batch.failed.append(records.Failed(letter.id, refused[0].reason, refused[0].detail, refused[0].device))
            return
        batch.letters[before:] = [each._replace(attempts=letter.attempts + 1) for each in refused]
        batch.replayed.append(letter.id)

    def _beside(self) -> AbstractContextManager[Beside | None]:
        """Servers work on their own: one writes while we judge and make the statements for the other.

        None where the records are a file: beside others only one may write it, who is not made to wait for the series.
        """
        return nullcontext() if self._engine.dialect.name == "sqlite" else Beside(self._store)

    def _keep(self, directory: Directory, batch: _Batch, now: datetime, beside: Beside | None) -> tuple[int, int]:
        """Into the series and the records, committed in this order; answers how many alerts fired and cleared."""
        if beside is None:
            letters = _refused_letters(self._store.append(batch.rows), directory, batch)
            return self._commit(batch, now, lambda: letters)
        beside.rest(batch.rows)
        return self._commit(batch, now, lambda: _refused_letters(beside.refused(), directory, batch))

    def _current_directory(self) -> Directory:
        now = self._clock()
        with reading(self._engine) as connection:
            known = self._directory
            if known is not None and records.revisions(connection) == known.revisions and not known.is_over(now):
                return known
            self._directory = load_directory(connection, now=now, zone=self._zone)
        self._pending = self._directory.pending()
        log.info("directory_loaded", devices=len(self._directory.devices), points=self._directory.points)
        return self._directory

    def _forget(self) -> None:
        self._directory = None
        self._pending = set()

    def _is_next(self, pack: Pack, directory: Directory, batch: _Batch) -> bool:
        if pack.seq == 0:
            return True
        key = (pack.cabinet, pack.lane, pack.epoch)
        done = batch.lanes.get(key, directory.lanes.get(key, 0))
        fresh = pack.seq > done and pack.after <= done
        if pack.seq <= done:
            batch.repeats += 1
        elif pack.after > done:
            batch.holes += 1
        if fresh:
            done = pack.seq
            batch.lanes[key] = done
        batch.acks[key] = done
        return fresh

    def _sort_out(self, pack: Pack, directory: Directory, batch: _Batch) -> None:
        for body, reason in pack.bad:
            cause = Reject.UNKNOWN_DEVICE if reason.startswith(_NOT_FITTED) else Reject.UNDECODABLE
            letter = _letter(pack, batch.now_ms, cause, reason, body)
            device, stands_for = _named_in(body)
            batch.letters.append(letter._replace(device=device, stands_for=stands_for))
        devices, nothing = directory.devices, directory.nothing
        now_ms = batch.now_ms
        latest_possible = now_ms + FUTURE_LIMIT_MS
        add, newest = batch.rows.append, batch.newest
        serial, cells = "", nothing
        for raw in pack.readings:
            owner, name, measured, received, value, quality = raw
            if owner != serial:
                serial = owner
                cells = devices.get(owner, nothing)
            cell = cells.get(name)
            # NaN fails the comparison too
            if cell is None or not (cell.low <= value <= cell.high and EARLIEST_MS <= measured <= latest_possible):
                batch.letters.append(_why_rejected(pack, raw, directory, cells, cell, now_ms))
                continue
            point_id, before = cell.point_id, cell.newest_ms
            if measured <= before:
                if measured < before:
                    batch.late += 1
                    quality = quality or _LATE
                add((point_id, measured, value, quality, received))
                if before - measured < cell.lateness_ms and quality != _SUSPECT:
                    waiting = [post for post in cell.posts if before - measured < post.guard.lateness_ms]
                    self._judge(cell, waiting, measured, received, value, batch)
                continue
            if not before:
                batch.first.add(point_id)
            cell.newest_ms = measured
            newest[point_id] = row = (point_id, measured, value, quality, received)
            add(row)
            if (cell.idle and cell.calm_above < value < cell.calm_below) or quality == _SUSPECT:
                continue
            self._judge(cell, cell.posts, measured, received, value, batch)

    def _judge(
        self, cell: Cell, posts: Sequence[Post], measured: int, received: int, value: float, batch: _Batch
    ) -> None:
        for post in posts:
            before, guard = post.memory, post.guard
            # another guard of the point may want every reading
            if before is None and guard.calm_above < value < guard.calm_below:
                continue
            after, verdicts = guard.evaluate(before, cell.point_id, measured, value)
            if after is before:
                continue
            if verdicts or guard.keeps(before, after):
                self._remember(post, after, batch)
            else:
                # not stored: after a restart it counts anew
                post.memory, post.touched_ms = after, batch.now_ms
                cell.idle = False
                if after is not None and guard.due_ms(after) is not None:
                    self._pending.add(post)
            if verdicts:
                batch.decisions += [_Decision(post, verdict, received, after) for verdict in verdicts]

    def _remember(self, post: Post, memory: Memory | None, batch: _Batch) -> None:
        post.memory, post.touched_ms = memory, batch.now_ms
        cell = post.cell
        if cell.calm_above < cell.calm_below:  # else no reading of it is ever passed over
            cell.idle = all(each.memory is None for each in cell.posts)
        batch.remembered[post] = memory
        if memory is not None and post.guard.due_ms(memory) is not None:
            self._pending.add(post)

    def _check_still_in_force(self, tx: Connection) -> None:
        """What was decided by a rule that is off by now would stay live for ever. Only whose turn it is can know."""
        if self._directory is not None and records.revisions(tx) != self._directory.revisions:
            raise _Overtaken("a rule or a device was changed while a batch was being judged")

    def _commit(self, batch: _Batch, now: datetime, appended: Callable[[], list[records.Letter]]) -> tuple[int, int]:
        """The records; ``appended`` waits until the series has its part and answers the letters for what it refused."""
        fired: list[int] = []
        cleared = 0
        with writing(self._engine) as tx:
            records.keep_latest(tx, batch.newest, batch.first, batch.now_ms)
            records.keep_lanes(tx, batch.lanes, batch.now_ms)
            records.settle_letters(tx, batch.replayed, batch.failed, batch.now_ms)
            event_inbox.settle(tx, batch.events, now)
            _keep_memories(tx, batch.remembered)
            if batch.decisions:
                alerts.take_turn(tx)
                self._check_still_in_force(tx)
                _hold_assets(tx, batch.decisions)
            for decision in batch.decisions:
                fired_id, was_cleared = _apply(tx, decision, now, self._zone)
                fired += [fired_id] if fired_id else []
                cleared += was_cleared
            batch.letters += appended()
            records.keep_letters(tx, batch.letters)
        if fired:
            committed_at = self._clock()
            with writing(self._engine) as tx:
                alerts.note_committed(tx, fired, at=committed_at)
        return len(fired), cleared


def _hold_assets(tx: Connection, decisions: Sequence[_Decision]) -> None:
    """Lock the assets whose cases may be opened, in one order: an import locks a batch of them, and a new case waits
    for its asset (``registry.storage.tables.lies_in``)."""
    about = {each.post.cell.asset_id for each in decisions if each.verdict.kind is not VerdictKind.CLEAR} - {None}
    if len(about) > 1 and tx.dialect.name == "postgresql":
        tx.execute(select(asset.c.id).where(asset.c.id.in_(about)).order_by(asset.c.id).with_for_update(read=True))


def _keep_memories(tx: Connection, remembered: Mapping[Post, Memory | None]) -> None:
    rows = {
        (post.guard.rule.key, post.cell.point_id): None if memory is None else write_memory(memory)
        for post, memory in remembered.items()
        if memory is not None or post.stored
    }
    records.keep_memories(tx, rows)
    for post, memory in remembered.items():
        post.stored = memory is not None


def _apply(tx: Connection, decision: _Decision, now: datetime, zone: tzinfo) -> tuple[int | None, int]:
    cell, rule, verdict = decision.post.cell, decision.post.guard.rule, decision.verdict
    subject = alerts.Subject(point_id=cell.point_id, device_id=cell.device_id, asset_id=cell.asset_id)
    at, level, severity = from_ms(verdict.at_ms), verdict.level, verdict.severity
    if verdict.kind is VerdictKind.CLEAR:
        return None, alerts.clear(tx, rule.key, subject, cleared_at=at, level=level, now=now)
    if verdict.kind is VerdictKind.WORSEN:
        alerts.worsen(tx, rule, subject, at=at, level=level, now=now)
    elif verdict.kind is VerdictKind.STEP:
        alerts.step(tx, rule, subject, severity=severity, at=at, level=level, now=now, zone=zone)
    elif verdict.kind is VerdictKind.FLAP:
        alerts.hold(tx, rule, subject, at=at, level=level, now=now)
    if verdict.kind is not VerdictKind.FIRE or cell.asset_id is None:
        return None, 0
    received_ms = decision.received_ms
    alert_id = alerts.fire(
        tx,
        rule,
        subject,
        severity=severity,
        began_at=from_ms(verdict.began_ms),
        fired_at=at,
        trigger_received_at=None if received_ms is None else from_ms(received_ms),
        level=level,
        memory="" if decision.memory is None else write_memory(decision.memory),
        now=now,
        zone=zone,
    )
    return alert_id, 0


def _refused_letters(refused: Sequence[Refused], directory: Directory, batch: _Batch) -> list[records.Letter]:
    """What the series will never take. It is true, so it was judged as well."""
    if not refused:
        return []
    batch.refused = len(refused)
    names = directory.names({each.row.point_id for each in refused})
    letters = []
    for row, why in refused:
        serial, name = names[row.point_id]
        body = msgspec.json.encode((serial, name, row.measured_ms, row.received_ms, row.value, row.quality)).decode()
        detail = f"the series store refuses {serial}/{name}: {why}"
        letters.append(records.Letter(batch.now_ms, "", "", "", 0, Reject.STORE_REFUSED, detail, body, serial))
    return letters


def _as_readings(body: str) -> list[RawReading]:
    """One reading, or several. Raises ``msgspec.MsgspecError`` for anything else."""
    try:
        return [_one_reading.decode(body)]
    except msgspec.ValidationError:
        return _many_readings.decode(body)


def _named_in(body: str) -> tuple[str, int]:
    """The serial that a record or frame names, if any, and how many like it this one stands for."""
    try:
        named = _named.decode(body)
    except msgspec.MsgspecError:
        return "", 1
    return named.device or named.bn.partition("/")[0], min(max(1, named.stands_for), _MOST_STOOD_FOR)


def _letter(pack: Pack, now_ms: int, reason: Reject, detail: str, body: str) -> records.Letter:
    return records.Letter(now_ms, pack.cabinet, pack.lane, pack.epoch, pack.seq, reason, detail, body)


def _why_rejected(
    pack: Pack, raw: RawReading, directory: Directory, cells: dict[str, Cell], cell: Cell | None, now_ms: int
) -> records.Letter:
    serial, point, measured, _, value, _ = raw
    if serial in directory.removed:
        at = directory.removed[serial]
        reason = Reject.UNKNOWN_DEVICE
        detail = f"device {serial} was taken off on {at:%Y-%m-%d %H:%M} UTC: fit it to an asset, or switch it off"
    elif not cells:
        reason, detail = Reject.UNKNOWN_DEVICE, f"device {serial!r} is not registered: fit it to an asset, then replay"
    elif cell is None:
        reason, detail = Reject.UNKNOWN_POINT, f"device {serial} has no point {point!r}: check its profile"
    elif value != value:
        reason, detail = Reject.NOT_A_NUMBER, f"{serial}/{point} is not a number: check the sensor"
    elif not cell.low <= value <= cell.high:
        detail = f"{serial}/{point} = {value:g} {cell.unit} is outside {cell.low:g}…{cell.high:g}: check the sensor"
        reason = Reject.OUT_OF_RANGE
    elif measured < EARLIEST_MS:
        reason, detail = Reject.TOO_OLD, f"{serial}/{point} is dated {measured} ms: the cabinet's clock was never set"
    else:
        ahead_s = (measured - now_ms) / 1000
        reason = Reject.IN_FUTURE
        detail = f"{serial}/{point} is dated {ahead_s:.0f} s ahead: set the cabinet's clock (NTP)"
    return _letter(pack, now_ms, reason, detail, msgspec.json.encode(raw).decode())._replace(device=serial)
