"""Alerts of other platforms, written down as they come; what was written stays, as the evidence of our alerts.

The web process only writes down: durable before the sender is answered, each occurrence once however often it is sent,
what can't be used among the dead letters. What the intake does with it: ``registry.services.event_inbox``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Engine, and_, bindparam, delete, insert, select, update

from registry.domain.errors import Conflict, InvalidInput
from registry.domain.external_events import (
    EVENT_POINT,
    EXTERNAL_PROFILE,
    EventOutcome,
    ExternalEvent,
    read_event,
    serial_of,
)
from registry.domain.kinds import AssetState, Reject
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import covers
from registry.services.devices import NewDevice, put_on
from registry.services.event_assets import NamedAsset, assets_named
from registry.storage.database import reading, writing
from registry.storage.tables import dead_letter, device, event_inbox
from registry.storage.times import to_ms

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 1000
MOST_NAMES = 20
"""Virtual devices that one asset has at most: a sender that numbers its alerts' names would make one for each."""

OTHERS = "others"
_HEARTBEAT_S = 31 * 86_400.0
_LETTER_MARK = "external"
_LONGEST_DETAIL = 500
_ATTEMPTS = 3


class RawAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as it was sent, and by whom: what stands in a dead letter, too."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: str = ""
    ends_at: str = ""
    resolved: bool = False
    source_url: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventResult:
    """What became of one alert. ``problem``: why it was refused, at a field of the alert."""

    outcome: EventOutcome
    fingerprint: str
    asset_id: int | None = None
    device_id: int | None = None
    problem: InvalidInput | None = None


_raw_alert = msgspec.json.Decoder(RawAlert)


def take_events(engine: Engine, sent: Sequence[RawAlert], *, by: Actor, now: datetime) -> list[EventResult]:
    """Write down what was sent, in its order; what became of each. One transaction.

    Nothing is raised for an alert that can't be used: it is kept as a dead letter with the reason, once however often
    it is sent, and can be replayed.
    """
    if not sent:
        return []
    for attempt in range(_ATTEMPTS):
        try:
            with writing(engine) as tx:
                return _take(tx, sent, by=by, now=now)
        except Conflict:  # another process wrote the same alert, or made the same device, at this very moment
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def replay_letters(engine: Engine, limit: int, *, now: datetime) -> int:
    """Take the alerts again that wait among the dead letters to be replayed; how many there were."""
    asked = and_(dead_letter.c.asked_at.is_not(None), dead_letter.c.epoch == _LETTER_MARK)
    query = select(dead_letter.c.id, dead_letter.c.body).where(asked).order_by(dead_letter.c.id).limit(limit)
    with reading(engine) as look:
        if look.execute(query).first() is None:
            return 0
    with writing(engine) as tx:
        letters = tx.execute(query).all()
        results = _take(tx, [_raw_alert.decode(each.body) for each in letters], by=SYSTEM, now=now)
        done = [each.id for each, result in zip(letters, results, strict=True) if result.problem is None]
        tx.execute(delete(dead_letter).where(dead_letter.c.id.in_(done)))
        tx.execute(
            update(dead_letter)
            .where(dead_letter.c.id.in_([each.id for each in letters if each.id not in set(done)]))
            .values(asked_at=None, tried_at=now, attempts=dead_letter.c.attempts + 1)
        )
    log.info("event_letters_replayed", letters=len(letters), taken=len(done))
    return len(letters)


def _take(tx: Connection, sent: Sequence[RawAlert], *, by: Actor, now: datetime) -> list[EventResult]:
    read = [_read(each, now) for each in sent]
    events = [each for each in read if isinstance(each, ExternalEvent)]
    names = assets_named(tx, [value for event in events for _, value in event.names])
    prints = [event.fingerprint for event in events]
    book = _Book(tx, _assets_of(events, names), prints, by=by, now=now)
    results = []
    for raw, each in zip(sent, read, strict=True):
        result = each if isinstance(each, EventResult) else _take_one(book, each, names)
        if result.problem is not None:
            book.refuse(raw, result)
        results.append(result)
    book.write()
    return results


def _read(raw: RawAlert, now: datetime) -> ExternalEvent | EventResult:
    try:
        return read_event(
            raw.labels,
            raw.annotations,
            starts_at=raw.starts_at,
            ends_at=raw.ends_at,
            resolved=raw.resolved,
            source_url=raw.source_url,
            sender=raw.sender,
            now=now,
        )
    except InvalidInput as problem:
        return EventResult(outcome=EventOutcome.REFUSED, fingerprint="", problem=problem)


def _assets_of(events: Sequence[ExternalEvent], names: Mapping[str, list[NamedAsset]]) -> list[int]:
    return [each.id for event in events for _, value in event.names for each in names.get(value, [])]


def _take_one(book: _Book, event: ExternalEvent, names: Mapping[str, list[NamedAsset]]) -> EventResult:
    try:
        carrier = _carrier(event, names, book.by)
    except InvalidInput as problem:
        return EventResult(outcome=EventOutcome.REFUSED, fingerprint=event.fingerprint, problem=problem)
    if book.is_past(event):
        return EventResult(outcome=EventOutcome.OVER, fingerprint=event.fingerprint, asset_id=carrier.id)
    asset_id, device_id = book.place_of(event, carrier.id)
    outcome = book.note(event, asset_id, device_id)
    return EventResult(outcome=outcome, fingerprint=event.fingerprint, asset_id=asset_id, device_id=device_id)


def _carrier(event: ExternalEvent, names: Mapping[str, list[NamedAsset]], by: Actor) -> NamedAsset:
    for label, value in event.names:
        found = names.get(value, [])
        if len(found) > 1:
            raise InvalidInput(
                "labels",
                "{label}={given!r} names several assets ({known}); send component_code instead",
                label=label,
                given=value,
                known=", ".join(each.code for each in found[:3]),
            )
        if found and found[0].state is AssetState.ABANDONED:
            raise InvalidInput(
                "labels", "{label}={given!r} names an abandoned asset; stop sending about it", label=label, given=value
            )
        if found and not covers(by, found[0].area_code):
            raise InvalidInput(
                "labels",
                "{label}={given!r} lies outside the area of this token's holder; use a token of the whole city",
                label=label,
                given=value,
            )
        if found:
            return found[0]
    label, value = event.names[0]
    raise InvalidInput(
        "labels",
        "{label}={given!r} names no asset; register it or add this as an alias of the asset, then replay",
        label=label,
        given=value,
    )


class _Book:
    """What is on file about the alerts of one call, and what is to be written; read and written as sets."""

    def __init__(
        self, tx: Connection, assets: Sequence[int], prints: Sequence[str], *, by: Actor, now: datetime
    ) -> None:
        self.tx, self.by, self.now = tx, by, now
        self.open: dict[str, dict[str, Any]] = {}
        self.ended: set[tuple[str, int]] = set()
        self._devices: dict[tuple[int, str], int] = {}
        self._letters: dict[str, dict[str, Any]] = {}
        self._read_occurrences(list(dict.fromkeys(prints)))
        self._read_devices(list(dict.fromkeys(assets)))

    def _read_occurrences(self, prints: list[str]) -> None:
        inbox = event_inbox.c
        # locked, so that of two messages at once each sees what the other said, and none is overwritten unseen
        fitted = device.c.removed_at.is_(None).label("fitted")
        going_on = (
            select(event_inbox, fitted, device.c.asset_id.label("carrier_id"))
            .join(device, device.c.id == inbox.device_id)
            .where(inbox.fingerprint.in_(prints), inbox.over_at.is_(None))
        )
        rows = self.tx.execute(going_on.order_by(inbox.id).with_for_update(of=event_inbox))
        self.open = {row["fingerprint"]: dict(row) | {"changed": False} for row in rows.mappings()}
        past = select(inbox.fingerprint, inbox.starts_at).where(
            inbox.fingerprint.in_(prints), inbox.over_at.is_not(None), inbox.heard_at >= inbox.ends_at
        )
        self.ended = {(row.fingerprint, to_ms(row.starts_at)) for row in self.tx.execute(past)}

    def _read_devices(self, assets: list[int]) -> None:
        rows = self.tx.execute(
            select(device.c.id, device.c.asset_id, device.c.serial).where(
                device.c.asset_id.in_(assets), device.c.profile == EXTERNAL_PROFILE, device.c.removed_at.is_(None)
            )
        )
        self._devices = {(row.asset_id, row.serial): row.id for row in rows}

    def is_past(self, event: ExternalEvent) -> bool:
        """Whether it was over before we heard of it, or this is a late copy of one that its sender has ended since."""
        starts = None if event.starts_at is None else (event.fingerprint, to_ms(event.starts_at))
        before = self.open.get(event.fingerprint)
        if event.ends_at is not None and event.ends_at <= self.now:
            return before is None
        if before is None:
            return starts in self.ended
        ended = before["ends_at"] is not None and before["ends_at"] <= before["heard_at"]
        return ended and starts == (event.fingerprint, to_ms(before["starts_at"]))

    def place_of(self, event: ExternalEvent, asset_id: int) -> tuple[int, int]:
        """The asset and the virtual device. What goes on stays where it began, or its alert there would never end."""
        before = self.open.get(event.fingerprint)
        if before is not None and before.get("fitted", True):
            return before.get("carrier_id", before["asset_id"]), before["device_id"]
        return asset_id, self._device_of(asset_id, event.name)

    def _device_of(self, asset_id: int, name: str) -> int:
        """The virtual device for this name of alert, made when it is first heard."""
        serial = serial_of(name, asset_id)
        known = self._devices.get((asset_id, serial))
        if known is None and sum(owner == asset_id for owner, _ in self._devices) >= MOST_NAMES:
            serial = serial_of(OTHERS, asset_id)
            known = self._devices.get((asset_id, serial))
        if known is not None:
            return known
        new = NewDevice(
            serial=serial,
            profile=EXTERNAL_PROFILE,
            asset_id=asset_id,
            heartbeat_s=_HEARTBEAT_S,
            points=(EVENT_POINT,),
            note=name,
        )
        made = put_on(self.tx, new, by=SYSTEM, now=self.now)
        self._devices[asset_id, serial] = made
        log.info("external_device_made", asset_id=asset_id, device_id=made, serial=serial)
        return made

    def note(self, event: ExternalEvent, asset_id: int, device_id: int) -> EventOutcome:
        """The occurrence begins, goes on, or is over."""
        told = {
            "asset_id": asset_id,
            "device_id": device_id,
            "severity": int(event.severity),
            "ends_at": event.ends_at,
            "heard_at": self.now,
            "annotations": event.annotations,
            "source_url": event.source_url,
            "sender": event.sender,
            "by_user_id": self.by.user_id,
        }
        before = self.open.get(event.fingerprint)
        if before is None:
            self.open[event.fingerprint] = {
                **told,
                "fingerprint": event.fingerprint,
                "name": event.name,
                "labels": event.labels,
                "starts_at": event.starts_at or self.now,
                "first_heard_at": self.now,
                "heard": 1,
                "waiting_since": self.now,
                "version": 1,
            }
            return EventOutcome.BEGAN
        before |= told | {"heard": before["heard"] + 1, "version": before["version"] + 1, "changed": True}
        before["waiting_since"] = before["waiting_since"] or self.now
        over = event.ends_at is not None and event.ends_at <= self.now
        return EventOutcome.ENDED if over else EventOutcome.GOES_ON

    def refuse(self, raw: RawAlert, result: EventResult) -> None:
        """Among the dead letters; one for all copies of an alert, since its sender repeats it while it lasts."""
        problem = result.problem
        known = problem is not None and problem.field == "labels"
        subject = f"{_LETTER_MARK}:{result.fingerprint or 'unread'}"
        before = self._letters.get(subject) if result.fingerprint else None
        self._letters[subject if result.fingerprint else f"{subject}:{len(self._letters)}"] = {
            "at": self.now,
            "cabinet_id": "",
            "epoch": _LETTER_MARK,
            "reason": Reject.UNKNOWN_ASSET if known else Reject.UNDECODABLE,
            "detail": _storable(str(problem))[:_LONGEST_DETAIL],
            "body": _storable(msgspec.json.encode(raw).decode()),
            "device": subject,
            "stands_for": 1 if before is None else before["stands_for"] + 1,
        }

    def write(self) -> None:
        """All of it, a statement for each sort of row."""
        fresh = [row for row in self.open.values() if "id" not in row]
        if fresh:
            self.tx.execute(insert(event_inbox), fresh)
        changed = [row for row in self.open.values() if "id" in row and row["changed"]]
        if changed:
            columns = ("asset_id", "device_id", "severity", "ends_at", "heard_at", "annotations", "source_url")
            more = ("sender", "by_user_id", "heard", "version", "waiting_since")
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*columns, *more)}
            self.tx.execute(
                update(event_inbox).where(event_inbox.c.id == bindparam("row_id")).values(values),
                [{"row_id": row["id"], **{f"new_{name}": row[name] for name in values}} for row in changed],
            )
        self._write_letters()

    def _write_letters(self) -> None:
        letters = {row["device"]: row for row in self._letters.values()}
        known = select(dead_letter.c.id, dead_letter.c.device).where(
            dead_letter.c.device.in_(list(letters)), dead_letter.c.epoch == _LETTER_MARK
        )
        there = {row.device: row.id for row in self.tx.execute(known)} if letters else {}
        fresh = [row for row in self._letters.values() if row["device"] not in there]
        if fresh:
            self.tx.execute(insert(dead_letter), fresh)
        for subject, letter_id in there.items():
            row = letters[subject]
            values = {name: row[name] for name in ("at", "reason", "detail", "body")}
            stands_for = dead_letter.c.stands_for + row["stands_for"]
            self.tx.execute(
                update(dead_letter).where(dead_letter.c.id == letter_id).values(**values, stands_for=stands_for)
            )


def _storable(text: str) -> str:
    # PostgreSQL's text can't hold NUL
    return text.replace("\x00", "\\x00")
