"""Holds what the crowd was answered against what the records say afterwards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, func, select

from benchmarks._crowd_people import Attempt
from registry.domain.case_telling import COLUMNS, fold
from registry.domain.kinds import ENDED_STAGES, Stage
from registry.domain.moves import EventName, MoveName
from registry.storage.database import reading
from registry.storage.stories import lines_of
from registry.storage.tables import case, case_request, case_task, entry

FAULTS = (
    "lost",
    "doubled",
    "refused_and_kept",
    "unanswered",
    "two_of_one_version",
    "versions_wrong",
    "chains_broken",
    "folds_wrong",
    "looks_wrong",
    "requests_wrong",
    "open_twice",
)
"""Each must be 0. What they count: see ``judge``."""

_EVENTS = frozenset(EventName)


def judge(engine: Engine, attempts: Sequence[Attempt]) -> dict[str, int]:
    """Count what must not be.

    ``lost``: answered as done and not in the timeline of that case by that person; ``doubled``: there twice;
    ``refused_and_kept``: answered as refused and there all the same; ``unanswered``: no answer, or one that tells of a
    fault; ``two_of_one_version``: two orders done that both had seen the same version of a case; ``versions_wrong``:
    cases whose version is not the number of their moves; ``chains_broken``: cases in whose timeline a move does not
    begin where the one before ended; ``folds_wrong``: cases whose columns are not the fold of their timeline;
    ``looks_wrong`` and ``requests_wrong``: rows of looks and requests that the timeline does not tell of;
    ``open_twice``: assets with two open cases of a kind.
    """
    found = dict.fromkeys(FAULTS, 0)
    with reading(engine) as tx:
        rows = tx.execute(select(case)).all()
        lines: dict[int, list[Any]] = defaultdict(list)
        for line in tx.execute(select(entry).order_by(entry.c.id)):
            lines[line.case_id].append(line)
        looks = _by_case(tx.execute(select(case_task).order_by(case_task.c.id)))
        asked = _by_case(tx.execute(select(case_request).where(case_request.c.state == "waiting")))
        twice = (
            select(case.c.asset_id)
            .where(case.c.stage.not_in(sorted(ENDED_STAGES)))
            .group_by(case.c.asset_id, case.c.kind)
            .having(func.count() > 1)
        )
        found["open_twice"] = len(tx.execute(twice).all())
    found |= _of_answers(attempts, lines)
    for row in rows:
        for fault, broken in _of_case(row, lines[row.id], looks[row.id], asked[row.id]).items():
            found[fault] += broken
    return found


def _by_case(rows: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.case_id].append(row)
    return found


def _of_answers(attempts: Sequence[Attempt], lines: dict[int, list[Any]]) -> dict[str, int]:
    kept = Counter(
        (line.note, line.by_user_id, case_id)
        for case_id, mine in lines.items()
        for line in mine
        if line.note and line.move in set(MoveName)
    )
    done = {_key(each) for each in attempts if each.outcome == "done"}
    failed = {_key(each) for each in attempts if each.outcome.startswith("failed")}
    won = Counter((each.case_id, each.version) for each in attempts if each.outcome == "done")
    return {
        "lost": sum(not kept[key] for key in done),
        "doubled": sum(kept[_key(each)] > 1 for each in attempts),
        "refused_and_kept": sum(bool(kept[key]) for key in {_key(each) for each in attempts} - done - failed),
        "unanswered": sum(each.outcome.startswith("failed") for each in attempts),
        "two_of_one_version": sum(times > 1 for times in won.values()),
    }


def _key(one: Attempt) -> tuple[str, int, int]:
    return one.note, one.user_id, one.case_id


def _of_case(row: Any, lines: list[Any], looks: list[Any], asked: list[Any]) -> dict[str, bool]:
    story = fold(lines_of(lines))
    moves = [line for line in lines if line.move not in _EVENTS]
    # what a patrol or a sensor found is filed as it is opened: an entry, and no change of the version
    begun = sum(line.move == MoveName.FILE and line.at == row.opened_at for line in moves)
    steps = [lines[0], *moves]
    told = [(look.kind.value, look.due_at, look.done_at, look.passed) for look in story.looks]
    return {
        "versions_wrong": row.version != 1 + len(moves) - begun,
        "chains_broken": any(after.from_stage != before.to_stage for before, after in zip(steps, moves, strict=False)),
        "folds_wrong": any(getattr(story, name) != getattr(row, name) for name in COLUMNS)
        or Stage(row.stage) is not story.stays[-1].stage,
        "looks_wrong": told != [(each.kind, each.due_at, each.done_at, each.passed) for each in looks],
        "requests_wrong": {(each.kind.value, each.at) for each in story.asked}
        != {(each.kind, each.asked_at) for each in asked},
    }
