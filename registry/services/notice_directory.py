"""Who can be told: routes, contacts, who is on duty, and what is silent, as of one moment and one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from sqlalchemy import Connection, select

from registry.domain.kinds import ChannelKind
from registry.domain.muting import Silence, Subject, muted_by
from registry.domain.notices import About, Listener, Route, RouteStep, routes_for
from registry.domain.rules.rule import Hours
from registry.queries.duties import PostView, all_posts
from registry.shapes import shaped
from registry.storage.tables import channel, contact, route, silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A contact that can be told at this moment, with what leads from people to it."""

    listener: Listener
    name: str
    user_id: int | None
    unit_id: int | None
    address: str
    kind: ChannelKind = ChannelKind.APPRISE


class Directory:
    """Everything that decides who is told, loaded once for a whole round of planning."""

    def __init__(
        self,
        routes: list[Route],
        contacts: dict[int, Known],
        posts: list[PostView],
        silences: list[Silence],
        zone: tzinfo,
        now: datetime,
    ) -> None:
        self.routes = routes
        self.contacts = contacts
        self._posts = posts
        self._silences = silences
        self._zone = zone
        self._now = now

    def takes(self, about: About, *, named: bool = False) -> list[Route]:
        """The routes that take it, in their order; ``named``: only those that name its rule or matter."""
        routes = [each for each in self.routes if each.rule_key == about.rule_key] if named else self.routes
        return routes_for(about, routes, self._now.astimezone(self._zone))

    def of_person(self, user_id: int | None) -> list[Known]:
        """The contacts of one account."""
        return [] if user_id is None else [known for known in self.contacts.values() if known.user_id == user_id]

    def route(self, route_id: int) -> Route | None:
        """One route, if it is still in use."""
        return next((each for each in self.routes if each.id == route_id and each.enabled), None)

    def silenced(self, subject: Subject) -> str:
        """Which silence mutes it now, as a notice's reason; "": none."""
        found = muted_by(subject, self._silences, self._now)
        return "" if found is None else f"silence {found.id}"

    def told_by(self, step: RouteStep, about: About, family: str) -> list[Known]:
        """Whom a step tells: named contacts, then whoever is on duty; each once."""
        found = [self.contacts[each] for each in step.contacts if each in self.contacts]
        for post_id in step.posts:
            found += self._of_post(next((each for each in self._posts if each.id == post_id), None))
        if step.unit_on_duty and about.unit_id is not None:
            found += self.of_unit(about.unit_id, family, about.area_code)
        return list({known.listener.id: known for known in found}.values())

    def _of_post(self, post: PostView | None) -> list[Known]:
        """The contacts of who is on duty there: by account, else by the telephone number written at the post."""
        if post is None:
            return []
        person = post.person
        if person.user_id is not None:
            return (
                [known for known in self.contacts.values() if known.user_id == person.user_id] if person.active else []
            )
        return [known for known in self.contacts.values() if person.phone and known.address == person.phone]

    def of_unit(self, unit_id: int, family: str, area_code: str) -> list[Known]:
        """Who of the unit's posts for that place can be told, the most exact post first; else the unit's own chat."""
        fitting = [
            post
            for post in self._posts
            if post.unit_id == unit_id and post.family in ("", family) and area_code.startswith(post.area_code)
        ]
        for post in sorted(fitting, key=lambda each: (-len(each.area_code), each.family == "", each.name, each.id)):
            found = self._of_post(post)
            if found:
                return found
        return [known for known in self.contacts.values() if known.unit_id == unit_id and known.user_id is None]


def load_directory(tx: Connection, *, zone: tzinfo, now: datetime) -> Directory:
    """The directory as of ``now``."""
    return Directory(
        routes=all_routes(tx),
        contacts=_contacts(tx),
        posts=all_posts(tx, today=_today(now, zone)),
        silences=_silences(tx, now),
        zone=zone,
        now=now,
    )


def all_routes(tx: Connection) -> list[Route]:
    """Every route, in order."""
    return [
        Route(
            id=row.id,
            name=row.name,
            severity=row.severity,
            steps=tuple(_steps(row.steps)),
            unit_id=row.unit_id,
            area_code=row.area_code,
            rule_key=row.rule_key,
            hours=tuple(shaped(each, Hours) for each in row.hours),
            digest=row.digest,
            goes_on=row.goes_on,
            enabled=row.enabled,
        )
        for row in tx.execute(select(route).order_by(route.c.position, route.c.id))
    ]


def _steps(plain: Iterable[object]) -> Iterable[RouteStep]:
    return (shaped(each, RouteStep) for each in plain)


def _contacts(tx: Connection) -> dict[int, Known]:
    query = (
        select(contact, channel.c.kind.label("channel_kind"))
        .join_from(contact, channel, channel.c.id == contact.c.channel_id)
        .where(contact.c.enabled, channel.c.enabled)
        .order_by(contact.c.id)
    )
    return {
        row.id: Known(
            listener=Listener(
                id=row.id,
                person=row.channel_kind == ChannelKind.APPRISE,
                language=row.language,
                quiet_from_min=row.quiet_from_min,
                quiet_until_min=row.quiet_until_min,
                per_hour=row.per_hour,
                digest_min=row.digest_min,
            ),
            name=row.name,
            user_id=row.user_id,
            unit_id=row.unit_id,
            address=row.address,
            kind=ChannelKind(row.channel_kind),
        )
        for row in tx.execute(query)
    }


def _silences(tx: Connection, now: datetime) -> list[Silence]:
    rows = tx.execute(select(silence).where(silence.c.ends_at > now, silence.c.starts_at <= now))
    return [
        Silence(
            id=row.id,
            severity=row.severity,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            asset_id=row.asset_id,
            area_code=row.area_code,
            rule_key=row.rule_key,
        )
        for row in rows
    ]


def _today(now: datetime, zone: tzinfo) -> date:
    return now.astimezone(zone).date()
