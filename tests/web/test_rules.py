"""The pages of rules: the list, the editor without a script, the second thought, undo, versions, files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.datastructures import MultiDict

from dashboards.rule_forms import hours_of, read_form, read_span, span_text, ticked_hours, values_of
from registry.domain.kinds import Role, RuleKind
from registry.domain.rules import Hours, Rule
from registry.domain.rules.files import read_rules
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.queries.rules import rule_line, rule_versions
from registry.storage.database import writing
from registry.storage.tables import device
from registry.storage.times import to_ms
from tests.web.conftest import NOON, Web, build_web, csrf_of, send

KEY = "cover_tilt"
PAGE = f"/rules/{KEY}"
ALWAYS = [f"{day}-{hour}" for day in range(1, 8) for hour in range(24)]


def kept(web: Web, key: str = KEY) -> Any:
    return rule_line(web.city.engine, key, now=NOON, zone=web.app.extensions["covercode"].zone)


def filled(rule: Rule, **changes: Any) -> dict[str, Any]:
    """The form as the page shows it, with what somebody typed."""
    cells = ticked_hours(rule.hours) or ALWAYS
    form = values_of(rule) | {"version": str(rule.version), "note": "试行", "hour": list(cells), "action": "save"}
    return {name: value for name, value in (form | changes).items() if value is not None}


@pytest.mark.parametrize("rule", SHIPPED_RULES, ids=lambda rule: rule.key)
def test_a_form_that_nobody_changed_says_the_same_rule(rule: Rule) -> None:
    form = MultiDict(filled(rule))
    form.setlist("watches.classes", list(rule.watches.classes))
    read = read_form(form, key=rule.key, kept=rule)

    assert [str(problem) for problem in read.problems] == []
    assert read.rule == rule


def test_the_list_begins_with_the_worst_and_says_what_each_rule_does(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/rules").text

    assert page.index(f"/rules/{KEY}") > 0
    assert "15°" in page
    assert "/rules/new" not in page
    assert "/rules/new?kind=limit" in web.as_(Role.DISPATCHER).get("/rules").text


def test_who_may_not_change_rules_sees_them_without_buttons(web: Web) -> None:
    page = web.as_(Role.CREW).get(PAGE).text

    assert "data-fires" in page
    assert 'name="note"' not in page
    assert send(web.as_(Role.CREW), PAGE, filled(kept(web).rule)).status_code == 403


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", list(RuleKind))
def test_every_kind_has_its_form(web: Web, kind: RuleKind, lang: str) -> None:
    client = web.as_(Role.DISPATCHER)
    client.set_cookie("lang", lang)
    page = client.get(f"/rules/new?kind={kind}")

    assert page.status_code == 200
    assert f'<option value="{kind}" selected' in page.text


@pytest.mark.parametrize("rule", SHIPPED_RULES, ids=lambda rule: rule.key)
def test_every_shipped_rule_has_its_page(web: Web, rule: Rule) -> None:
    assert web.as_(Role.DISPATCHER).get(f"/rules/{rule.key}").status_code == 200


def test_an_edit_without_a_script_is_kept_undone_and_told_in_the_history(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    answer = send(client, PAGE, filled(kept(web).rule, **{"condition.fire": "12.5", "condition.hold_s": "1 min"}))
    assert (answer.status_code, answer.location) == (303, f"{PAGE}?saved=1")
    condition = kept(web).rule.condition
    assert (condition.fire, condition.hold_s, kept(web).note) == (12.5, 60.0, "试行")
    assert kept(web).saved_by == web.city.dispatcher.name
    assert f'action="{PAGE}/undo"' in client.get(f"{PAGE}?saved=1").text
    history = client.get(f"{PAGE}/versions").text
    assert "12.5" in history
    assert "试行" in history

    assert send(client, f"{PAGE}/undo", {"version": "2"}, page=PAGE).status_code == 303
    assert (kept(web).rule.condition.fire, kept(web).rule.version) == (15.0, 3)
    assert send(client, f"{PAGE}/take", {"version": "3", "take": "2"}, page=PAGE).status_code == 303
    assert kept(web).rule.condition.fire == 12.5


def test_what_is_wrong_is_told_beside_its_field_and_what_was_typed_stays(web: Web) -> None:
    answer = send(
        web.as_(Role.DISPATCHER),
        PAGE,
        filled(kept(web).rule, **{"condition.fire": "9", "condition.hold_s": "soon", "name_zh": "新名"}),
        page=PAGE,
    )

    assert answer.status_code == 422
    assert 'id="condition.hold_s-problem"' in answer.text
    assert "新名" in answer.text
    fixed = send(web.as_(Role.DISPATCHER), PAGE, filled(kept(web).rule, **{"condition.fire": "9"}), page=PAGE)
    assert 'id="condition.clear-problem"' in fixed.text
    assert kept(web).rule.version == 1


def test_an_edit_needs_its_reason_and_the_version_it_was_made_from(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    assert 'id="note-problem"' in send(client, PAGE, filled(kept(web).rule, note="", permit="1", severity="1")).text
    first = send(client, PAGE, filled(kept(web).rule, **{"condition.fire": "12.5"}), page=PAGE)
    second = send(client, PAGE, filled(kept(web).rule, version="1", **{"condition.fire": "13"}), page=PAGE)
    assert (first.status_code, second.status_code) == (303, 409)
    assert kept(web).rule.condition.fire == 12.5


def test_another_kind_is_chosen_without_keeping_anything(web: Web) -> None:
    answer = send(web.as_(Role.DISPATCHER), PAGE, filled(kept(web).rule, action="kind", type="rate"), page=PAGE)

    assert answer.status_code == 200
    assert 'name="condition.window_s"' in answer.text
    assert kept(web).rule.version == 1


def test_a_new_rule_begins_as_a_copy_and_is_kept_under_its_own_key(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    assert client.get(f"/rules/new?copy={KEY}").status_code == 200
    form = filled(kept(web).rule, key="bridge_tilt", name_zh="桥面井盖", version=None)
    assert send(client, "/rules", form, page=PAGE).location == "/rules/bridge_tilt?saved=1"
    assert send(client, "/rules", form, page=PAGE).status_code == 409
    assert kept(web, "bridge_tilt").rule.name_zh == "桥面井盖"


def test_a_rule_is_switched_retired_restored_and_taken_back_to_shipped(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    send(client, PAGE, filled(kept(web).rule, **{"condition.fire": "12.5"}))
    for act, more in (("switch", {"on": "0"}), ("ship", {}), ("retire", {"note": "试"}), ("restore", {})):
        form = {"version": str(kept(web).rule.version)} | more
        assert send(client, f"{PAGE}/{act}", form, page=PAGE).status_code == 303, act
    assert [(each.rule.enabled, each.retired) for each in rule_versions(web.city.engine, KEY)] == [
        *[(False, False), (False, True), (False, False), (False, False)],
        *[(True, False), (True, False)],
    ]
    assert kept(web).shipped
    assert f"/rules/{KEY}" in client.get("/rules?retired=1").text


def test_a_draft_says_what_it_would_do_and_what_is_wrong(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    headers = {"X-CSRFToken": csrf_of(client, PAGE), "Accept": "application/json"}
    form = filled(kept(web).rule, key=KEY, **{"condition.fire": "12.5"})
    told = client.post("/rules/draft", data=form, headers=headers).get_json()
    assert (told["rule"]["condition"]["fire"], told["problems"], told["unit"]) == (12.5, [], "°")
    assert "12.5°" in told["fires"]

    wrong = client.post("/rules/draft", data=form | {"condition.clear": "30"}, headers=headers).get_json()
    assert [each["field"] for each in wrong["problems"]] == ["condition.clear"]
    unreadable = client.post("/rules/draft", data=form | {"condition.clear": "x"}, headers=headers).get_json()
    assert (unreadable["rule"], unreadable["problems"][0]["field"]) == (None, "condition.clear")


def test_rules_come_as_a_file_that_can_be_applied(web: Web) -> None:
    answer = web.as_(Role.VIEWER).get("/rules/rules.yaml")
    found, problems = read_rules(answer.text)

    assert (answer.mimetype, problems) == ("application/yaml", [])
    assert {each.rule.key for each in found} == {rule.key for rule in SHIPPED_RULES}
    assert len(read_rules(web.as_(Role.VIEWER).get(f"/rules/rules.yaml?key={KEY}").text)[0]) == 1


def test_a_rule_that_is_not_there_is_not_found(web: Web) -> None:
    for path in ("/rules/nowhere", "/rules/nowhere/versions", f"{PAGE}?version=99", "/rules/new?copy=nowhere"):
        assert web.as_(Role.DISPATCHER).get(path).status_code == 404, path


def test_spans_are_typed_as_people_say_them() -> None:
    assert [read_span(text) for text in ("5", "5 s", "1.5h", "10 min", "2天", "10分钟", "x", "")] == [
        *[5.0, 5.0, 5400.0, 600.0, 172800.0, 600.0, None, None],
    ]
    assert [span_text(span) for span in (0.0, 2.5, 60.0, 5400.0, 7200.0, 86400.0)] == [
        *["0 s", "2.5 s", "1 min", "90 min", "2 h", "1 d"],
    ]


def test_the_grid_of_the_week_says_the_hours_and_back() -> None:
    office = (Hours(days=(1, 2, 3, 4, 5), from_min=8 * 60, until_min=18 * 60),)
    night = (Hours(days=(6,), from_min=22 * 60, until_min=6 * 60),)

    assert hours_of(ticked_hours(office)) == office
    assert ticked_hours(night) == {"6-22", "6-23", *(f"7-{hour}" for hour in range(6))}
    assert ticked_hours(hours_of(ticked_hours(night))) == ticked_hours(night)
    assert hours_of(ALWAYS) == ()


def test_hours_that_a_file_set_to_the_minute_stay_while_nobody_touches_the_grid() -> None:
    exact = (Hours(days=(1,), from_min=8 * 60 + 30, until_min=17 * 60 + 45),)
    rule = SHIPPED_RULES[0]
    form = MultiDict(values_of(rule) | {"hours_kept": '[{"days":[1],"from_min":510,"until_min":1065}]'})
    form.setlist("hour", sorted(ticked_hours(exact)))
    assert read_form(form, key=rule.key).rule.hours == exact  # type: ignore[union-attr]
    form.setlist("hour", ["1-8"])
    assert read_form(form, key=rule.key).rule.hours == (Hours(days=(1,), from_min=480, until_min=540),)  # type: ignore[union-attr]
    form.setlist("hour", [])
    assert [problem.field for problem in read_form(form, key=rule.key).problems] == ["hours"]


@pytest.fixture
def wary(seeded: Any, engine: Any, tmp_path: Path, sign_ins: dict[str, tuple[str, dict[str, Any]]]) -> Iterator[Web]:
    """A city that wants to be asked about a rule which would have raised any case at all yesterday."""
    made = build_web(seeded, engine, tmp_path, sign_ins, place={"warn_cases": 0})
    with writing(engine) as tx:
        tx.execute(update(device).values(fitted_at=NOON - timedelta(days=9)))
    noon = to_ms(NOON - timedelta(days=1))
    made.store.append([(made.city.point("tilt_z"), noon + n * 10_000, 13.0, 0, noon) for n in range(30)])
    yield made
    made.store.close()


def test_a_rule_that_would_have_raised_many_cases_yesterday_asks_again_before_it_is_saved(wary: Web) -> None:
    client = wary.as_(Role.DISPATCHER)
    form = filled(kept(wary).rule, **{"condition.fire": "12"})
    asked = send(client, PAGE, form, page=PAGE)
    assert asked.status_code == 409
    assert 'name="sure"' in asked.text
    assert kept(wary).rule.version == 1

    assert send(client, PAGE, form | {"sure": "1"}, page=PAGE).status_code == 303
    assert kept(wary).rule.condition.fire == 12.0
    quiet = filled(kept(wary).rule, **{"condition.fire": "14"})
    assert send(client, PAGE, quiet, page=PAGE).status_code == 303
