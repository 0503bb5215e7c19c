"""Reading the forms of accounts, passwords and tokens, and the filters of the audit trail: once, into typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from dashboards import forms
from registry.domain.errors import InvalidInput
from registry.domain.kinds import CaseRole, Role
from registry.queries.audit import AuditFilter
from registry.services.api_tokens import NewToken
from registry.services.people import NewUser, UserChange

# How long a token may live, in days, as the form offers it; the empty one is until it is revoked.
TOKEN_DAYS = ("30", "90", "365")


def read_change(form: MultiDict[str, str]) -> UserChange:
    """What an account is to be. Raises ``InvalidInput`` for a role that there is not."""
    role = forms.choice(form, "role", Role)
    if role is None:
        raise InvalidInput("role", "is missing; choose one of {known}", known=", ".join(Role))
    return UserChange(
        name=forms.text(form, "name", most=80),
        role=Role(role),
        unit_id=forms.optional_int(form, "unit_id"),
        area_code=forms.text(form, "area_code", most=20),
        phone=forms.text(form, "phone", most=40),
        case_roles=tuple(each for each in CaseRole if each.value in form.getlist("case_roles")),
    )


def read_new_user(form: MultiDict[str, str], password: str) -> NewUser:
    """A new account with a password that its person replaces at the first sign-in."""
    change = read_change(form)
    return NewUser(
        login=forms.text(form, "login", most=60),
        name=change.name,
        role=change.role,
        unit_id=change.unit_id,
        area_code=change.area_code,
        phone=change.phone,
        case_roles=change.case_roles,
        password=password,
        must_change_password=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordForm:
    """Somebody's old password and the one they choose."""

    old: str
    new: str


def read_password(form: Mapping[str, str]) -> PasswordForm:
    """The form. Raises ``InvalidInput`` when the two new ones differ; what is good enough is checked elsewhere."""
    new = form.get("password", "")[:1000]
    if new != form.get("again", "")[:1000]:
        raise InvalidInput("again", "is not the same; type the new password twice")
    return PasswordForm(old=form.get("old_password", "")[:1000], new=new)


def read_token(form: MultiDict[str, str], now: datetime) -> NewToken:
    """A token to be made. Raises ``InvalidInput``."""
    days = forms.choice(form, "days", TOKEN_DAYS)
    return NewToken(
        name=forms.text(form, "name", most=80),
        scopes=form.getlist("scopes"),
        expires_at=None if days is None else now + timedelta(days=int(days)),
    )


def read_audit_filter(args: Mapping[str, str], zone: ZoneInfo) -> AuditFilter:
    """The filters of the trail; days are the city's. Raises ``InvalidInput``."""
    since, until = _day(args, "since", zone), _day(args, "until", zone)
    return AuditFilter(
        who=forms.text(args, "who", most=80),
        action=forms.text(args, "action", most=60),
        subject=forms.text(args, "subject", most=80),
        since=since,
        until=None if until is None else until + timedelta(days=1),
    )


def _day(args: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    """The beginning of a day in the city, as UTC."""
    written = args.get(name, "").strip()
    if not written:
        return None
    try:
        day = datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidInput(name, "{given!r} must be a day as 2026-03-02", given=written[:20]) from None
    return datetime.combine(day, time.min, zone).astimezone(UTC)
