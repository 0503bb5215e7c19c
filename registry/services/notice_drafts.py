"""Notices as they are to be written: for whom, in which language, sent now, held or muted. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from registry.domain.kinds import NoticeKind, NoticeState
from registry.domain.notices import Route, Treatment, digest_at, treat
from registry.notices.case_texts import CaseFacts
from registry.notices.texts import AlertFacts, Place, Text, of_alert, of_group
from registry.services.notice_directory import Directory, Known
from registry.services.notice_facts import AlertSubject, GroupSubject
from registry.storage.tables import notice

Subject = AlertSubject | GroupSubject

_COUNTED = (
    *(NoticeKind.ALARM.value, NoticeKind.ESCALATION.value),
    *(NoticeKind.ALL_CLEAR.value, NoticeKind.CASE.value),
)
_NOT_TOLD = (NoticeState.HELD.value, NoticeState.MUTED.value, NoticeState.DROPPED.value)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Draft:
    """One row for the table ``notice``: to insert, or (with its ``id``) to change."""

    row: dict[str, Any]


class Drafting:
    """Drafts of one round; each key once, each person's limit counted on from what the table says."""

    def __init__(self, tx: Connection, directory: Directory, place: Place, now: datetime) -> None:
        self._tx = tx
        self._directory = directory
        self._place = place
        self._now = now
        self._told: dict[int, int] = {}
        self._drafts: dict[str, Draft] = {}

    @property
    def drafts(self) -> list[Draft]:
        """What is to be inserted, in the order in which it was decided."""
        return list(self._drafts.values())

    def first_step(self, subject: Subject, *, part: str, why: str = "", severity: int | None = None) -> None:
        """Tell the first step of every route that takes it. ``part`` is the middle of the key."""
        if severity is not None:
            subject = _as_bad_as(subject, severity)
        muted = self._directory.silenced(subject.mute)
        for route in self._directory.takes(subject.about):
            for known in self._directory.told_by(route.steps[0], subject.about, subject.family):
                text = self._text(subject, NoticeKind.ALARM, known, why=why)
                self._add(subject, NoticeKind.ALARM, known, text, part=part, route=route, muted=muted)

    def later_step(self, subject: Subject, route: Route, number: int, *, minutes: int) -> None:
        """Tell one more step, ``minutes`` after the first; nobody has acknowledged it."""
        for known in self._directory.told_by(route.steps[number], subject.about, subject.family):
            text = self._text(subject, NoticeKind.ESCALATION, known, minutes=minutes)
            self._add(subject, NoticeKind.ESCALATION, known, text, part="fired", route=route, step=number)

    def all_clear(self, subject: Subject, told: Sequence[Row[Any]]) -> None:
        """Tell that it is over to exactly those to whom the alarm went, silence or not."""
        rows = [_as_row(row) for row in told]
        rows += [draft.row for draft in self._drafts.values() if _is_alarm_of(draft.row, subject)]
        for contact_id in dict.fromkeys(row["contact_id"] for row in rows):
            known = self._directory.contacts.get(contact_id)
            if known is None:
                continue
            own = [row for row in rows if row["contact_id"] == contact_id]
            worst = _as_bad_as(subject, max(row["severity"] for row in own))
            text = self._text(worst, NoticeKind.ALL_CLEAR, known)
            gathered = all(row["digest_id"] is not None for row in own)
            self._add(worst, NoticeKind.ALL_CLEAR, known, text, part="clear", gathered=gathered)

    def of_case(
        self,
        event_id: int,
        facts: CaseFacts,
        known: Known,
        text: Text,
        *,
        route: Route | None = None,
        step: int = 0,
        digest: bool = False,
    ) -> None:
        """Tell one contact of one event of a case, once, however many ways lead there. Silences are for alerts."""
        key = f"case_event:{event_id}:contact{known.listener.id}"
        given = self._treat(known, facts.severity, route, digest=digest)
        ids = {"alert_id": None, "group_id": None, "case_id": facts.case_id}
        self._keep(key, NoticeKind.CASE, known, text, given, ids | {"severity": facts.severity}, route, step)

    def unmuted(self, rows: Iterable[tuple[Row[Any], Subject]]) -> list[Draft]:
        """Changes for muted notices that no silence mutes any more."""
        found = []
        for row, subject in rows:
            known = self._directory.contacts.get(row.contact_id)
            if known is None or self._directory.silenced(_as_bad_as(subject, row.severity).mute):
                continue
            route = self._directory.route(row.route_id) if row.route_id is not None else None
            given = self._treat(known, row.severity, route)
            change = {"id": row.id, "state": given.state, "due_at": given.due_at, "created_at": self._now}
            found.append(Draft(change | {"reason": given.reason or "silence_over"}))
        return found

    def _add(
        self,
        subject: Subject,
        kind: NoticeKind,
        known: Known,
        text: Text,
        *,
        part: str,
        route: Route | None = None,
        step: int = 0,
        muted: str = "",
        gathered: bool = False,
    ) -> None:
        key = f"{_name(subject)}:{part}:contact{known.listener.id}"
        if kind is not NoticeKind.ALL_CLEAR:
            key = f"{_name(subject)}:{part}:step{step}:contact{known.listener.id}"
        severity = subject.facts.severity
        given = self._treat(known, severity, route, muted=muted, gathered=gathered)
        ids = {
            "alert_id": subject.facts.alert_id if isinstance(subject, AlertSubject) else None,
            "group_id": subject.facts.group_id if isinstance(subject, GroupSubject) else None,
            "case_id": subject.case_id,
        }
        self._keep(key, kind, known, text, given, ids | {"severity": severity}, route, step)

    def _keep(
        self,
        key: str,
        kind: NoticeKind,
        known: Known,
        text: Text,
        given: Treatment,
        about: dict[str, int | None],
        route: Route | None,
        step: int,
    ) -> None:
        if key in self._drafts:
            return
        if given.state is NoticeState.WAITING:
            self._told[known.listener.id] = self._told_this_hour(known) + 1
        self._drafts[key] = Draft(
            {
                "key": key,
                "kind": kind.value,
                "state": given.state.value,
                **about,
                "route_id": None if route is None else route.id,
                "contact_id": known.listener.id,
                "step": step,
                "title": text.title,
                "body": text.body,
                "created_at": self._now,
                "due_at": given.due_at,
                "reason": given.reason,
                "digest_id": None,
            }
        )

    def _treat(
        self,
        known: Known,
        severity: int,
        route: Route | None,
        *,
        muted: str = "",
        gathered: bool = False,
        digest: bool = False,
    ) -> Treatment:
        listener = known.listener
        if gathered and not muted:
            due_at = digest_at(listener, self._now, self._place.zone)
            return Treatment(state=NoticeState.HELD, due_at=due_at, reason="digest")
        return treat(
            listener,
            severity,
            digest=digest if route is None else route.digest,
            told_this_hour=self._told_this_hour(known),
            muted=muted,
            now=self._now,
            zone=self._place.zone,
        )

    def _told_this_hour(self, known: Known) -> int:
        contact_id = known.listener.id
        if contact_id not in self._told:
            query = (
                select(func.count())
                .select_from(notice)
                .where(
                    notice.c.contact_id == contact_id,
                    notice.c.created_at > self._now - _HOUR,
                    notice.c.kind.in_(_COUNTED),
                    notice.c.state.not_in(_NOT_TOLD),
                    notice.c.digest_id.is_(None),
                )
            )
            self._told[contact_id] = int(self._tx.scalar(query) or 0)
        return self._told[contact_id]

    def _text(self, subject: Subject, kind: NoticeKind, known: Known, *, why: str = "", minutes: int = 0) -> Text:
        language, facts = known.listener.language, subject.facts
        if isinstance(facts, AlertFacts):
            return of_alert(facts, kind, language, self._place, why=why, minutes=minutes)
        return of_group(facts, kind, language, self._place, minutes=minutes)


def _as_bad_as(subject: Subject, severity: int) -> Subject:
    """The same at the severity it had when that happened: by now it may have stepped on, or down."""
    about, mute = replace(subject.about, severity=severity), replace(subject.mute, severity=severity)
    if isinstance(subject, AlertSubject):
        return replace(subject, facts=replace(subject.facts, severity=severity), about=about, mute=mute)
    return replace(subject, facts=replace(subject.facts, severity=severity), about=about, mute=mute)


def _name(subject: Subject) -> str:
    if isinstance(subject, AlertSubject):
        return f"alert:{subject.facts.alert_id}"
    return f"group:{subject.facts.group_id}"


def _as_row(row: Row[Any]) -> dict[str, Any]:
    return {"contact_id": row.contact_id, "severity": row.severity, "digest_id": row.digest_id}


def _is_alarm_of(row: dict[str, Any], subject: Subject) -> bool:
    """Whether a draft of this very round tells that it is wrong: it fired and cleared while nobody planned."""
    about = row["alert_id"] if isinstance(subject, AlertSubject) else row["group_id"]
    own = subject.facts.alert_id if isinstance(subject, AlertSubject) else subject.facts.group_id
    alarm = row["kind"] in (NoticeKind.ALARM.value, NoticeKind.ESCALATION.value)
    return alarm and about == own and row["state"] == NoticeState.WAITING.value
