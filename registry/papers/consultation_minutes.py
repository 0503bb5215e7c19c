"""The minutes of a consultation (会商纪要) as a document: who was there, what was said and decided, who does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from registry.papers.blocks import Block, Column, Facts, Grid, Heading, Masthead, Paragraph, Signature, Title
from registry.papers.paper import printed


@dataclass(frozen=True, slots=True, kw_only=True)
class MinutesLine:
    """An item as the minutes print it; ``done_at`` and ``done_note`` once it was carried out."""

    subject: str
    decision: str
    who: str
    due_on: date | None = None
    cases: Sequence[str] = ()
    done_at: datetime | None = None
    done_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinutesPaper:
    """What stands on the paper."""

    number: str
    issuer: str
    subject: str
    held_at: datetime
    place: str
    chair: str
    members: Sequence[str]
    minutes: str
    lines: Sequence[MinutesLine]


_COLUMNS = (
    Column("序号", 0.9, "center"),
    Column("议题", 2.5),
    Column("议定事项", 3.1),
    Column("责任单位", 1.8),
    Column("完成时限", 2.3, "center"),
    Column("相关案件", 2.2),
)


def minutes_pdf(paper: MinutesPaper, *, zone: tzinfo) -> bytes:
    """The minutes as a PDF of A4 pages, its times in ``zone``. The same consultation gives the same file."""
    return printed(minutes_blocks(paper, zone=zone), title=paper.number, made_at=paper.held_at, footer=paper.number)


def minutes_blocks(paper: MinutesPaper, *, zone: tzinfo) -> list[Block]:
    """The same as blocks."""
    facts = (
        ("时间", f"{_day(paper.held_at, zone)} {paper.held_at.astimezone(zone):%H:%M}"),
        ("地点", paper.place),
        ("主持", paper.chair),
        ("参加", "、".join(paper.members)),
    )
    blocks: list[Block] = [
        Masthead(paper.issuer, paper.number),
        Title(paper.subject),
        Facts(tuple(pair for pair in facts if pair[1])),
    ]
    if paper.minutes:
        blocks.append(Heading("会商情况"))
        blocks += [Paragraph(line.strip()) for line in paper.minutes.splitlines() if line.strip()]
    numbered = list(enumerate(paper.lines, start=1))
    if numbered:
        rows = tuple(_row(number, line) for number, line in numbered)
        blocks += [Heading(f"议定事项（共{len(rows)}项）"), Grid(_COLUMNS, rows)]
    done = [
        Paragraph(f"第{number}项：{_day(line.done_at, zone)}落实，{line.done_note}")
        for number, line in numbered
        if line.done_at is not None
    ]
    if done:
        blocks += [Heading("落实情况"), *done]
    blocks += [Signature((_day(paper.held_at, zone),)), Facts((("记录人", ""), ("审核人", "")))]
    return blocks


def _row(number: int, line: MinutesLine) -> tuple[str, ...]:
    due = "" if line.due_on is None else f"{line.due_on.year}年{line.due_on.month}月{line.due_on.day}日"
    return (str(number), line.subject, line.decision, line.who, due, "\n".join(line.cases))


def _day(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local.year}年{local.month}月{local.day}日"
