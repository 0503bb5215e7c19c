"""Digests: what was held for a person becomes one message when its time has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from registry.domain.kinds import NoticeKind, NoticeState
from registry.notices.texts import AlertFacts, GroupFacts, Place, of_digest
from registry.services.notice_directory import Directory
from registry.services.notice_facts import alert_subjects, group_subjects
from registry.storage.tables import notice

_MOST = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One message and the held notices that go into it; ``row`` None: their contact can't be told any more."""

    row: dict[str, Any] | None
    held: list[int]


def due_digests(tx: Connection, directory: Directory, *, place: Place, now: datetime) -> list[Digest]:
    """A digest for each contact with something held whose time has come; all that was over a limit goes with it."""
    held = (notice.c.state == NoticeState.HELD, notice.c.digest_id.is_(None))
    contacts = list(tx.scalars(select(notice.c.contact_id).distinct().where(*held, notice.c.due_at <= now)))
    if not contacts:
        return []
    ready = or_(notice.c.due_at <= now, notice.c.reason == "limit")
    query = select(notice).where(*held, notice.c.contact_id.in_(contacts), ready).order_by(notice.c.id).limit(_MOST)
    rows = tx.execute(query).all()
    alerts = alert_subjects(tx, {row.alert_id for row in rows if row.alert_id is not None})
    groups = group_subjects(tx, {row.group_id for row in rows if row.group_id is not None})
    facts: dict[str, AlertFacts | GroupFacts] = {f"alert {key}": each.facts for key, each in alerts.items()}
    facts |= {f"group {key}": each.facts for key, each in groups.items()}
    return [
        _digest(contact_id, [row for row in rows if row.contact_id == contact_id], facts, directory, place, now)
        for contact_id in contacts
    ]


def _digest(
    contact_id: int,
    rows: Sequence[Row[Any]],
    facts: dict[str, AlertFacts | GroupFacts],
    directory: Directory,
    place: Place,
    now: datetime,
) -> Digest:
    held = [row.id for row in rows]
    known = directory.contacts.get(contact_id)
    if known is None:
        return Digest(row=None, held=held)
    about = dict.fromkeys(
        f"alert {row.alert_id}" if row.alert_id is not None else f"group {row.group_id}"
        for row in rows
        if row.kind != NoticeKind.CASE
    )
    of_cases = dict.fromkeys(row.title for row in rows if row.kind == NoticeKind.CASE)
    quiet, limited = (len({_about(row) for row in rows if row.reason == reason}) for reason in ("quiet", "limit"))
    lines = [facts[each] for each in about]
    text = of_digest(lines, known.listener.language, place, quiet=quiet, limited=limited, cases=list(of_cases))
    row = {
        "key": f"digest:contact{contact_id}:{max(held)}",
        "kind": NoticeKind.DIGEST.value,
        "state": NoticeState.WAITING.value,
        "contact_id": contact_id,
        "severity": max(row.severity for row in rows),
        "title": text.title,
        "body": text.body,
        "created_at": now,
        "due_at": now,
    }
    return Digest(row=row, held=held)


def _about(row: Row[Any]) -> tuple[int | None, int | None, str]:
    return (row.alert_id, row.group_id, row.title if row.kind == NoticeKind.CASE else "")


def write_digests(tx: Connection, digests: Sequence[Digest], *, now: datetime) -> int:
    """Write them in the caller's transaction; how many messages they are."""
    made = 0
    for digest in digests:
        into = update(notice).where(notice.c.id.in_(digest.held))
        if digest.row is None:
            tx.execute(into.values(state=NoticeState.DROPPED.value, reason="contact_off"))
            continue
        digest_id = tx.execute(insert(notice).values(digest.row).returning(notice.c.id)).scalar_one()
        tx.execute(into.values(digest_id=digest_id))
        made += 1
    return made
