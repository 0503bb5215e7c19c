"""What is wrong with the data itself: late, refused, or files that lack something. As counted by the census job."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select

from registry.domain.boards import QualityOf, QualitySource
from registry.domain.kinds import Doubt
from registry.queries.asset_filters import Gap
from registry.queries.board_counts import some_cabinets
from registry.queries.board_values import Asked, Bar, Bars, Column, Nothing, Table, To, Word
from registry.queries.gaps import BreakdownBy, BreakdownRow, gap_breakdown, gap_summary, last_census
from registry.storage.database import reading
from registry.storage.tables import dead_letter
from registry.storage.times import to_ms

_OWNERS = (Gap.SUPERVISOR, Gap.OWNER, Gap.MAINTAINER)


def quality_bars(source: QualitySource, asked: Asked) -> Bars:
    """As bars, the longest first. Raises ``Nothing``."""
    if source.what is QualityOf.LATENESS:
        found = sorted(some_cabinets(source.where, asked), key=lambda each: (-each.oldest_unsent_s, each.name))
        bars = [
            Bar(name=each.name, value=round(each.oldest_unsent_s, 1), to=To("cabinet", {"cabinet": each.id}))
            for each in found
        ]
        return Bars(bars=bars[: source.limit], unit="s")
    if source.what is QualityOf.REJECTED:
        bars = [
            Bar(name=Word(f"reject.{word}"), value=many, to=_to_letters(source, word, asked))
            for word, many, _ in _rejected(source, asked)
        ]
        return Bars(bars=bars[: source.limit], rest=sum(bar.value for bar in bars[source.limit :]))
    areas = _areas(source, asked)
    summaries = [gap_summary(asked.engine, scope=asked.scope, area_code=each) for each in areas]
    # while another count goes on, the last one stands
    if summaries[0].counted_at is None and not any(each.assets for each in summaries):
        raise Nothing("not_counted")
    unplaced, owners = source.what is QualityOf.UNPLACED, {gap.value for gap in _OWNERS}
    counts: Counter[str] = Counter()
    for summary in summaries:
        for line in summary.doubts if unplaced else summary.gaps:
            if source.what is not QualityOf.UNOWNED or line.gap in owners:
                counts[line.gap] += line.count
    kind = "doubt" if unplaced else "gap"
    area = areas[0] if len(areas) == 1 else ""
    bars = [
        Bar(name=Word(f"{kind}.{key}"), value=many, to=_to(source.what, key, area))
        for key, many in counts.most_common()
    ]
    return Bars(bars=bars[: source.limit])


def quality_table(source: QualitySource, asked: Asked) -> Table:
    """As a table: of files by area, of refused data by reason, of lateness by cabinet. Raises ``Nothing``."""
    if source.what is QualityOf.REJECTED:
        columns = [
            Column(key="reason", name=Word("board.column.reason"), kind="link"),
            Column(key="count", name=Word("board.column.count"), kind="number"),
            Column(key="last_at", name=Word("board.column.last_at"), kind="time"),
            Column(key="fix", name=Word("board.column.fix")),
        ]
        found = _rejected(source, asked)
        rows = found[: source.limit]
        return Table(
            columns=columns,
            rows=[[Word(f"reject.{word}"), many, last_ms, Word(f"reject.{word}.fix")] for word, many, last_ms in rows],
            to=[_to_letters(source, word, asked) for word, _, _ in rows],
            more=len(found) > source.limit,
        )
    if source.what is QualityOf.LATENESS:
        bars = quality_bars(source, asked)
        columns = [
            Column(key="cabinet", name=Word("board.column.cabinet"), kind="link"),
            Column(key="oldest_unsent", name=Word("board.column.oldest_unsent"), kind="number", unit="s"),
        ]
        return Table(
            columns=columns,
            rows=[[bar.name, bar.value] for bar in bars.bars],
            to=[bar.to for bar in bars.bars],
            more=len(some_cabinets(source.where, asked)) > source.limit,
        )
    return _by_area(source, asked)


def _by_area(source: QualitySource, asked: Asked) -> Table:
    found: list[BreakdownRow] = []
    for each in _areas(source, asked):
        found += gap_breakdown(
            asked.engine, BreakdownBy.AREA, scope=asked.scope, area_code=each, limit=source.limit + 1
        )
    found.sort(key=lambda row: (-row.assets, row.key))
    counted = last_census(asked.engine)
    if not found and (counted is None or counted.finished_at is None):
        raise Nothing("not_counted")
    if source.what is QualityOf.UNPLACED:
        keys = [(doubt.value, f"doubt.{doubt.value}") for doubt in Doubt]
    else:
        keys = [(gap.value, f"gap.{gap.value}") for gap in (_OWNERS if source.what is QualityOf.UNOWNED else Gap)]
    keys = [(key, word) for key, word in keys if key != Gap.PLACE.value]
    columns = [Column(key="area", name=Word("board.column.area"), kind="link")]
    columns.append(Column(key="assets", name=Word("board.column.assets"), kind="number"))
    columns += [Column(key=key, name=Word(word), kind="number") for key, word in keys]
    shown = found[: source.limit]
    return Table(
        columns=columns,
        rows=[
            [
                asked.named(row.name_zh, row.name_en) or row.key or Word("board.no_area"),
                row.assets,
                *(row.counts.get(key, 0) for key, _ in keys),
            ]
            for row in shown
        ],
        to=[To("gaps", {"area_code": row.key}) if row.key else To("gaps") for row in shown],
        more=len(found) > source.limit,
    )


def _rejected(source: QualitySource, asked: Asked) -> list[tuple[str, int, int]]:
    """(reason, how many, the last in ms) of the span, the most first."""
    if asked.scope:
        raise Nothing("whole_city")
    query = select(dead_letter.c.reason, func.count(), func.max(dead_letter.c.at)).group_by(dead_letter.c.reason)
    query = query.where(dead_letter.c.at >= asked.since, dead_letter.c.at < asked.until)
    if boxes := asked.words(source.where.get("cabinet", ())):
        query = query.where(dead_letter.c.cabinet_id.in_(boxes))
    with reading(asked.engine) as tx:
        rows = [(str(reason), int(many), to_ms(last)) for reason, many, last in tx.execute(query)]
    return sorted(rows, key=lambda row: -row[1])


def _to_letters(source: QualitySource, reason: str, asked: Asked) -> To:
    boxes = asked.words(source.where.get("cabinet", ()))
    return To("letters", {"reason": reason} | ({"cabinet": boxes[0]} if len(boxes) == 1 else {}))


def _areas(source: QualitySource, asked: Asked) -> list[str]:
    """The areas that are chosen, none of them within another; "" where none is."""
    found: list[str] = []
    for code in sorted(set(asked.words(source.where.get("area", ())))):
        if not found or not code.startswith(found[-1]):
            found.append(code)
    return found or [""]


def _to(what: QualityOf, key: str, area: str) -> To:
    if what is QualityOf.UNPLACED:
        return To("doubtful", {"doubt": key} | ({"area_code": area} if area else {}))
    return To("assets", {"lacks": key} | ({"area": area} if area else {}))
