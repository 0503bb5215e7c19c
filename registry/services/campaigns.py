"""Campaigns (专项整治): their measures with owners and days, and what was done at each asset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from registry.domain.areas import read_area_path
from registry.domain.campaigns import LONGEST_MEASURE, MOST_DAYS, CampaignResult
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import Family, Severity, Source
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.queries.asset_filters import digits_begin
from registry.services import audit
from registry.services.case_opening import open_or_attach
from registry.services.map_selections import check_selection
from registry.storage.database import writing
from registry.storage.tables import (
    asset,
    asset_class,
    campaign,
    campaign_asset,
    campaign_item,
    campaign_measure,
    map_selection_item,
    photo,
    unit,
)

MOST_QUOTA = 10_000_000
MOST_MEASURES = 100
MOST_NOTE = 2000

_INSERTS: dict[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCampaign:
    """A campaign over the assets of an area, a family or a class; ``quota`` assets are to be dealt with.

    ``case_kind``: the case that a finding opens. ``measured``: the unit of a value taken before and after (°, mm).
    ``selection_id``: a new one is about the assets of that selection of the map, and stays so when the selection ends.
    """

    name: str
    starts_on: date
    ends_on: date
    quota: int
    purpose: str = ""
    leader: str = ""
    area_code: str = ""
    family: str = ""
    scheme: str = ""
    class_code: str = ""
    case_kind: str = ""
    measured: str = ""
    selection_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMeasure:
    """One of the measures (十项措施): what is done, by which unit and person, until when."""

    text: str
    unit_id: int | None = None
    owner: str = ""
    due_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """What was done at one asset. A result of *case* opens (or joins) a case of the campaign's kind."""

    asset_id: int
    result: CampaignResult
    note: str = ""
    before_photo_id: int | None = None
    after_photo_id: int | None = None
    before_value: float | None = None
    after_value: float | None = None


def save_campaign(
    engine: Engine, campaign_id: int | None, new: NewCampaign, *, by: Actor, now: datetime, version: int | None = None
) -> int:
    """Add a campaign (``campaign_id`` None) or change one; its id.

    Raises ``InvalidInput`` naming the field, ``NotFound``, ``Conflict`` (a namesake, changed meanwhile),
    ``InvalidMove`` for one that has ended, ``OutsideArea``.
    """
    with writing(engine) as tx:
        row = _checked(tx, new)
        check_area(by, row["area_code"])
        other = tx.scalar(select(campaign.c.id).where(campaign.c.name == row["name"]))
        if other is not None and other != campaign_id:
            raise Conflict(f"a campaign named {row['name']!r} exists; choose another name")
        if campaign_id is None:
            listed = new.selection_id is not None
            own = {**row, "listed": listed, "created_by": by.user_id, "updated_at": now}
            campaign_id = int(tx.execute(insert(campaign).values(own).returning(campaign.c.id)).scalar_one())
            if new.selection_id is not None:
                _take_assets(tx, campaign_id, new.selection_id, by, now)
        else:
            was = _own(tx, campaign_id, by, version=version)
            _save(tx, was, row, now)
        detail = {name: row[name] for name in ("name", "area_code", "family", "class_code", "quota", "starts_on")}
        audit.record(tx, by=by, action="campaign.set", subject=f"campaign:{campaign_id}", detail=detail, now=now)
    return campaign_id


def _take_assets(tx: Connection, campaign_id: int, selection_id: int, by: Actor, now: datetime) -> None:
    """The assets of the person's own selection that lie in their area today. Raises ``NotFound``."""
    check_selection(tx, selection_id, by, now=now)
    number, item = literal(campaign_id, campaign_asset.c.campaign_id.type), map_selection_item.c
    of_it = select(number, item.asset_id).where(item.selection_id == selection_id)
    if by.area_code:
        of_it = of_it.join(asset, asset.c.id == item.asset_id).where(digits_begin(asset.c.area_code, by.area_code))
    tx.execute(insert(campaign_asset).from_select(["campaign_id", "asset_id"], of_it))


def end_campaign(engine: Engine, campaign_id: int, result: str, *, by: Actor, now: datetime) -> None:
    """End it and say what came of it. Raises ``NotFound``, ``InvalidMove``, ``InvalidInput``."""
    said = _text("result", result, MOST_NOTE)
    if not said:
        raise InvalidInput("result", "say in a few words what came of it")
    with writing(engine) as tx:
        was = _own(tx, campaign_id, by)
        _save(tx, was, {"ended_at": now, "ended_by": by.user_id, "result": said}, now)
        audit.record(tx, by=by, action="campaign.end", subject=f"campaign:{campaign_id}", now=now)


def resume_campaign(engine: Engine, campaign_id: int, *, by: Actor, now: datetime) -> None:
    """Take back that it has ended. Raises ``NotFound``, ``InvalidMove``."""
    with writing(engine) as tx:
        was = _own(tx, campaign_id, by, ended=True)
        _save(tx, was, {"ended_at": None, "ended_by": None}, now)
        audit.record(tx, by=by, action="campaign.resume", subject=f"campaign:{campaign_id}", now=now)


def set_measures(
    engine: Engine, campaign_id: int, measures: Sequence[NewMeasure], *, by: Actor, now: datetime
) -> list[int]:
    """Make ``measures`` the campaign's, in that order; their ids. A measure with the same words keeps its state.

    Raises ``InvalidInput`` (field ``measures``), ``NotFound``, ``InvalidMove``.
    """
    if len(measures) > MOST_MEASURES:
        raise InvalidInput("measures", "{count} are too many; at most {most}", count=len(measures), most=MOST_MEASURES)
    rows = [_measure_row(number, each) for number, each in enumerate(measures, start=1)]
    with writing(engine) as tx:
        was = _own(tx, campaign_id, by)
        units = {each.unit_id for each in measures if each.unit_id is not None}
        if units and set(tx.scalars(select(unit.c.id).where(unit.c.id.in_(units)))) != units:
            raise InvalidInput("measures", "names a unit that is not on file; choose one of the list")
        of_it = campaign_measure.c.campaign_id == campaign_id
        there = {row.text: row for row in tx.execute(select(campaign_measure).where(of_it))}
        tx.execute(campaign_measure.delete().where(of_it))
        kept = ("done_at", "done_by", "note")
        added = [
            {**row, "campaign_id": campaign_id}
            | {name: getattr(there[row["text"]], name) for name in kept if row["text"] in there}
            for row in rows
        ]
        ids = [
            int(tx.execute(insert(campaign_measure).values(row).returning(campaign_measure.c.id)).scalar_one())
            for row in added
        ]
        _save(tx, was, {}, now)
        detail = {"measures": len(ids)}
        audit.record(tx, by=by, action="campaign.measures", subject=f"campaign:{campaign_id}", detail=detail, now=now)
    return ids


def finish_measure(engine: Engine, measure_id: int, *, done: bool, note: str = "", by: Actor, now: datetime) -> int:
    """Say that a measure is done, or take that back; the campaign's id. Raises ``NotFound``, ``InvalidMove``."""
    said = _text("note", note, MOST_NOTE)
    with writing(engine) as tx:
        row = tx.execute(select(campaign_measure).where(campaign_measure.c.id == measure_id)).one_or_none()
        if row is None:
            raise NotFound("measure", measure_id)
        was = _own(tx, row.campaign_id, by)
        values = {"done_at": now if done else None, "done_by": by.user_id if done else None, "note": said}
        tx.execute(update(campaign_measure).where(campaign_measure.c.id == measure_id).values(values))
        _save(tx, was, {}, now)
        action = "campaign.measure_done" if done else "campaign.measure_open"
        audit.record(tx, by=by, action=action, subject=f"campaign:{was.id}", detail={"text": row.text}, now=now)
        return int(was.id)


def record_item(
    engine: Engine, campaign_id: int, new: NewItem, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME
) -> int:
    """Say what was done at an asset; the item's id. Saying it again replaces what was said and keeps photos and case.

    Raises ``InvalidInput`` (an asset that the campaign is not about, a photo of another asset), ``InvalidMove`` for a
    campaign that has ended, ``NotFound``, ``OutsideArea``.
    """
    note = _text("note", new.note, MOST_NOTE)
    with writing(engine) as tx:
        was = _open_one(tx, campaign_id)
        thing = tx.execute(select(asset).where(asset.c.id == new.asset_id)).one_or_none()
        if thing is None:
            raise InvalidInput("asset_id", "is no asset on file; scan its plate or choose it from the list")
        check_area(by, thing.area_code)
        _check_about(was, thing)
        if was.listed and tx.scalar(_on_list(campaign_id, new.asset_id)) is None:
            raise InvalidInput("asset_id", "is not what this campaign is about: look at its area and its class")
        _check_photos(tx, new)
        case_id = None
        if new.result is CampaignResult.CASE:
            case_id = _open_case(tx, was, new, note, by=by, now=now, zone=zone)
        values = {
            "campaign_id": campaign_id,
            "asset_id": new.asset_id,
            "day": now.astimezone(zone).date().isoformat(),
            "at": now,
            "by_user_id": by.user_id,
            "unit_id": thing.maintainer_unit_id,
            "result": new.result.value,
            "case_id": case_id,
            "before_photo_id": new.before_photo_id,
            "after_photo_id": new.after_photo_id,
            "before_value": new.before_value,
            "after_value": new.after_value,
            "note": note,
        }
        return _put(tx, values)


def _put(tx: Connection, values: dict[str, Any]) -> int:
    """Two who tell of the same asset at once make one row."""
    kept_if_silent = ("case_id", "before_photo_id", "after_photo_id", "before_value", "after_value")
    statement = _INSERTS[tx.dialect.name](campaign_item).values(values)
    changed = {name: value for name, value in values.items() if name not in ("campaign_id", "asset_id")}
    changed = {name: value for name, value in changed.items() if name not in kept_if_silent or value is not None}
    put = statement.on_conflict_do_update(index_elements=["campaign_id", "asset_id"], set_=changed)
    return int(tx.execute(put.returning(campaign_item.c.id)).scalar_one())


def _open_case(tx: Connection, was: Any, new: NewItem, note: str, *, by: Actor, now: datetime, zone: tzinfo) -> int:
    if not was.case_kind:
        raise InvalidInput("result", "this campaign opens no cases; set the case kind on its page first")
    opened = open_or_attach(
        tx,
        asset_id=new.asset_id,
        kind=was.case_kind,
        severity=Severity.ALARM,
        source=Source.PATROL,
        now=now,
        by=by,
        note=note,
        detail={"campaign_id": was.id},
        zone=zone,
    )
    return opened.case_id


def _check_about(was: Any, thing: Any) -> None:
    fits = (
        thing.area_code.startswith(was.area_code)
        and was.family in ("", thing.family)
        and was.class_code in ("", thing.class_code)
        and was.scheme in ("", thing.scheme)
        and thing.merged_into_id is None
    )
    if not fits:
        raise InvalidInput("asset_id", "is not what this campaign is about: look at its area and its class")


def _on_list(campaign_id: int, asset_id: int) -> Select[tuple[int]]:
    listed = campaign_asset.c.campaign_id == campaign_id
    return select(campaign_asset.c.asset_id).where(listed, campaign_asset.c.asset_id == asset_id)


def _check_photos(tx: Connection, new: NewItem) -> None:
    wanted = {each for each in (new.before_photo_id, new.after_photo_id) if each is not None}
    mine = select(photo.c.id).where(photo.c.id.in_(wanted), photo.c.asset_id == new.asset_id)
    if wanted and set(tx.scalars(mine)) != wanted:
        raise InvalidInput("photo", "shows another asset; upload it for this one")


def _checked(tx: Connection, new: NewCampaign) -> dict[str, Any]:
    row: dict[str, Any] = {name: value for name, value in asdict(new).items() if name != "selection_id"}
    for name, most in (("name", 80), ("leader", 80), ("purpose", MOST_NOTE), ("measured", 20), ("case_kind", 40)):
        row[name] = _text(name, row[name], most)
    if not row["name"]:
        raise InvalidInput("name", "a campaign needs a name, such as 路灯杆扶正专项行动")
    length = (new.ends_on - new.starts_on).days + 1
    if not 1 <= length <= MOST_DAYS:
        raise InvalidInput("ends_on", "must be 1 to {most} days after the first one", most=MOST_DAYS)
    if not 1 <= new.quota <= MOST_QUOTA:
        raise InvalidInput("quota", "{given} must be 1 to {most} assets", given=new.quota, most=MOST_QUOTA)
    if new.family and new.family not in set(Family):
        raise InvalidInput(
            "family", "{given!r} must be one of {known}, or empty", given=new.family[:20], known=", ".join(Family)
        )
    of_table = select(asset_class.c.code).where(
        asset_class.c.scheme == new.scheme, asset_class.c.code == new.class_code
    )
    if new.class_code and tx.scalar(of_table) is None:
        raise InvalidInput(
            "class_code",
            "{given!r} is no class of the table {scheme!r}",
            given=new.class_code[:10],
            scheme=new.scheme[:30],
        )
    row["area_code"] = read_area_path(new.area_code)
    row["starts_on"], row["ends_on"] = new.starts_on.isoformat(), new.ends_on.isoformat()
    return row


def _measure_row(number: int, each: NewMeasure) -> dict[str, Any]:
    words = each.text.strip()
    if not 1 <= len(words) <= LONGEST_MEASURE:
        raise InvalidInput(
            "measures", "measure {number} needs 1 to {most} characters", number=number, most=LONGEST_MEASURE
        )
    due_on = None if each.due_on is None else each.due_on.isoformat()
    return {
        "position": number,
        "text": words,
        "unit_id": each.unit_id,
        "owner": each.owner.strip()[:80],
        "due_on": due_on,
    }


def _open_one(tx: Connection, campaign_id: int) -> Any:
    row = tx.execute(select(campaign).where(campaign.c.id == campaign_id)).one_or_none()
    if row is None:
        raise NotFound("campaign", campaign_id)
    if row.ended_at is not None:
        raise InvalidMove(f"the campaign {row.name} has ended; somebody at the desk can take that back")
    return row


def _own(tx: Connection, campaign_id: int, by: Actor, *, version: int | None = None, ended: bool = False) -> Any:
    row = tx.execute(select(campaign).where(campaign.c.id == campaign_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("campaign", campaign_id)
    check_area(by, row.area_code)
    if version is not None and row.version != version:
        raise Conflict(f"the campaign {row.name} has changed meanwhile; load it again and decide anew")
    if (row.ended_at is not None) is not ended:
        raise InvalidMove(f"the campaign {row.name} {'goes on' if ended else 'has ended'}")
    return row


def _save(tx: Connection, was: Any, values: dict[str, Any], now: datetime) -> None:
    values = {**values, "version": was.version + 1, "updated_at": now}
    tx.execute(update(campaign).where(campaign.c.id == was.id).values(values))


def _text(field: str, text: str, most: int) -> str:
    said = text.strip()
    if len(said) > most:
        raise InvalidInput(field, "is longer than {most} characters; shorten it", most=most)
    return said
