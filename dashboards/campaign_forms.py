"""Reading the forms of shifts, patrols, campaigns, consultations and tasks from above into typed values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo

from werkzeug.datastructures import MultiDict

from dashboards.forms import choice, optional_float, optional_int, text, whole_number
from dashboards.place_forms import read_day
from registry.domain.campaigns import LONGEST_MEASURE, CampaignResult
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.patrols import USUAL_RADIUS_M, USUAL_WEEKLY, short_walk
from registry.domain.shifts import ShiftDays
from registry.queries.people import Person
from registry.services.campaigns import NewCampaign, NewItem, NewMeasure
from registry.services.consultations import MOST_ITEMS, MOST_MINUTES, NewConsultation
from registry.services.consultations import NewItem as NewConsultationItem
from registry.services.mandates import MandateChange, NewList
from registry.services.patrol_rounds import NewFinding
from registry.services.patrol_warnings import NewWarning
from registry.services.patrols import NewPlan, NewStop
from registry.services.shifts import NewShift, NewTurn, Rotation

MOST_ROUTE = 40_000
_CLOCK = re.compile(r"(\d{1,2})[:：](\d{2})")
_BETWEEN = re.compile(r"[,，\t]")
_NAMES = re.compile(r"[\s、,，;；]+")
_CODE = re.compile(r"[0-9A-Z]{16}")
_KEY_WORDS = frozenset({"重点", "key"})


def read_shift(form: Mapping[str, str]) -> NewShift:
    """A shift with its hours."""
    return NewShift(
        unit_id=_needed(form, "unit_id"),
        name=text(form, "name", most=40),
        from_min=read_clock(form, "from_min"),
        until_min=read_clock(form, "until_min"),
        days=ShiftDays(choice(form, "manned", ShiftDays) or ShiftDays.EVERY),
        area_code=text(form, "area_code", most=20),
        least=whole_number(form, "least", 1, least=0, most=50),
    )


def read_clock(form: Mapping[str, str], name: str) -> int:
    """A time of the day in minutes since midnight. Raises ``InvalidInput``."""
    found = _CLOCK.fullmatch(form.get(name, "").strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise InvalidInput(name, "must be a time of the day, such as 08:00")
    return int(found[1]) * 60 + int(found[2])


def read_turn(form: Mapping[str, str]) -> NewTurn:
    """One person's shift of one day."""
    return NewTurn(
        shift_id=_needed(form, "shift_id"),
        day=needed_day(form, "day"),
        user_id=optional_int(form, "user_id"),
        name=text(form, "name", most=80),
        phone=text(form, "phone", most=40),
    )


def read_rotation(form: MultiDict[str, str], people: Sequence[Person]) -> Rotation:
    """How weeks are filled: the shifts that were ticked, and one team a line, its people by name or account."""
    shift_ids = [int(word) for word in form.getlist("shift_ids") if word.isascii() and word.isdigit()]
    lines = [line.strip() for line in text(form, "teams", most=8000).splitlines() if line.strip()]
    return Rotation(
        shift_ids=shift_ids,
        teams=[_team(line, people) for line in lines],
        first=needed_day(form, "first"),
        last=needed_day(form, "last"),
        every_days=whole_number(form, "every_days", 1, least=1, most=31),
    )


def read_plan(form: Mapping[str, str]) -> NewPlan:
    """A patrol plan."""
    return NewPlan(
        name=text(form, "name", most=80),
        unit_id=_needed(form, "unit_id"),
        starts_on=needed_day(form, "starts_on"),
        ends_on=read_day(form, "ends_on"),
        theme=text(form, "theme", most=80),
        area_code=text(form, "area_code", most=20),
        campaign_id=optional_int(form, "campaign_id"),
        weekly=whole_number(form, "weekly", USUAL_WEEKLY, least=1, most=7),
        season_key=text(form, "season_key", most=40),
        season_weekly=whole_number(form, "season_weekly", 0, least=0, most=7),
        note=text(form, "note", most=2000),
    )


def read_route(form: Mapping[str, str], codes: Mapping[str, int], there: Mapping[str, int]) -> list[NewStop]:
    """A route, one point a line: ``name, longitude, latitude[, radius][, 重点][, type]`` or an asset's code first.

    ``codes``: the assets on file by code; ``there``: the route's points by name, so that one that stays keeps its
    visits. With the tick ``short`` the points are put into a short order.
    """
    lines = [line.strip() for line in text(form, "stops", most=MOST_ROUTE).splitlines() if line.strip()]
    stops = [_stop(number, _BETWEEN.split(line), codes, there) for number, line in enumerate(lines, start=1)]
    if form.get("short") != "1" or any(stop.lon is None or stop.lat is None for stop in stops):
        return stops
    return [stops[index] for index in short_walk([(stop.lon or 0.0, stop.lat or 0.0) for stop in stops])]


def codes_in(form: Mapping[str, str]) -> set[str]:
    """The codes of assets that a route names."""
    firsts = {_BETWEEN.split(line)[0].strip() for line in form.get("stops", "")[:MOST_ROUTE].splitlines()}
    return {each for each in firsts if _CODE.fullmatch(each)}


def read_finding(form: Mapping[str, str]) -> NewFinding:
    """Something wrong that was seen on a round."""
    return NewFinding(
        note=text(form, "note", most=2000),
        asset_id=optional_int(form, "asset_id"),
        kind=text(form, "kind", most=40),
        stop_id=optional_int(form, "stop_id"),
    )


def read_warning(form: Mapping[str, str]) -> NewWarning:
    """What a unit is told."""
    return NewWarning(
        unit_id=_needed(form, "unit_id"),
        text=text(form, "text", most=1000),
        due_on=needed_day(form, "due_on"),
        plan_id=optional_int(form, "plan_id"),
        round_id=optional_int(form, "round_id"),
        asset_id=optional_int(form, "asset_id"),
        area_code=text(form, "area_code", most=20),
    )


def read_campaign(form: Mapping[str, str]) -> NewCampaign:
    """A campaign; ``subject`` is ``family:cover`` or ``class:SCHEME:CODE``, or empty for anything."""
    kind, _, rest = text(form, "subject", most=60).partition(":")
    scheme, _, class_code = rest.rpartition(":") if kind == "class" else ("", "", "")
    quota = optional_int(form, "quota")
    if quota is None:
        raise InvalidInput("quota", "say how many assets are to be dealt with")
    return NewCampaign(
        name=text(form, "name", most=80),
        starts_on=needed_day(form, "starts_on"),
        ends_on=needed_day(form, "ends_on"),
        quota=quota,
        purpose=text(form, "purpose", most=2000),
        leader=text(form, "leader", most=80),
        area_code=text(form, "area_code", most=20),
        family=rest if kind == "family" and rest in set(Family) else "",
        scheme=scheme,
        class_code=class_code,
        case_kind=text(form, "case_kind", most=40),
        measured=text(form, "measured", most=20),
        selection_id=optional_int(form, "selection_id"),
    )


def read_measures(form: MultiDict[str, str]) -> list[NewMeasure]:
    """The measures: as many rows as were filled."""
    rows = zip(
        form.getlist("measure"),
        form.getlist("measure_unit"),
        form.getlist("owner"),
        form.getlist("due_on"),
        strict=False,
    )
    measures = []
    for words, unit_id, owner, due_on in rows:
        if not words.strip():
            continue
        if len(words) > LONGEST_MEASURE:
            raise InvalidInput("measures", "is longer than {most} characters; shorten it", most=LONGEST_MEASURE)
        measures.append(
            NewMeasure(
                text=words,
                unit_id=int(unit_id) if unit_id.isascii() and unit_id.isdigit() else None,
                owner=owner[:80],
                due_on=read_day({"due_on": due_on}, "due_on"),
            )
        )
    return measures


def read_item(
    form: Mapping[str, str], asset_id: int, *, before_photo_id: int | None, after_photo_id: int | None
) -> NewItem:
    """What was done at one asset of a campaign."""
    result = choice(form, "result", CampaignResult)
    if result is None:
        raise InvalidInput("result", "choose what was found, or what was done")
    return NewItem(
        asset_id=asset_id,
        result=CampaignResult(result),
        note=text(form, "note", most=2000),
        before_photo_id=before_photo_id,
        after_photo_id=after_photo_id,
        before_value=optional_float(form, "before_value"),
        after_value=optional_float(form, "after_value"),
    )


def read_consultation(form: Mapping[str, str], zone: tzinfo) -> NewConsultation:
    """A consultation without its items; its moment is written in the city's zone."""
    written = text(form, "held_at", most=40)
    try:
        held_at = datetime.fromisoformat(written)
    except ValueError:
        raise InvalidInput("held_at", "{given!r} must be a day and a time", given=written[:20]) from None
    return NewConsultation(
        subject=text(form, "subject", most=120),
        held_at=held_at if held_at.tzinfo is not None else held_at.replace(tzinfo=zone),
        place=text(form, "place", most=120),
        chair=text(form, "chair", most=80),
        members=[each for each in re.split(r"[\n、,，;；]+", text(form, "members", most=8000)) if each.strip()],
        minutes=text(form, "minutes", most=MOST_MINUTES),
        area_code=text(form, "area_code", most=20),
    )


def read_items(form: MultiDict[str, str]) -> list[NewConsultationItem]:
    """The items of a consultation: as many rows as were filled."""
    columns = [form.getlist(f"item_{name}") for name in ("id", "subject", "decision", "unit", "owner", "due", "cases")]
    items = []
    for item_id, subject, decision, unit_id, owner, due_on, cases in zip(*columns, strict=False):
        if not subject.strip():
            continue
        items.append(
            NewConsultationItem(
                id=_id(item_id),
                subject=subject,
                decision=decision,
                unit_id=_id(unit_id),
                owner=owner,
                due_on=read_day({"due_on": due_on}, "due_on"),
                case_numbers=[each for each in _NAMES.split(cases) if each],
            )
        )
        if len(items) > MOST_ITEMS:
            break
    return items


def read_list(form: Mapping[str, str], file_name: str) -> NewList:
    """A list from above, without its file."""
    return NewList(
        name=text(form, "name", most=120),
        issued_by=text(form, "issued_by", most=80),
        received_on=needed_day(form, "received_on"),
        file_name=file_name,
    )


def read_mandate_change(form: Mapping[str, str]) -> MandateChange:
    """Who does a task from above until when."""
    return MandateChange(
        unit_id=optional_int(form, "unit_id"),
        owner_id=optional_int(form, "user_id"),
        owner=text(form, "owner", most=80),
        due_on=read_day(form, "due_on"),
    )


def needed_day(form: Mapping[str, str], name: str) -> date:
    """A day that must be given."""
    found = read_day(form, name)
    if found is None:
        raise InvalidInput(name, "choose a day")
    return found


def _needed(form: Mapping[str, str], name: str) -> int:
    found = optional_int(form, name)
    if found is None:
        raise InvalidInput(name, "choose one of the list")
    return found


def _id(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 16 else None


def _team(line: str, people: Sequence[Person]) -> list[int]:
    """The people of a line; a name may have blanks in it."""
    words = [word for word in _NAMES.split(line) if word]
    with_blanks = {name for each in people if " " in (name := " ".join(each.name.split()))}
    found = []
    while words:
        longest = (count for count in range(len(words), 1, -1) if " ".join(words[:count]) in with_blanks)
        taken = next(longest, 1)
        found.append(_person(" ".join(words[:taken]), people))
        words = words[taken:]
    return found


def _person(name: str, people: Iterable[Person]) -> int:
    found = [each.id for each in people if name in (" ".join(each.name.split()), each.login)]
    if not found:
        raise InvalidInput("teams", "{given!r} is nobody with an account; write names or accounts", given=name[:40])
    if len(found) > 1:
        raise InvalidInput("teams", "{given!r} is the name of several people; write the account", given=name[:40])
    return found[0]


def _stop(number: int, cells: Sequence[str], codes: Mapping[str, int], there: Mapping[str, int]) -> NewStop:
    words = [cell.strip() for cell in cells if cell.strip()]
    key = any(word.lower() in _KEY_WORDS for word in words)
    words = [word for word in words if word.lower() not in _KEY_WORDS]
    first = words[0] if words else ""
    asset_id = codes.get(first)
    numbers = [value for value in map(_number, words[1:]) if value is not None]
    kinds = [word for word in words[1:] if _number(word) is None]
    if _CODE.fullmatch(first) and asset_id is None:
        raise InvalidInput("stops", "point {number}: no asset has the code {given!r}", number=number, given=first)
    place = numbers[:2] if asset_id is None else []
    radii = numbers[2:] if asset_id is None else numbers
    if asset_id is None and len(place) < 2:
        raise InvalidInput("stops", "point {number} needs a place: longitude and latitude, or an asset", number=number)
    name = (kinds.pop(0) if kinds else "") if asset_id is not None else first
    return NewStop(
        name=name,
        lon=place[0] if place else None,
        lat=place[1] if place else None,
        radius_m=radii[0] if radii else USUAL_RADIUS_M,
        key=key,
        place_type=kinds[0] if kinds else "",
        asset_id=asset_id,
        id=there.get(first),
    )


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
