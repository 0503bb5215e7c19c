"""What a notice of a case or of an item of supervision says, in Chinese and in English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from registry.domain.kinds import CaseEventKind, Severity
from registry.notices.texts import Place, Text

_LONGEST_NOTE = 300

_MARKS: dict[str, dict[CaseEventKind, str]] = {
    "zh": {
        CaseEventKind.ASSIGNED: "派单",
        CaseEventKind.LOOK: "请去现场查看",
        CaseEventKind.WARNED: "即将超期",
        CaseEventKind.LATE: "已超期",
        CaseEventKind.SECURE_WARNED: "围护即将超期",
        CaseEventKind.SECURE_LATE: "围护超期",
        CaseEventKind.ITEM_OPENED: "督办",
        CaseEventKind.ITEM_LATE: "督办超期",
        CaseEventKind.ITEM_ANSWERED: "督办已回复",
    },
    "en": {
        CaseEventKind.ASSIGNED: "Yours",
        CaseEventKind.LOOK: "Please look",
        CaseEventKind.WARNED: "Due soon",
        CaseEventKind.LATE: "Overdue",
        CaseEventKind.SECURE_WARNED: "Secure the site soon",
        CaseEventKind.SECURE_LATE: "Site not secured",
        CaseEventKind.ITEM_OPENED: "Supervised",
        CaseEventKind.ITEM_LATE: "Supervision overdue",
        CaseEventKind.ITEM_ANSWERED: "Supervision answered",
    },
}

_WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "critical": "紧急·",
        "again": "·再次催办",
        "case": "案件：{number}",
        "where": "位置：{where}",
        "whose": "承办：{whose}",
        "nobody": "承办：尚未派遣",
        "due": "处置期限：{at}",
        "desk_due": "派遣期限：{at}",
        "secure_due": "现场围护期限：{at}",
        "item_due": "督办期限：{at}",
        "demand": "整改要求：{demand}",
        "note": "说明：{note}",
        "link": "详情：{link}",
        "sep": "：",
        "comma": "，",
    },
    "en": {
        "critical": "Critical, ",
        "again": ", once more",
        "case": "Case: {number}",
        "where": "Where: {where}",
        "whose": "Whose: {whose}",
        "nobody": "Whose: nobody was sent yet",
        "due": "Mend by: {at}",
        "desk_due": "Dispatch by: {at}",
        "secure_due": "Secure the site by: {at}",
        "item_due": "Answer by: {at}",
        "demand": "Demanded: {demand}",
        "note": "Note: {note}",
        "link": "More: {link}",
        "sep": ": ",
        "comma": ", ",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What is said of a case, of an item of supervision (``item_id``), or of an item about a case."""

    severity: int
    case_id: int | None = None
    number: str = ""
    kind: str = ""
    kind_zh: str = ""
    kind_en: str = ""
    where: str = ""
    road: str = ""
    area_code: str = ""
    unit: str = ""
    assignee: str = ""
    sent: bool = False
    desk_due_at: datetime | None = None
    deadline_at: datetime | None = None
    secure_due_at: datetime | None = None
    item_id: int | None = None
    problem: str = ""
    demand: str = ""
    item_due_at: datetime | None = None

    @property
    def path(self) -> str:
        """The page that it is about."""
        return f"/cases/{self.case_id}" if self.item_id is None else f"/supervision/{self.item_id}"

    def what(self, language: str) -> str:
        """What is wrong, in a few words."""
        named = (self.kind_en if language == "en" else self.kind_zh) or self.kind_zh or self.kind
        return named or self.problem.partition("\n")[0][:60]


def of_case(
    facts: CaseFacts, event: CaseEventKind, language: str, place: Place, *, level: int = 0, note: str = ""
) -> Text:
    """The words for one event. ``level`` 2 and more: it was said before, and nothing has happened since."""
    words = _WORDS[language]
    mark = f"{words['critical'] if facts.severity >= Severity.CRITICAL else ''}{_MARKS[language][event]}"
    mark += words["again"] if level > 1 else ""
    what, where = facts.what(language), _where(facts, words)
    title = f"【{mark}】{what}" if language == "zh" else f"[{mark}] {what}"
    lines = [what]
    if where:
        lines.append(words["where"].format(where=where))
        title += f"{words['sep']}{where}"
    if facts.number:
        lines.append(words["case"].format(number=facts.number))
        lines.append(_whose(facts, words))
    lines += [words[name].format(at=_at(at, place)) for name, at in _dues(facts, event) if at is not None]
    if facts.item_id is not None and facts.demand:
        lines.append(words["demand"].format(demand=facts.demand[:_LONGEST_NOTE]))
    if note.strip():
        lines.append(words["note"].format(note=note.strip()[:_LONGEST_NOTE]))
    lines.append(words["link"].format(link=place.link(facts.path)))
    return Text(title=title, body="\n".join(lines))


def _dues(facts: CaseFacts, event: CaseEventKind) -> list[tuple[str, datetime | None]]:
    if facts.item_id is not None:
        return [("item_due", facts.item_due_at)]
    if event is CaseEventKind.LOOK:
        return []
    if not facts.sent:
        return [("desk_due", facts.desk_due_at)]
    return [("secure_due", facts.secure_due_at), ("due", facts.deadline_at)]


def _where(facts: CaseFacts, words: dict[str, str]) -> str:
    road = facts.road if facts.road and not facts.where.startswith(facts.road) else ""
    return words["comma"].join(part for part in (facts.where, road) if part)


def _whose(facts: CaseFacts, words: dict[str, str]) -> str:
    whose = " ".join(part for part in (facts.unit, facts.assignee) if part)
    return words["whose"].format(whose=whose) if whose else words["nobody"]


def _at(moment: datetime, place: Place) -> str:
    return f"{moment.astimezone(place.zone):%Y-%m-%d %H:%M}"
