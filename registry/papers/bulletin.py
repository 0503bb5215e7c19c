"""The monthly bulletin (月度通报) as a paper to sign and as a workbook: the lines that cities publish, in order."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from registry.domain.month_counts import Count
from registry.domain.months import read_month
from registry.papers.blocks import Block, Column, Grid, Heading, Masthead, Paragraph, Signature, Title
from registry.papers.paper import printed
from registry.tabular.cells import guarded

if TYPE_CHECKING:
    from registry.queries.bulletin import Bulletin, GroupTable

_DRAFT = "（送审稿，未发布）"


def bulletin_pdf(told: Bulletin, *, issuer: str, zone: tzinfo) -> bytes:
    """The bulletin as an A4 PDF with real text; the same revision gives the same bytes. ``issuer``: 发文单位."""
    made_at = told.month.published_at or told.month.closed_at or told.month.asked_at
    return printed(blocks_of(told, issuer=issuer, zone=zone), title=title_of(told), made_at=made_at, footer=issuer)


def title_of(told: Bulletin) -> str:
    """Its title, as a file is called too."""
    month = read_month(told.month.key)
    return f"{month.year}年{month.month}月城市管理考评通报"


def blocks_of(told: Bulletin, *, issuer: str, zone: tzinfo) -> list[Block]:
    """What stands on the paper, from top to bottom."""
    blocks: list[Block] = [
        Masthead(issuer),
        Title(title_of(told) + (_DRAFT if told.draft else "")),
        Heading("一、总体情况"),
        *(Paragraph(text) for text in sentences_of(told)),
        Heading("二、各项指标"),
        _indicator_grid(told),
        Heading("三、排名"),
        Paragraph(f"考核办法：{told.scheme.name_zh}，第 {told.month.scheme_version} 版。得分四舍五入，保留两位小数。"),
    ]
    for group in told.groups:
        if group.lines:
            blocks += [Paragraph(_ranking_words(group)), _ranking_grid(group)]
    blocks.append(Heading("四、说明"))
    blocks.append(Paragraph(RULE_ZH))
    blocks.append(Signature(_signed(told, issuer, zone)))
    return blocks


RULE_ZH = (
    "应处置数为处置时限落在本月内的案件，加上月初尚未处置完毕的往期超期案件；应结案数同此，以结案为准。"
    "作废、并案、不予立案和自行处置的案件不计入；缓办案件计入应结案数并单列。"
    "回退案件继续计时；挂账期间停止计时。月末之后的操作不影响本月数据。"
)


def sentences_of(told: Bulletin) -> list[str]:
    """The totals in words, as Zhanjiang and Xuchang print them."""
    numbers = {line.count: line for line in told.numbers}
    rates = {line.key: line for line in told.indicators}
    month = read_month(told.month.key)
    found, handled = numbers[Count.FOUND], rates["handling"]
    first = (
        f"{month.year}年{month.month}月，全市共发现城市管理问题 {found.cases} 件{_grown(found.month_growth, '环比')}"
        f"{_grown(found.year_growth, '同比')}，其中自行处置 {numbers[Count.SELF_HANDLED].cases} 件，"
        f"派遣 {numbers[Count.DISPATCHED].cases} 件。"
    )
    second = (
        f"应处置 {handled.below} 件，处置 {handled.above} 件，处置率 {_percent(handled.shown)}"
        f"{_points(handled.month_change, '比上月')}；按期处置率 {_percent(rates['handling_on_time'].shown)}；"
        f"应结案 {rates['closing'].below} 件，结案率 {_percent(rates['closing'].shown)}，"
        f"按期结案率 {_percent(rates['closing_on_time'].shown)}。"
    )
    third = (
        f"超期未处置 {numbers[Count.OPEN_OVERDUE].cases} 件，超时完成 {numbers[Count.HANDLED_LATE].cases} 件，"
        f"返工 {numbers[Count.REWORKED].cases} 件，二次派遣 {numbers[Count.REDISPATCHED].cases} 件，"
        f"督办 {numbers[Count.SUPERVISED].cases} 件。"
    )
    if told.mean_handling_h is not None:
        third += f"平均处置时长 {told.mean_handling_h} 小时。"
    lines = [first, second, third]
    if told.component_share is not None:
        shares = "、".join(f"{line.name_zh} {line.share}%" for line in told.top_classes)
        fourth = f"部件类问题 {told.components} 件，占 {told.component_share}%"
        lines.append(fourth + (f"，其中前{len(told.top_classes)}位为{shares}。" if shares else "。"))
    if told.top_events:
        shares = "、".join(f"{line.name_zh} {line.share}%" for line in told.top_events)
        lines.append(f"案件类型前{len(told.top_events)}位为{shares}。")
    return lines


def bulletin_xlsx(told: Bulletin, *, zone: tzinfo) -> bytes:
    """The bulletin as a workbook: totals, indicators with both sides of their formulas, a sheet for each group."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "总体情况"
    _fill(sheet, [[title_of(told) + (_DRAFT if told.draft else "")], *[[text] for text in sentences_of(told)], []])
    head = ["项目", "件数", "上月", "环比(%)", "上年同月", "同比(%)"]
    rows = [
        [COUNT_ZH[line.count], line.cases, line.month_before, _float(line.month_growth), line.year_before,
         _float(line.year_growth)]
        for line in told.numbers
    ]  # fmt: skip
    _fill(sheet, [head, *rows, [], *[[text] for text in _signed(told, "", zone) if text]])
    indicators = book.create_sheet("指标")
    names = ["指标", "公式分子", "公式分母", "分子(件)", "分母(件)", "数值(% 或 件)", "比上月", "比上年同月"]
    _fill(indicators, [names, *[
        [line.zh, line.part, line.whole, line.above, line.below, _float(line.shown), _float(line.month_change),
         _float(line.year_change)]
        for line in told.indicators
    ]])  # fmt: skip
    for group in told.groups:
        table = book.create_sheet(group.zh[:28])
        rows_zh = [row.zh for row in told.scheme.rows]
        _fill(table, [["名次", "单位", "得分", "等级", "名次升降", "连续第一(月)", "应处置", "处置", "超期未处置",
                       "超时完成", *rows_zh]])  # fmt: skip
        _fill(table, [_sheet_row(told, line) for line in group.lines])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


COUNT_ZH: dict[Count, str] = {
    Count.FOUND: "发现数",
    Count.SELF_HANDLED: "自行处置数",
    Count.DISPATCHED: "派遣数",
    Count.DUE_HANDLING: "应处置数",
    Count.HANDLED: "处置数",
    Count.OPEN_OVERDUE: "超期未处置数",
    Count.HANDLED_LATE: "超时完成数",
    Count.REWORKED: "返工数",
    Count.REDISPATCHED: "二次派遣数",
    Count.SUPERVISED: "督办数",
}


def _sheet_row(told: Bulletin, line: Any) -> list[Any]:
    standing, counts = line.standing, line.counts
    points = [_float(standing.rows.get(row.key, [None])[0]) for row in told.scheme.rows]
    wanted = (Count.DUE_HANDLING, Count.HANDLED, Count.OPEN_OVERDUE, Count.HANDLED_LATE)
    return [
        standing.place,
        standing.name_zh or standing.subject,
        _float(standing.points),
        standing.grade_zh,
        line.place_change,
        standing.streak or None,
        *[counts.get(count, 0) for count in wanted],
        *points,
    ]


def _fill(sheet: Any, rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        sheet.append([guarded(cell) if isinstance(cell, str) else cell for cell in row])


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def _indicator_grid(told: Bulletin) -> Grid:
    columns = (
        Column("指标", 2.2),
        Column("数值", 1, "right"),
        Column("分子/分母(件)", 1.4, "right"),
        Column("比上月", 0.9, "right"),
        Column("比上年同月", 1, "right"),
    )
    rows = []
    for line in told.indicators:
        unit = "%" if line.whole else " 件"
        sides = f"{line.above}/{line.below}" if line.whole else str(line.above)
        shown = "无应计案件" if line.shown is None else f"{line.shown}{unit}"
        rows.append((line.zh, shown, sides, line.month_change or "—", line.year_change or "—"))
    return Grid(columns, tuple(rows))


def _ranking_words(group: GroupTable) -> str:
    text = f"{group.zh}："
    if group.best:
        text += f"前三名为{'、'.join(group.best)}"
    if group.last:
        text += f"；末位为{'、'.join(group.last)}"
    first = [line.standing for line in group.lines if line.standing.place == 1 and line.standing.streak > 1]
    if first:
        text += "；" + "、".join(f"{one.name_zh}连续 {one.streak} 个月第一" for one in first)
    return text + "。"


def _ranking_grid(group: GroupTable) -> Grid:
    columns = (
        Column("名次", 0.6, "center"),
        Column("单位", 2.6),
        Column("得分", 0.9, "right"),
        Column("等级", 0.8, "center"),
        Column("应处置", 0.8, "right"),
        Column("处置", 0.8, "right"),
        Column("超期未处置", 1, "right"),
        Column("升降", 0.7, "right"),
    )
    rows = []
    for line in group.lines:
        one, counts = line.standing, line.counts
        moved = "—" if line.place_change is None else f"{line.place_change:+}" if line.place_change else "0"
        numbers = (Count.DUE_HANDLING, Count.HANDLED, Count.OPEN_OVERDUE)
        cells = [str(counts.get(count, 0)) for count in numbers]
        place = "—" if one.place is None else str(one.place)
        rows.append((place, one.name_zh or one.subject, one.points or "不排名", one.grade_zh, *cells, moved))
    return Grid(columns, tuple(rows))


def _signed(told: Bulletin, issuer: str, zone: tzinfo) -> tuple[str, ...]:
    month = told.month
    lines = [issuer]
    if month.approved_by_name and not (told.draft and month.state == "closed"):
        lines.append(f"审批：{month.approved_by_name}　{_day(month.approved_at, zone)}")
    if month.published_at is not None and not told.draft:
        lines.append(f"发布：{month.published_by_name or ''}　{_day(month.published_at, zone)}")
    lines.append(f"第 {told.revision} 次统计")
    return tuple(lines)


def _day(at: datetime | None, zone: tzinfo) -> str:
    if at is None:
        return ""
    here = at.astimezone(zone)
    return f"{here.year}年{here.month}月{here.day}日"


def _grown(growth: str | None, word: str) -> str:
    if growth is None:
        return ""
    return f"，{word}{'上升' if not growth.startswith('-') else '下降'} {growth.lstrip('+-')}%"


def _percent(shown: str | None) -> str:
    return "—" if shown is None else f"{shown}%"


def _points(change: str | None, word: str) -> str:
    if change is None:
        return ""
    return f"，{word}{'上升' if not change.startswith('-') else '下降'} {change.lstrip('+-')} 个百分点"
