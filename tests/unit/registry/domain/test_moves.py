"""The move table: what is possible from where, for whom, and what each refusal says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import ENDED_STAGES, Role, Stage
from registry.domain.moves import (
    MAX_NOTE,
    MOVES,
    CaseState,
    MoveName,
    MoveOrder,
    PastMove,
    allowed,
    carry_out,
    is_theirs,
    open_to,
    read_move,
    with_history,
)
from registry.domain.people import SYSTEM, Actor

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DESK = Actor(user_id=1, name="陈派", role=Role.DISPATCHER, unit_id=None)
CREW = Actor(user_id=2, name="李敏", role=Role.CREW, unit_id=10)
MATE = Actor(user_id=3, name="王强", role=Role.CREW, unit_id=10)
STRANGER = Actor(user_id=4, name="赵电", role=Role.CREW, unit_id=20)
ADMIN = Actor(user_id=5, name="吴管", role=Role.ADMINISTRATOR, unit_id=None)


def make_case(stage: Stage, **more: object) -> CaseState:
    base = CaseState(
        id=1,
        number="2026030200001",
        kind="cover_displaced",
        stage=stage,
        stage_before_suspension=None,
        deadline_at=NOW + timedelta(hours=1),
        overdue_at=None,
        dispatched_at=None,
        handed_back_at=None,
        ended_at=None,
        unit_id=None,
        assignee_id=None,
        version=7,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def do(case: CaseState, move: str, by: Actor = DESK, at: datetime = NOW, **order: object) -> CaseState:
    return carry_out(case, MoveOrder(move=MoveName(move), **order), by=by, now=at)  # type: ignore[arg-type]


def test_every_stage_but_the_ends_has_a_way_on_for_the_desk_or_the_crew():
    for stage in Stage:
        moves = {move.name for role in Role for move in allowed(stage, role)} - {MoveName.NOTE}
        assert moves, stage
    for stage in ENDED_STAGES:
        assert {move.name for move in allowed(stage, Role.DISPATCHER)} == {MoveName.REOPEN, MoveName.NOTE}


def test_a_viewer_and_the_public_may_move_nothing():
    assert not [move for stage in Stage for role in (Role.VIEWER, None) for move in allowed(stage, role)]


@pytest.mark.parametrize("move", ["file", "dispatch", "verify", "close", "void", "reopen", "suspend", "extend"])
def test_the_desks_moves_are_not_for_the_crew(move: str):
    with pytest.raises(NotAllowed, match="is for administrator or dispatcher; 李敏 is crew"):
        do(make_case(Stage.FILED), move, CREW, note="x")


def test_a_wrong_stage_is_another_refusal_than_a_wrong_role_and_says_what_is_possible():
    with pytest.raises(InvalidMove) as refused:
        do(make_case(Stage.FILED), "verify")
    assert str(refused.value) == (
        "verify needs a case that is handed_back, but 2026030200001 is filed; "
        "possible now: dispatch, void, extend, suspend, supervise, note"
    )


def test_the_system_moves_nothing_by_hand():
    with pytest.raises(NotAllowed, match="CoverCode is nobody with a role"):
        do(make_case(Stage.COLLECTED), "file", SYSTEM)


def test_every_move_goes_one_version_on():
    assert do(make_case(Stage.FILED), "dispatch", unit_id=10).version == 8


def test_filing_starts_the_clock_of_the_standard():
    late = make_case(Stage.COLLECTED, deadline_at=NOW - timedelta(minutes=1), overdue_at=NOW - timedelta(minutes=1))
    filed = do(late, "file")
    assert (filed.stage, filed.deadline_at, filed.overdue_at) == (Stage.FILED, NOW + timedelta(hours=2), None)


def test_dispatching_needs_somebody_to_go():
    with pytest.raises(InvalidInput) as refused:
        do(make_case(Stage.FILED), "dispatch")
    assert refused.value.field == "assignee_id"


def test_accepting_makes_it_theirs_if_it_was_nobodys():
    for unit_case in (make_case(Stage.DISPATCHED, unit_id=10), make_case(Stage.DISPATCHED)):
        assert do(unit_case, "accept", CREW).assignee_id == CREW.user_id


def test_a_mate_may_take_over_but_the_assignee_stays():
    case = make_case(Stage.DISPATCHED, unit_id=10, assignee_id=CREW.user_id)
    assert do(case, "accept", MATE).assignee_id == CREW.user_id


def test_what_is_somebody_elses_is_refused_to_the_crew():
    case = make_case(Stage.DISPATCHED, unit_id=10)
    assert not is_theirs(case, STRANGER)
    with pytest.raises(NotAllowed, match="is assigned to somebody else"):
        do(case, "accept", STRANGER)
    with pytest.raises(NotAllowed, match="is assigned to somebody else"):
        do(make_case(Stage.FILED), "note", CREW, note="saw it")


def test_a_page_offers_nobody_what_would_be_refused_to_them():
    case = make_case(Stage.DISPATCHED, unit_id=10)
    assert [move.name for move in open_to(case, CREW)] == ["accept", "return", "note"]
    assert open_to(case, STRANGER) == []
    assert [move.name for move in open_to(case, DESK)] == ["dispatch", "void", "extend", "suspend", "supervise", "note"]


def test_a_crew_without_a_unit_does_not_own_the_cases_of_no_unit():
    loner = Actor(user_id=9, name="钱", role=Role.CREW, unit_id=None)
    assert not is_theirs(make_case(Stage.IN_HAND, assignee_id=CREW.user_id), loner)
    assert is_theirs(make_case(Stage.DISPATCHED), loner)


@pytest.mark.parametrize(
    ("stage", "move", "by"),
    [
        (Stage.DISPATCHED, "return", ADMIN),
        (Stage.HANDED_BACK, "rework", DESK),
        (Stage.CLOSED, "reopen", DESK),
        (Stage.FILED, "void", DESK),
        (Stage.FILED, "extend", DESK),
        (Stage.FILED, "suspend", DESK),
        (Stage.FILED, "supervise", DESK),
    ],
)
def test_these_moves_need_a_reason(stage: Stage, move: str, by: Actor):
    with pytest.raises(InvalidInput, match="needs a reason") as refused:
        do(make_case(stage), move, by, note="  \n ")
    assert refused.value.field == "note"
    do(make_case(stage), move, by, note="为什么")


def test_handing_back_needs_a_note_or_a_photo():
    case = make_case(Stage.IN_HAND, assignee_id=CREW.user_id)
    with pytest.raises(InvalidInput, match="needs a note or a photo"):
        do(case, "hand_back", CREW)
    assert do(case, "hand_back", CREW, note="盖好了").stage is Stage.HANDED_BACK
    assert do(case, "hand_back", CREW, photos=1).handed_back_at == NOW


def test_a_note_has_an_end():
    with pytest.raises(InvalidInput, match=f"at most {MAX_NOTE}"):
        do(make_case(Stage.FILED), "supervise", note="长" * (MAX_NOTE + 1))


def test_returning_goes_back_to_the_desk_and_frees_the_case():
    back = do(make_case(Stage.IN_HAND, unit_id=10, assignee_id=CREW.user_id), "return", CREW, note="不是我们的")
    assert (back.stage, back.unit_id, back.assignee_id) == (Stage.FILED, None, None)


def test_another_person_verifies():
    done = make_case(Stage.HANDED_BACK, handed_back_by=ADMIN.user_id)
    with pytest.raises(NotAllowed, match="another person has to verify"):
        do(done, "verify", ADMIN)
    assert do(done, "verify", DESK).stage is Stage.VERIFIED


def test_rework_goes_to_the_same_people_and_the_clock_goes_on():
    done = make_case(Stage.HANDED_BACK, unit_id=10, assignee_id=CREW.user_id, handed_back_at=NOW)
    again = do(done, "rework", note="还在响")
    assert (again.stage, again.assignee_id, again.unit_id) == (Stage.DISPATCHED, CREW.user_id, 10)
    assert (again.deadline_at, again.handed_back_at) == (done.deadline_at, None)


def test_extending_adds_the_original_limit_twice_at_most():
    case = make_case(Stage.IN_HAND)
    for already in (0, 1):
        longer = do(replace(case, extensions=already), "extend", note="等配件")
        assert longer.deadline_at == case.deadline_at + timedelta(hours=2)
        assert longer.stage is Stage.IN_HAND
    with pytest.raises(InvalidMove, match="was extended 2 times"):
        do(replace(case, extensions=2), "extend", note="等配件")


def test_extending_comes_before_the_deadline_whether_the_worker_marked_it_or_not():
    with pytest.raises(InvalidMove, match="overdue already"):
        do(make_case(Stage.FILED, deadline_at=NOW), "extend", note="等配件")


def test_suspension_stops_the_clock_for_exactly_its_time():
    case = make_case(Stage.IN_HAND)
    parked = do(case, "suspend", note="等汛期结束")
    assert parked.stage is Stage.SUSPENDED
    on_again = do(parked, "resume", at=NOW + timedelta(days=30))
    assert on_again.stage is Stage.IN_HAND
    assert on_again.deadline_at == case.deadline_at + timedelta(days=30)
    assert on_again.stage_before_suspension is None


def test_suspension_does_not_wash_a_missed_deadline_away():
    late = make_case(Stage.FILED, deadline_at=NOW - timedelta(minutes=5))
    assert do(late, "suspend", note="等").overdue_at == late.deadline_at


def test_handing_back_late_keeps_that_it_was_late():
    late = make_case(Stage.IN_HAND, deadline_at=NOW - timedelta(seconds=1), assignee_id=CREW.user_id)
    assert do(late, "hand_back", CREW, note="好了").overdue_at == late.deadline_at


def test_a_reopened_case_starts_afresh_with_a_new_deadline():
    closed = make_case(
        Stage.CLOSED, ended_at=NOW, overdue_at=NOW, handed_back_at=NOW, unit_id=10, assignee_id=2, extensions=2
    )
    case = do(closed, "reopen", note="又开了")
    assert (case.stage, case.deadline_at) == (Stage.FILED, NOW + timedelta(hours=2))
    assert (case.ended_at, case.overdue_at, case.handed_back_at, case.assignee_id, case.unit_id) == (None,) * 5
    assert case.extensions == 0


def test_an_unknown_move_is_named():
    with pytest.raises(InvalidInput, match="'fly' is not a move"):
        read_move("fly")


def test_history_counts_only_since_the_last_opening():
    past = [
        PastMove(move="extend", at=NOW, by_user_id=1),
        PastMove(move="hand_back", at=NOW, by_user_id=2),
        PastMove(move="reopen", at=NOW, by_user_id=1),
        PastMove(move="extend", at=NOW, by_user_id=1),
        PastMove(move="accept", at=NOW, by_user_id=2),
        PastMove(move="suspend", at=NOW, by_user_id=1),
        PastMove(move="note", at=NOW, by_user_id=1),
    ]
    case = with_history(make_case(Stage.FILED), past)
    assert (case.extensions, case.handed_back_by, case.accepted_at, case.suspended_at) == (1, None, NOW, NOW)


def test_the_table_covers_every_move_once():
    assert list(MOVES) == list(MoveName)
