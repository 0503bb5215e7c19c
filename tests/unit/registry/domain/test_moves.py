"""The move table: what is possible from where, for whom, and what each refusal says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.case_limits import CaseLimits
from registry.domain.case_moves import MAX_NOTE, CaseState, MoveOrder, carry_out, is_theirs, open_to
from registry.domain.case_standard import CaseLine, LineLimit, Step
from registry.domain.case_story import CaseStory, Line, Stay
from registry.domain.case_telling import told
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import ENDED_STAGES, CaseRole, Family, RequestKind, Role, Severity, Stage, TaskKind
from registry.domain.moves import MOVES, MoveName, allowed, read_move
from registry.domain.people import SYSTEM, Actor
from registry.domain.working_time import TimeUnit, WorkCalendar

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DESK = Actor(user_id=1, name="陈派", role=Role.DISPATCHER, unit_id=None)
CREW = Actor(user_id=2, name="李敏", role=Role.CREW, unit_id=10)
MATE = Actor(user_id=3, name="王强", role=Role.CREW, unit_id=10)
STRANGER = Actor(user_id=4, name="赵电", role=Role.CREW, unit_id=20)
ADMIN = Actor(user_id=5, name="吴管", role=Role.ADMINISTRATOR, unit_id=None)
SENDER = Actor(
    user_id=6, name="孙派", role=Role.DISPATCHER, unit_id=None, given_case_roles=frozenset({CaseRole.DISPATCHER})
)
# two urgent hours for mending, one for securing the site
LIMITS = CaseLimits(
    line=CaseLine(
        key="cover_displaced",
        version=3,
        family=Family.COVER,
        severity=Severity.CRITICAL,
        name_zh="井盖移位",
        limits=(
            LineLimit(step=Step.REPAIR, amount=2, unit=TimeUnit.URGENT_HOUR),
            LineLimit(step=Step.SECURE, amount=1, unit=TimeUnit.URGENT_HOUR),
        ),
    ),
    calendar=WorkCalendar(),
)
TWO_HOURS = timedelta(hours=2)


def make_case(stage: Stage, **more: object) -> CaseState:
    sent = None if stage in (Stage.COLLECTED, Stage.FILED) else NOW - timedelta(hours=1)
    story = CaseStory(
        opened_at=NOW - timedelta(hours=1),
        stage=stage,
        severity=3,
        deadline_at=NOW + timedelta(hours=1),
        first_dispatched_at=sent,
        dispatched_at=sent,
        stays=(Stay(stage=stage, since=NOW - timedelta(hours=1)),),
    )
    return CaseState(
        id=1,
        number="2026030200001",
        kind="cover_displaced",
        version=7,
        story=replace(story, **more),  # type: ignore[arg-type]
    )


def do(case: CaseState, move: str, by: Actor = DESK, at: datetime = NOW, **order: object) -> CaseStory:
    """What the move makes of the case."""
    wanted = MoveOrder(move=MoveName(move), **order)  # type: ignore[arg-type]
    to_stage, detail = carry_out(case, wanted, LIMITS, by=by, now=at)
    line = Line(at=at, move=wanted.move, to_stage=to_stage, by_user_id=by.user_id, detail=detail)
    return told(case.story, line)


def on(case: CaseState, story: CaseStory) -> CaseState:
    """The same case, one move on."""
    return replace(case, version=case.version + 1, story=story)


def roles_of(role: Role) -> frozenset[CaseRole]:
    return Actor(user_id=1, name="", role=role, unit_id=None).case_roles


def test_every_stage_but_the_ends_has_a_way_on_for_the_desk_or_the_crew():
    for stage in Stage:
        moves = {move.name for role in Role for move in allowed(stage, roles_of(role))} - {MoveName.NOTE}
        assert moves, stage
    for stage in ENDED_STAGES:
        moves = {move.name for move in allowed(stage, roles_of(Role.DISPATCHER))} - {MoveName.APPEAL}
        assert moves == {MoveName.REOPEN, MoveName.NOTE}


def test_a_viewer_and_the_public_may_move_nothing():
    assert not [move for stage in Stage for move in allowed(stage, roles_of(Role.VIEWER))]
    assert not [move for stage in Stage for move in allowed(stage, SYSTEM.case_roles)]


def test_a_small_city_gives_one_person_all_of_the_desk_and_a_big_one_gives_each_their_post():
    assert {"file", "dispatch", "verify", "close", "extend"} <= {
        move.name for stage in Stage for move in allowed(stage, DESK.case_roles)
    }
    assert {move.name for stage in Stage for move in allowed(stage, SENDER.case_roles)} == {
        "dispatch", "recall", "request_extension", "request_suspension", "supervise", "resume", "merge", "reopen",
        "appeal", "note",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("move", "may"),
    [
        ("file", "receptionist or shift_supervisor"),
        ("dispatch", "dispatcher"),
        ("close", "shift_supervisor"),
        ("void", "shift_supervisor"),
        ("reopen", "shift_supervisor or dispatcher"),
        ("suspend", "shift_supervisor and dispatcher"),
        ("extend", "shift_supervisor and dispatcher"),
    ],
)
def test_the_desks_moves_are_not_for_the_crew(move: str, may: str):
    with pytest.raises(NotAllowed, match=f"is for {may}; 李敏 is collector and handler"):
        do(make_case(Stage.FILED), move, CREW, note="x")


def test_who_has_one_post_of_a_chain_asks_instead_of_granting():
    case = make_case(Stage.IN_HAND)
    with pytest.raises(NotAllowed, match="is for shift_supervisor and dispatcher; 孙派 is dispatcher"):
        do(case, "extend", SENDER, note="等配件")
    assert do(case, "request_extension", SENDER, note="等配件").waiting(RequestKind.EXTENSION) is not None


def test_a_wrong_stage_is_another_refusal_than_a_wrong_role_and_says_what_is_possible():
    with pytest.raises(InvalidMove) as refused:
        do(make_case(Stage.FILED), "verify")
    assert str(refused.value) == (
        "verify needs a case that is handed_back, but 2026030200001 is filed; "
        "possible now: dispatch, request_extension, extend, request_suspension, suspend, supervise, merge, void, note"
    )


def test_the_system_moves_by_itself_only_what_the_table_says():
    with pytest.raises(NotAllowed, match="CoverCode is nobody with a role"):
        do(make_case(Stage.COLLECTED), "file", SYSTEM)
    assert do(make_case(Stage.FILED), "dispatch", SYSTEM, unit_id=10).stage is Stage.DISPATCHED
    assert {move.name for move in MOVES.values() if move.system} == {"dispatch", "resume", "supervise", "reopen"}


def test_what_a_chain_decides_nobody_does_outright():
    with pytest.raises(NotAllowed, match="is decided through its chain"):
        do(make_case(Stage.CLOSED), "grant_appeal", ADMIN, note="x")


def test_filing_starts_the_clock_of_the_standard_and_forgets_that_the_desk_was_late():
    late = make_case(Stage.COLLECTED, deadline_at=NOW - timedelta(minutes=1), overdue_at=NOW - timedelta(minutes=1))
    filed = do(late, "file")
    # a quarter of an hour for the dispatch of what is critical, and then two hours
    assert filed.desk_due_at == NOW + timedelta(minutes=15)
    assert (filed.stage, filed.deadline_at) == (Stage.FILED, NOW + timedelta(minutes=15) + TWO_HOURS)
    assert filed.overdue_at is None
    assert filed.limits == {"version": 3, "grade": "", "seasons": []}


def test_the_clock_of_handling_starts_at_the_first_dispatch_and_at_no_later_one():
    sent = do(make_case(Stage.FILED), "dispatch", unit_id=10)
    assert (sent.deadline_at, sent.secure_due_at) == (NOW + TWO_HOURS, NOW + timedelta(hours=1))
    later = NOW + timedelta(minutes=30)
    again = do(on(make_case(Stage.FILED), sent), "dispatch", unit_id=20, at=later)
    assert (again.deadline_at, again.first_dispatched_at, again.dispatched_at) == (sent.deadline_at, NOW, later)
    assert (again.dispatches, again.second_dispatches) == (2, 1)


def test_a_dispatch_taken_back_before_anybody_went_did_not_happen():
    case = make_case(Stage.FILED)
    sent = do(case, "dispatch", unit_id=10)
    back = do(on(case, sent), "recall")
    assert (back.stage, back.unit_id, back.first_dispatched_at, back.dispatches) == (Stage.FILED, None, None, 0)
    assert do(on(case, back), "dispatch", unit_id=20).second_dispatches == 0


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
    offered = ["accept", "return", "request_extension", "request_suspension", "note"]
    assert [move.name for move in open_to(case, CREW)] == offered
    assert open_to(case, STRANGER) == []
    assert "dispatch" in [move.name for move in open_to(case, DESK)]
    extended = make_case(Stage.DISPATCHED, unit_id=10, extended=2, was_suspended=True)
    assert [move.name for move in open_to(extended, CREW)] == ["accept", "return", "note"]


def test_a_crew_without_a_unit_does_not_own_the_cases_of_no_unit():
    loner = Actor(user_id=9, name="钱", role=Role.CREW, unit_id=None)
    assert not is_theirs(make_case(Stage.IN_HAND, assignee_id=CREW.user_id), loner)
    assert is_theirs(make_case(Stage.DISPATCHED), loner)


@pytest.mark.parametrize(
    ("stage", "move", "by"),
    [
        (Stage.COLLECTED, "decline", DESK),
        (Stage.DISPATCHED, "return", ADMIN),
        (Stage.HANDED_BACK, "rework", DESK),
        (Stage.CLOSED, "reopen", DESK),
        (Stage.FILED, "void", DESK),
        (Stage.FILED, "extend", DESK),
        (Stage.FILED, "suspend", DESK),
        (Stage.FILED, "supervise", DESK),
        (Stage.CLOSED, "appeal", DESK),
    ],
)
def test_these_moves_need_a_reason(stage: Stage, move: str, by: Actor):
    until = NOW + timedelta(days=3)
    with pytest.raises(InvalidInput, match="needs a reason") as refused:
        do(make_case(stage), move, by, note="  \n ", until=until)
    assert refused.value.field == "note"
    do(make_case(stage), move, by, note="为什么", until=until)


def test_handing_back_needs_a_note_or_a_photo_and_tells_what_was_done():
    case = make_case(Stage.IN_HAND, assignee_id=CREW.user_id)
    with pytest.raises(InvalidInput, match="needs a note or a photo"):
        do(case, "hand_back", CREW)
    assert do(case, "hand_back", CREW, photos=1).handed_back_at == NOW
    done = do(case, "hand_back", CREW, note="盖好了", quantity=2.5, quantity_unit="m²", cause="车辆碾压")
    assert (done.stage, done.handed_back_by) == (Stage.HANDED_BACK, CREW.user_id)
    assert (done.quantity, done.quantity_unit, done.cause) == (2.5, "m²", "车辆碾压")
    with pytest.raises(InvalidInput, match="must be more than 0"):
        do(case, "hand_back", CREW, note="好了", quantity=0)


def test_securing_the_site_leaves_the_stage_and_is_done_once():
    case = make_case(Stage.IN_HAND, assignee_id=CREW.user_id)
    secured = do(case, "secure", CREW, note="已围护")
    assert (secured.stage, secured.secured_at) == (Stage.IN_HAND, NOW)
    with pytest.raises(InvalidMove, match="is secured already"):
        do(on(case, secured), "secure", CREW, note="again")


def test_what_is_mended_without_being_secured_first_is_secured_by_that():
    case = make_case(Stage.IN_HAND, assignee_id=CREW.user_id, secure_due_at=NOW)
    assert do(case, "hand_back", CREW, note="修好了").secured_at == NOW


def test_a_note_has_an_end():
    with pytest.raises(InvalidInput, match=f"at most {MAX_NOTE}"):
        do(make_case(Stage.FILED), "supervise", note="长" * (MAX_NOTE + 1))


def test_returning_goes_back_to_the_desk_and_the_clock_goes_on():
    case = make_case(Stage.IN_HAND, unit_id=10, assignee_id=CREW.user_id)
    back = do(case, "return", CREW, note="不是我们的")
    assert (back.stage, back.unit_id, back.assignee_id, back.returned_at) == (Stage.FILED, None, None, NOW)
    assert back.deadline_at == case.story.deadline_at


def test_a_return_is_confirmed_as_a_misdispatch_or_refused_to_the_same_people():
    case = make_case(Stage.IN_HAND, unit_id=10, assignee_id=CREW.user_id)
    back = on(case, do(case, "return", CREW, note="不是我们的"))
    confirmed = do(back, "confirm_return")
    assert (confirmed.stage, confirmed.returned_at, confirmed.misdispatches) == (Stage.FILED, None, 1)
    refused = do(back, "refuse_return", note="就是你们的")
    assert (refused.stage, refused.unit_id, refused.assignee_id) == (Stage.DISPATCHED, 10, CREW.user_id)
    assert (refused.returned_at, refused.misdispatches) == (None, 0)


def test_only_the_shift_supervisor_sends_on_what_was_returned_and_not_yet_confirmed():
    case = make_case(Stage.IN_HAND, unit_id=10, assignee_id=CREW.user_id)
    back = on(case, do(case, "return", CREW, note="不是我们的"))
    with pytest.raises(InvalidMove, match="has to confirm that first"):
        do(back, "dispatch", SENDER, unit_id=20)
    sent = do(back, "dispatch", unit_id=20)
    assert (sent.misdispatches, sent.second_dispatches, sent.returned_at) == (1, 1, None)


def test_a_check_is_done_by_whom_it_was_asked_of():
    case = make_case(Stage.COLLECTED)
    with pytest.raises(NotAllowed, match="nobody sent 李敏 to look"):
        do(case, "check", CREW, note="在", passed=True)
    asked = on(case, do(case, "ask_check", assignee_id=CREW.user_id))
    assert asked.story.check_due_at == NOW + timedelta(hours=1)
    with pytest.raises(NotAllowed, match="nobody sent 王强"):
        do(asked, "check", MATE, note="在", passed=True)
    with pytest.raises(InvalidInput, match="say what you found"):
        do(asked, "check", CREW, note="在")
    found = do(asked, "check", CREW, note="在", passed=True)
    assert (found.stage, found.checked_at, found.look(TaskKind.CHECK)) == (Stage.COLLECTED, NOW, None)
    assert found.check_passed


def test_filing_gives_up_a_check_that_nobody_did():
    case = make_case(Stage.COLLECTED)
    filed = do(on(case, do(case, "ask_check")), "file")
    assert [(look.done_at, look.passed) for look in filed.looks] == [(NOW, None)]


def test_another_person_verifies():
    done = make_case(Stage.HANDED_BACK, handed_back_by=ADMIN.user_id)
    with pytest.raises(NotAllowed, match="another person has to verify"):
        do(done, "verify", ADMIN)
    assert do(done, "verify", DESK).stage is Stage.VERIFIED


def test_a_collector_verifies_where_they_were_sent_and_not_what_they_mended_themselves():
    done = make_case(Stage.HANDED_BACK, unit_id=10, assignee_id=2, handed_back_by=CREW.user_id)
    with pytest.raises(NotAllowed, match="nobody sent 王强"):
        do(done, "verify", MATE)
    asked = on(done, do(done, "ask_verification"))
    with pytest.raises(NotAllowed, match="another person has to verify"):
        do(asked, "verify", CREW)
    assert do(asked, "verify", MATE).verified_by == MATE.user_id


def test_rework_goes_to_the_same_people_and_the_time_the_desk_took_is_not_theirs():
    sent = NOW - timedelta(hours=1)
    done = make_case(Stage.HANDED_BACK, unit_id=10, assignee_id=2, handed_back_at=NOW - timedelta(minutes=30))
    again = do(done, "rework", note="还在响")
    assert (again.stage, again.assignee_id, again.unit_id) == (Stage.DISPATCHED, CREW.user_id, 10)
    assert (again.deadline_at, again.handed_back_at) == (sent + TWO_HOURS + timedelta(minutes=30), None)
    assert again.reworks == 1


def test_extending_adds_the_original_limit_twice_at_most():
    case = make_case(Stage.IN_HAND)
    start = NOW - timedelta(hours=1)
    for already in (0, 1):
        longer = do(make_case(Stage.IN_HAND, extended=already), "extend", note="等配件")
        assert longer.deadline_at == start + TWO_HOURS * (2 + already)
        assert longer.stage is Stage.IN_HAND
    with pytest.raises(InvalidMove, match="was extended 2 times"):
        do(make_case(Stage.IN_HAND, extended=2), "extend", note="等配件")
    assert case.story.extended == 0


def test_extending_is_asked_for_before_the_deadline_whether_the_worker_marked_it_or_not():
    for move in ("extend", "request_extension"):
        with pytest.raises(InvalidMove, match="overdue already"):
            do(make_case(Stage.FILED, deadline_at=NOW), move, note="等配件")


def test_what_was_asked_for_in_time_and_granted_after_the_deadline_was_not_late():
    case = make_case(Stage.IN_HAND, assignee_id=CREW.user_id)
    asked = do(case, "request_extension", CREW, note="等配件")
    late = on(case, replace(asked, overdue_at=asked.deadline_at))
    granted = do(late, "extend", note="同意", at=NOW + timedelta(hours=2))
    assert granted.overdue_at is None
    assert granted.waiting(RequestKind.EXTENSION) is None


def test_the_same_is_not_asked_for_twice():
    case = make_case(Stage.IN_HAND, assignee_id=CREW.user_id)
    asked = on(case, do(case, "request_extension", CREW, note="等配件"))
    with pytest.raises(InvalidMove, match="was asked for 2026030200001 already"):
        do(asked, "request_extension", CREW, note="等配件")


def test_suspension_stops_the_clock_for_exactly_its_time():
    case = make_case(Stage.IN_HAND)
    until = NOW + timedelta(days=60)
    parked = do(case, "suspend", note="等汛期结束", until=until)
    assert (parked.stage, parked.suspended_until) == (Stage.SUSPENDED, until)
    on_again = do(on(case, parked), "resume", at=NOW + timedelta(days=30))
    assert on_again.stage is Stage.IN_HAND
    assert case.story.deadline_at is not None
    assert on_again.deadline_at == case.story.deadline_at + timedelta(days=30)
    assert on_again.stage_before_suspension is None
    with pytest.raises(InvalidMove, match="suspended once already"):
        do(on(case, on_again), "suspend", note="再等", until=until)


def test_a_suspension_that_ended_while_nobody_looked_ended_on_its_day():
    case = make_case(Stage.IN_HAND)
    parked = do(case, "suspend", note="等", until=NOW + timedelta(days=10))
    resumed = do(on(case, parked), "resume", SYSTEM, at=NOW + timedelta(days=12))
    assert case.story.deadline_at is not None
    assert resumed.deadline_at == case.story.deadline_at + timedelta(days=10)


@pytest.mark.parametrize(
    ("days", "words"), [(None, "say until when"), (-1, "has passed already"), (400, "more than a year")]
)
def test_a_suspension_has_a_day_within_the_year(days: int | None, words: str):
    until = None if days is None else NOW + timedelta(days=days)
    with pytest.raises(InvalidInput, match=words):
        do(make_case(Stage.FILED), "suspend", note="等", until=until)


def test_fixing_on_the_spot_shows_it_before_and_after():
    case = make_case(Stage.FILED)
    with pytest.raises(InvalidInput, match="before and after"):
        do(case, "self_handle", CREW, photo_kinds=frozenset({"after"}))
    done = do(case, "self_handle", CREW, photo_kinds=frozenset({"before", "after"}))
    assert (done.stage, done.closed_how) == (Stage.CLOSED, "self_handled")


def test_a_case_is_not_closed_while_something_is_missing_or_its_sensor_complains_without_a_word():
    case = make_case(Stage.VERIFIED)
    with pytest.raises(InvalidMove, match="can't be closed yet: inspect the others"):
        do(case, "close", needs=("inspect the others",))
    with pytest.raises(InvalidInput, match="still reports 2 alerts"):
        do(case, "close", live_alerts=2)
    assert do(case, "close", live_alerts=2, note="探头坏了").closed_how == "repaired"


def test_what_became_part_of_another_case_is_not_reopened():
    case = make_case(Stage.FILED)
    with pytest.raises(InvalidInput, match="is this very case"):
        do(case, "merge", into_id=case.id)
    merged = do(case, "merge", into_id=2)
    assert (merged.stage, merged.closed_how, merged.merged_into_id) == (Stage.VOID, "merged", 2)
    with pytest.raises(InvalidMove, match="part of another case"):
        do(on(case, merged), "reopen", note="又开了")


def test_an_appeal_is_made_once_and_leaves_that_it_was_late():
    case = make_case(Stage.CLOSED, unit_id=10, overdue_at=NOW)
    appealed = on(case, do(case, "appeal", CREW, note="路被围挡"))
    with pytest.raises(InvalidMove, match="was an appeal"):
        do(appealed, "appeal", CREW, note="再来")
    granted = do(appealed, "grant_appeal", note="属实", by_chain=True)
    assert (granted.exempt, granted.overdue_at) == (True, NOW)


def test_a_reopened_case_starts_afresh_with_a_new_deadline():
    closed = make_case(
        Stage.CLOSED, ended_at=NOW, overdue_at=NOW, handed_back_at=NOW, unit_id=10, assignee_id=2, extended=2
    )
    case = do(closed, "reopen", note="又开了")
    assert (case.stage, case.deadline_at) == (Stage.FILED, NOW + timedelta(minutes=15) + TWO_HOURS)
    assert (case.ended_at, case.overdue_at, case.handed_back_at, case.assignee_id, case.unit_id) == (None,) * 5
    assert (case.extended, case.reopens) == (0, 1)


def test_an_unknown_move_is_named():
    with pytest.raises(InvalidInput, match="'fly' is not a move"):
        read_move("fly")


def test_the_table_covers_every_move_once():
    assert list(MOVES) == list(MoveName)
