"""Reading the forms of channels, contacts and routes into typed values; a refusal names the field and the remedy."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.datastructures import MultiDict

from dashboards.forms import choice, optional_int, optional_text, text, whole_number
from registry.domain.errors import InvalidInput
from registry.domain.kinds import ChannelKind, NoticeKind, NoticeState, Severity
from registry.domain.notices import MOST_STEPS, RouteStep
from registry.domain.rules.rule import Hours
from registry.queries.notices import NoticeFilter
from registry.services.channels import LONGEST_ADDRESS, NewChannel
from registry.services.contacts import LANGUAGES, Manner, NewContact
from registry.services.routes import NewRoute

_MOST_MINUTES = 7 * 1440


def read_filter(args: Mapping[str, str]) -> NoticeFilter:
    """What the log is narrowed to."""
    state, kind = choice(args, "state", NoticeState), choice(args, "kind", NoticeKind)
    return NoticeFilter(
        state=None if state is None else NoticeState(state),
        kind=None if kind is None else NoticeKind(kind),
        contact_id=optional_int(args, "contact_id"),
        alert_id=optional_int(args, "alert_id"),
        group_id=optional_int(args, "group_id"),
        case_id=optional_int(args, "case_id"),
    )


def read_channel(form: Mapping[str, str]) -> NewChannel:
    """A channel; an empty address keeps the one there is."""
    kind = choice(form, "kind", ChannelKind)
    if kind is None:
        raise InvalidInput("kind", "is missing; choose one of {known}", known=", ".join(ChannelKind))
    return NewChannel(
        name=text(form, "name", most=80),
        kind=ChannelKind(kind),
        address=text(form, "address", most=LONGEST_ADDRESS),
        secret=text(form, "secret", most=200),
        enabled=form.get("enabled") == "1",
    )


def read_contact(form: Mapping[str, str]) -> NewContact:
    """A contact."""
    channel_id = optional_int(form, "channel_id")
    if channel_id is None:
        raise InvalidInput("channel_id", "names no channel that is on file; choose one of the list")
    return NewContact(
        name=text(form, "name", most=80),
        channel_id=channel_id,
        user_id=optional_int(form, "user_id"),
        unit_id=optional_int(form, "unit_id"),
        address=text(form, "address", most=200),
        enabled=form.get("enabled") == "1",
        manner=read_manner(form),
    )


def read_manner(form: Mapping[str, str]) -> Manner:
    """How somebody wants to be told."""
    return Manner(
        language=choice(form, "language", LANGUAGES) or LANGUAGES[0],
        quiet_from_min=_minute(form, "quiet_from"),
        quiet_until_min=_minute(form, "quiet_until"),
        per_hour=whole_number(form, "per_hour", 20, least=1, most=1000),
        digest_min=_minute(form, "digest_at", otherwise=480),
    )


def read_route(form: MultiDict[str, str]) -> NewRoute:
    """A route with its steps; empty steps are left out."""
    severity = choice(form, "severity", [str(int(level)) for level in Severity])
    return NewRoute(
        name=text(form, "name", most=80),
        severity=int(severity or 1),
        unit_id=optional_int(form, "unit_id"),
        area_code=optional_text(form, "area_code", most=20) or "",
        rule_key=optional_text(form, "rule_key", most=60) or "",
        hours=_hours(form),
        digest=form.get("digest") == "1",
        goes_on=form.get("goes_on") == "1",
        enabled=form.get("enabled") == "1",
        steps=read_steps(form),
    )


def read_steps(form: MultiDict[str, str]) -> list[RouteStep]:
    """The steps as they were chosen, empty ones included: for the form that comes back."""
    return [
        RouteStep(
            after_s=60 * whole_number(form, f"step{number}_after", 0, least=0, most=_MOST_MINUTES),
            contacts=_ids(form, f"step{number}_contacts"),
            posts=_ids(form, f"step{number}_posts"),
            unit_on_duty=form.get(f"step{number}_duty") == "1",
        )
        for number in range(MOST_STEPS)
        if f"step{number}_after" in form
    ]


def clock(minute: int) -> str:
    """A minute of the day as a time field shows it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _ids(form: MultiDict[str, str], name: str) -> tuple[int, ...]:
    words = [word for word in form.getlist(name) if word]
    if any(not word.isascii() or not word.isdecimal() or len(word) > 15 for word in words):
        raise InvalidInput("steps", "names a contact or a post that is gone; choose again")
    return tuple(dict.fromkeys(int(word) for word in words))


def _hours(form: MultiDict[str, str]) -> tuple[Hours, ...]:
    days = tuple(sorted({int(word) for word in form.getlist("days") if word in set("1234567")}))
    first, last = _minute(form, "hours_from"), _minute(form, "hours_until")
    if first == last and len(days) in (0, 7):
        return ()
    return (Hours(days=days or tuple(range(1, 8)), from_min=first, until_min=last),)


def _minute(form: Mapping[str, str], name: str, *, otherwise: int = 0) -> int:
    written = form.get(name, "").strip()
    if not written:
        return otherwise
    hours, _, minutes = written.partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and int(hours) < 24 and int(minutes) < 60):
        raise InvalidInput(name, "must be a time of day such as 22:00")
    return int(hours) * 60 + int(minutes)
