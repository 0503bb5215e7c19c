"""The supervision notice (督查通知单) as a document: to whom, what is wrong where, until when, who issued it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from registry.papers.blocks import Block, Column, Facts, Grid, Heading, Masthead, Paragraph, Signature, Title
from registry.papers.paper import printed

USUAL_TITLE = "督查通知单"
USUAL_DEMAND = (
    "经督查，发现你单位负责的下列设施存在问题（详见下表），影响市民出行安全。请于规定时限内完成整改，并将整改情况"
    "（附整改前、后照片）书面反馈我办；逾期未反馈的，将按考评办法扣分，并予以通报。"
)


def usual_issuer(city: str) -> str:
    """In whose name notices go out where nobody says otherwise."""
    return f"{city}城市管理委员会办公室"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """An item as the notice prints it."""

    place: str
    problem: str
    demand: str
    deadline_at: datetime
    case_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePaper:
    """What stands on the paper."""

    number: str
    title: str
    issuer: str
    unit_name: str
    demand: str
    issued_at: datetime
    reply_by: datetime
    issued_by: str
    lines: Sequence[NoticeLine]
    withdrawn_at: datetime | None = None


_COLUMNS = (
    Column("序号", 0.7, "center"),
    Column("位置", 2.5),
    Column("存在问题", 3.3),
    Column("整改要求", 2.7),
    Column("办结时限", 2.2, "center"),
)


def notice_pdf(paper: NoticePaper, *, zone: tzinfo) -> bytes:
    """The notice as a PDF of A4 pages, its times in ``zone``. The same notice gives the same file."""
    return printed(notice_blocks(paper, zone=zone), title=paper.number, made_at=paper.issued_at, footer=paper.number)


def notice_blocks(paper: NoticePaper, *, zone: tzinfo) -> list[Block]:
    """The same as blocks."""
    rows = tuple(
        (str(number), _where(line), line.problem, line.demand or "按案件标准整改到位", _due(line.deadline_at, zone))
        for number, line in enumerate(paper.lines, 1)
    )
    blocks: list[Block] = [Masthead(paper.issuer, paper.number), Title(paper.title)]
    if paper.withdrawn_at is not None:
        withdrawn = f"本通知单已于{_moment(paper.withdrawn_at, zone)}撤回，编号保留，不再执行。"
        blocks.append(Paragraph(withdrawn, indent=False, bold=True, side="center"))
    blocks += [
        Paragraph(f"{paper.unit_name}：", indent=False),
        Paragraph(paper.demand),
        Heading(f"督查事项（共{len(rows)}项）"),
        Grid(_COLUMNS, rows),
        Facts(
            (
                ("反馈时限", f"{_moment(paper.reply_by, zone)}前"),
                ("反馈要求", "逐项填报整改情况，并附整改前、后照片或相关文件"),
            )
        ),
        Signature((paper.issuer, _day(paper.issued_at, zone))),
        Facts((("签发人", paper.issued_by), ("签收人", ""), ("签收日期", "        年    月    日"))),
    ]
    return blocks


def _where(line: NoticeLine) -> str:
    return f"{line.place}（案件{line.case_number}）" if line.case_number else line.place


def _day(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local.year}年{local.month}月{local.day}日"


def _due(moment: datetime, zone: tzinfo) -> str:
    """The day and the hour in a narrow cell, each on its line: a date is not torn apart."""
    return f"{_day(moment, zone)}\n{moment.astimezone(zone):%H:%M}"


def _moment(moment: datetime, zone: tzinfo) -> str:
    return f"{_day(moment, zone)} {moment.astimezone(zone):%H:%M}"
