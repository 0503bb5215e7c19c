"""Reading channels, contacts and routes, and trying out who would be told. No channel's address comes out of here."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, func, select

from registry.domain.errors import NotFound
from registry.domain.kinds import ChannelKind, NoticeState, Severity
from registry.domain.muting import Subject
from registry.domain.notices import About, RouteStep, in_hours, treat
from registry.domain.rules.rule import Hours
from registry.notices import ways
from registry.notices.outgoing import masked
from registry.queries.duties import all_posts
from registry.queries.rows import as_view
from registry.services.duties import duty_book
from registry.services.notice_directory import Directory, Known, all_routes, load_directory
from registry.services.notice_facts import unit_for
from registry.shapes import shaped
from registry.storage.database import reading
from registry.storage.tables import asset, channel, contact, notice, route, unit, user


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """A channel; ``shown`` is what may be shown of its address, ``wants_to``: each contact needs an address."""

    id: int
    name: str
    kind: ChannelKind
    shown: str
    signed: bool
    wants_to: bool
    enabled: bool
    failing_since: datetime | None
    last_error: str
    contacts: int
    waiting: int


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """A contact with the names of what it belongs to. ``usable``: it and its channel are switched on."""

    id: int
    name: str
    channel_id: int
    channel_name: str
    channel_kind: ChannelKind
    user_id: int | None
    user_name: str | None
    unit_id: int | None
    unit_name: str | None
    address: str
    language: str
    quiet_from_min: int
    quiet_until_min: int
    per_hour: int
    digest_min: int
    enabled: bool
    usable: bool


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a route with names; ``step`` is what the form needs."""

    step: RouteStep
    contacts: list[str]
    posts: list[str]


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """A route in its order."""

    id: int
    name: str
    severity: int
    unit_id: int | None
    unit_name: str | None
    area_code: str
    rule_key: str
    hours: list[Hours]
    digest: bool
    goes_on: bool
    enabled: bool
    steps: list[StepView]


class WouldTell(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who would be told. ``state`` and ``due_at``: at once, held until then, or muted (only at step 0)."""

    contact_id: int
    name: str
    channel_name: str
    state: NoticeState
    due_at: datetime
    reason_code: str


class UrgentReach(msgspec.Struct, frozen=True, kw_only=True):
    """How many routes take urgent alerts and have somebody to tell.

    ``hours_without`` of the week's 168 hours none of them holds; ``everywhere`` False: an alert of another area, unit
    or rule than they name reaches nobody.
    """

    routes: int
    hours_without: int
    everywhere: bool


class WouldStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a route that would take it, and whom it would tell."""

    route_id: int
    route_name: str
    number: int
    after_s: int
    people: list[WouldTell]


def list_channels(engine: Engine) -> list[ChannelView]:
    """Every channel, by name."""
    with reading(engine) as tx:
        return [_channel(row) for row in tx.execute(_channels().order_by(channel.c.name))]


def one_channel(engine: Engine, channel_id: int) -> ChannelView:
    """One channel. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_channels().where(channel.c.id == channel_id)).first()
    if row is None:
        raise NotFound("channel", channel_id)
    return _channel(row)


def list_contacts(engine: Engine, *, channel_id: int | None = None, user_id: int | None = None) -> list[ContactView]:
    """Contacts by name; those of one channel or of one person."""
    query = _contacts().order_by(contact.c.name, contact.c.id)
    if channel_id is not None:
        query = query.where(contact.c.channel_id == channel_id)
    if user_id is not None:
        query = query.where(contact.c.user_id == user_id)
    with reading(engine) as tx:
        return [as_view(row._mapping, ContactView) for row in tx.execute(query)]


def one_contact(engine: Engine, contact_id: int) -> ContactView:
    """One contact. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_contacts().where(contact.c.id == contact_id)).first()
    if row is None:
        raise NotFound("contact", contact_id)
    return as_view(row._mapping, ContactView)


def list_routes(engine: Engine, *, now: datetime, zone: tzinfo) -> list[RouteView]:
    """Every route in its order, with the names of whom it tells."""
    query = select(route, unit.c.name.label("unit_name")).outerjoin(unit, unit.c.id == route.c.unit_id)
    with reading(engine) as tx:
        contacts = {row.id: row.name for row in tx.execute(select(contact.c.id, contact.c.name))}
        posts = {post.id: f"{post.unit_name} {post.name}" for post in all_posts(tx, today=now.astimezone(zone).date())}
        rows = tx.execute(query.order_by(route.c.position, route.c.id)).all()
    return [_route(row, contacts, posts) for row in rows]


def one_route(engine: Engine, route_id: int, *, now: datetime, zone: tzinfo) -> RouteView:
    """One route. Raises ``NotFound``."""
    found = next((each for each in list_routes(engine, now=now, zone=zone) if each.id == route_id), None)
    if found is None:
        raise NotFound("route", route_id)
    return found


def who_is_told(
    engine: Engine, *, asset_id: int, rule_key: str, severity: int, now: datetime, zone: tzinfo
) -> list[WouldStep]:
    """Whom an alert of that rule on that asset would tell if it fired now, step by step. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(select(asset).where(asset.c.id == asset_id)).first()
        if row is None:
            raise NotFound("asset", asset_id)
        directory = load_directory(tx, zone=zone, now=now)
        unit_id = row.maintainer_unit_id
        if unit_id is None:
            unit_id = unit_for(duty_book(tx), row.scheme, row.class_code, row.family, row.area_code)
        channels = {each.id: each.name for each in tx.execute(_contact_channels())}
        positions = {each.id: each for each in all_routes(tx)}
    about = About(rule_key=rule_key, severity=severity, area_code=row.area_code, unit_id=unit_id)
    subject = Subject(rule_key=rule_key, severity=severity, asset_id=asset_id, area_code=row.area_code)
    muted = directory.silenced(subject)
    found = []
    for each in directory.takes(about):
        for number, step in enumerate(positions[each.id].steps):
            told = directory.told_by(step, about, row.family)
            shown = [_would(known, severity, each.digest, muted, now, zone, channels) for known in told]
            found.append(
                WouldStep(route_id=each.id, route_name=each.name, number=number, after_s=step.after_s, people=shown)
            )
    return found


def urgent_reach(engine: Engine, *, now: datetime, zone: tzinfo) -> UrgentReach:
    """Whether an urgent alert would leave these pages at all, at any hour of the week from ``now`` on."""
    with reading(engine) as tx:
        directory = load_directory(tx, zone=zone, now=now)
    reaching = [
        each
        for each in directory.routes
        if each.enabled
        and each.severity <= Severity.CRITICAL
        and any(_may_tell(step, directory) for step in each.steps)
    ]
    week = [now.astimezone(zone) + timedelta(hours=each) for each in range(7 * 24)]
    return UrgentReach(
        routes=len(reaching),
        hours_without=sum(not any(in_hours(each.hours, local) for each in reaching) for local in week),
        everywhere=any(each.unit_id is None and not each.area_code and not each.rule_key for each in reaching),
    )


def _may_tell(step: RouteStep, directory: Directory) -> bool:
    """Whether the step names a contact that can be told; who is on duty depends on the place and counts as somebody."""
    return step.unit_on_duty or bool(step.posts) or any(each in directory.contacts for each in step.contacts)


def _would(
    known: Known,
    severity: int,
    digest: bool,
    muted: str,
    now: datetime,
    zone: tzinfo,
    channels: dict[int, str],
) -> WouldTell:
    given = treat(known.listener, severity, digest=digest, told_this_hour=0, muted=muted, now=now, zone=zone)
    return WouldTell(
        contact_id=known.listener.id,
        name=known.name,
        channel_name=channels.get(known.listener.id, ""),
        state=given.state,
        due_at=given.due_at,
        reason_code=given.reason.partition(" ")[0],
    )


def _channels() -> Select[Any]:
    contacts = select(func.count()).where(contact.c.channel_id == channel.c.id).scalar_subquery()
    waiting = (
        select(func.count())
        .select_from(notice.join(contact, contact.c.id == notice.c.contact_id))
        .where(contact.c.channel_id == channel.c.id, notice.c.state == NoticeState.WAITING)
        .correlate(channel)
        .scalar_subquery()
    )
    return select(channel, contacts.label("contacts"), waiting.label("waiting"))


def _channel(row: Any) -> ChannelView:
    kind = ChannelKind(row.kind)
    shown = {"shown": masked(row.address), "wants_to": ways.wants_to(kind, row.address)}
    return as_view(row._mapping, ChannelView, signed=kind is ChannelKind.WEBHOOK and "#" in row.address, **shown)


def _contacts() -> Select[Any]:
    return (
        select(
            contact,
            channel.c.name.label("channel_name"),
            channel.c.kind.label("channel_kind"),
            (contact.c.enabled & channel.c.enabled).label("usable"),
            user.c.name.label("user_name"),
            unit.c.name.label("unit_name"),
        )
        .join_from(contact, channel, channel.c.id == contact.c.channel_id)
        .outerjoin(user, user.c.id == contact.c.user_id)
        .outerjoin(unit, unit.c.id == contact.c.unit_id)
    )


def _contact_channels() -> Select[Any]:
    return select(contact.c.id, channel.c.name).join_from(contact, channel, channel.c.id == contact.c.channel_id)


def _route(row: Any, contacts: dict[int, str], posts: dict[int, str]) -> RouteView:
    steps = [shaped(each, RouteStep) for each in row.steps]
    shown = [
        StepView(
            step=step,
            contacts=[contacts[each] for each in step.contacts if each in contacts],
            posts=[posts[each] for each in step.posts if each in posts],
        )
        for step in steps
    ]
    hours = [shaped(each, Hours) for each in row.hours]
    columns = {name: value for name, value in row._mapping.items() if name not in ("steps", "hours")}
    return as_view(columns, RouteView, steps=shown, hours=hours)
