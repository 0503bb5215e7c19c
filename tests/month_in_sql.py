"""The ranking of a month worked out again, by one statement of plain SQL over cases and their entries.

Written from the published rule alone (the docstring of ``registry.domain.month_rules`` and Jinniu's formula), with
whole numbers only, so that SQLite and PostgreSQL round as the bulletin does. It knows nothing of the program: no fold,
no mask, no table of the month.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

_MOMENT = {
    "sqlite": "CAST(strftime('%s', {0}) AS INTEGER) * 1000",
    "postgresql": "CAST(extract(epoch FROM CAST({0} AS timestamptz)) * 1000 AS BIGINT)",
}
_WHO = {"units": "CAST(unit_id AS TEXT)", "districts": "substr(area_code, 1, 6)"}

_RANKING = """
WITH seen AS (
    SELECT id, case_id, at, move, detail FROM entry WHERE at < :ends
), life AS (  -- what is before the last reopening is of an earlier life
    SELECT case_id, COALESCE(MAX(CASE WHEN move = 'reopen' THEN id END), 0) AS from_id FROM seen GROUP BY case_id
), now_seen AS (
    SELECT seen.* FROM seen JOIN life ON life.case_id = seen.case_id AND seen.id >= life.from_id
), last_of AS (
    SELECT case_id,
        MIN(CASE WHEN move = 'dispatch' THEN at END) AS first_sent_at,
        MAX(CASE WHEN move = 'dispatch' THEN id END) AS sent_id,
        MAX(CASE WHEN move = 'hand_back' THEN id END) AS back_id,
        MAX(CASE WHEN move = 'rework' THEN id END) AS rework_id,
        MAX(CASE WHEN move = 'suspend' THEN id END) AS suspend_id,
        MAX(CASE WHEN move = 'resume' THEN id END) AS resume_id,
        MAX(CASE WHEN move IN ('close', 'void', 'merge', 'decline', 'self_handle') THEN id END) AS end_id,
        MAX(CASE WHEN move IN ('collect', 'file', 'reopen', 'dispatch', 'rework', 'extend', 'resume')
            AND detail ->> 'deadline_at' IS NOT NULL THEN id END) AS due_id
    FROM now_seen GROUP BY case_id
), happened AS (
    SELECT case_id,
        MAX(CASE WHEN move = 'rework' THEN 1 ELSE 0 END) AS reworked,
        MAX(CASE WHEN move = 'extend' THEN 1 ELSE 0 END) AS extended
    FROM seen WHERE at >= :starts GROUP BY case_id
), spared AS (
    SELECT DISTINCT case_id FROM entry WHERE move = 'grant_appeal'
), facts AS (
    SELECT last_of.case_id, case_file.area_code,
        CAST(sent.detail ->> 'unit_id' AS INTEGER) AS unit_id,
        MOMENT AS due_at,
        CASE WHEN back.id > COALESCE(rework_id, 0) THEN back.at END AS back_at,
        ended.at AS ended_at, ended.move AS ended_how,
        CASE WHEN suspend_id > COALESCE(resume_id, 0) AND ended.id IS NULL THEN suspended.at END AS suspended_at,
        COALESCE(happened.reworked, 0) AS reworked, COALESCE(happened.extended, 0) AS extended,
        CASE WHEN spared.case_id IS NULL THEN 0 ELSE 1 END AS spared
    FROM last_of
    JOIN case_file ON case_file.id = last_of.case_id
    JOIN entry AS sent ON sent.id = last_of.sent_id
    JOIN entry AS due ON due.id = last_of.due_id
    LEFT JOIN entry AS back ON back.id = last_of.back_id
    LEFT JOIN entry AS ended ON ended.id = last_of.end_id
    LEFT JOIN entry AS suspended ON suspended.id = last_of.suspend_id
    LEFT JOIN happened ON happened.case_id = last_of.case_id
    LEFT JOIN spared ON spared.case_id = last_of.case_id
    WHERE last_of.first_sent_at IS NOT NULL
), due_cases AS (
    SELECT WHO AS who, back_at, due_at, reworked, extended, spared,
        CASE WHEN (ended_how IS NULL OR ended_how = 'close') AND due_at < :ends
            AND NOT (suspended_at IS NOT NULL AND suspended_at <= due_at)
            AND NOT (due_at < :starts AND back_at IS NOT NULL AND back_at < :starts) THEN 1 ELSE 0 END AS to_handle,
        CASE WHEN (ended_how IS NULL OR ended_how = 'close') AND due_at < :ends
            AND NOT (due_at < :starts AND ended_at IS NOT NULL AND ended_at < :starts) THEN 1 ELSE 0 END AS to_close
    FROM facts
), sums AS (
    SELECT who,
        SUM(to_handle) AS due_handling,
        SUM(CASE WHEN to_handle = 1 AND back_at IS NOT NULL THEN 1 ELSE 0 END) AS handled,
        SUM(CASE WHEN to_handle = 1 AND back_at IS NOT NULL AND (back_at <= due_at OR spared = 1) THEN 1 ELSE 0 END)
            AS on_time,
        SUM(CASE WHEN to_handle = 1 AND back_at IS NULL THEN 1 ELSE 0 END) AS open_overdue,
        SUM(to_close) AS due_closing,
        SUM(reworked) AS reworked,
        SUM(extended) AS extended
    FROM due_cases WHERE who <> '' GROUP BY who
), rated AS (  -- where nothing was due there was nothing to lose
    SELECT who,
        CASE WHEN due_handling = 0 THEN 1 ELSE handled END AS handled,
        CASE WHEN due_handling = 0 THEN 1 ELSE on_time END AS on_time,
        CASE WHEN due_handling = 0 THEN 0 ELSE open_overdue END AS open_overdue,
        CASE WHEN due_handling = 0 THEN 0 WHEN extended > due_handling THEN due_handling ELSE extended END AS extended,
        CASE WHEN due_handling = 0 THEN 1 ELSE due_handling END AS dh,
        CASE WHEN due_closing = 0 THEN 0 WHEN reworked > due_closing THEN due_closing ELSE reworked END AS reworked,
        CASE WHEN due_closing = 0 THEN 1 ELSE due_closing END AS dc
    FROM sums WHERE due_handling + due_closing > 0
), scored AS (  -- hundredths of a point, half of one rounded up
    SELECT who, (200 * (
        dc * (30 * handled + 20 * on_time + 20 * (dh - open_overdue) + 10 * (dh - extended)) + 20 * dh * (dc - reworked)
    ) + dh * dc) / (2 * dh * dc) AS points
    FROM rated
)
SELECT who, points, RANK() OVER (ORDER BY points DESC) AS place FROM scored ORDER BY place, who
"""


def published_ranking(engine: Engine, group: str, starts: datetime, ends: datetime) -> list[tuple[str, str, int]]:
    """(unit's id or district's code, points as published, place), the best first. ``group``: units or districts."""
    statement = _RANKING.replace("MOMENT", _MOMENT[engine.dialect.name].format("(due.detail ->> 'deadline_at')"))
    statement = statement.replace("WHO", _WHO[group])
    month: dict[str, Any] = {"starts": int(starts.timestamp() * 1000), "ends": int(ends.timestamp() * 1000)}
    with engine.connect() as connection:
        rows = connection.execute(text(statement), month).all()
    return [(str(who), f"{points // 100}.{points % 100:02d}", place) for who, points, place in rows]
