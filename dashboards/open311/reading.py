"""Reading what Open311 clients send: parameters of the address, forms, and files beside them.

Clients differ (FixMyStreet's are in ``docs/open311.md``): unknown parameters and attributes are kept or passed over,
empty ones count as not sent, and nobody is forced to give a description or a picture.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from werkzeug.datastructures import MultiDict

from registry.domain.errors import InvalidInput
from registry.domain.geo import Place, check_place
from registry.domain.report_numbers import read_report_number

DEFAULT_SPAN = timedelta(days=90)
MOST = 1000
NOT_PINPOINTED = "#NOTPINPOINTED#"
"""What FixMyStreet sends as ``address_id`` when nobody put the pin on the map: the place is only roughly known."""

_ATTRIBUTE = re.compile(r"attribute\[([^\]]{1,60})\](\[[^\]]*\])?")
_OWN_IDS = ("fixmystreet_id", "external_id", "foreign_id", "service_request_id_ext")
_STATUSES = ("open", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which requests or updates somebody wants to see."""

    ids: tuple[int, ...] | None
    kinds: tuple[str, ...]
    start: datetime
    end: datetime
    ended: bool | None
    page: int
    page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A request as it was handed over. ``pinned`` is False where the place is only roughly known."""

    service_code: str
    place: Place | None
    pinned: bool
    address: str
    address_id: str
    text: str
    contact: str
    reporter: str
    media_url: str
    foreign_id: str
    account_id: str
    attributes: dict[str, str]


def read_asked(args: Mapping[str, str], *, now: datetime, zone: tzinfo) -> Asked:
    """The parameters of a list. Without dates the last 90 days; with one of them 90 days from or to it.

    Raises ``InvalidInput``.
    """
    start, end = read_moment(args, "start_date", zone), read_moment(args, "end_date", zone, end_of_day=True)
    if end is None:
        end = now if start is None else start + DEFAULT_SPAN
    start = end - DEFAULT_SPAN if start is None else start
    if start > end:
        raise InvalidInput("start_date", "lies after end_date")
    words = _listed(args, "status")
    strange = [word for word in words if word.lower() not in _STATUSES]
    if strange:
        raise InvalidInput("status", "{given!r} must be one of {known}", given=strange[0][:40], known="open, closed")
    states = {word.lower() == "closed" for word in words}
    return Asked(
        ids=read_ids(args),
        kinds=tuple(_listed(args, "service_code")),
        start=start,
        end=end,
        ended=states.pop() if len(states) == 1 else None,
        page=_count(args, "page", 1, 100_000),
        page_size=_count(args, "page_size", MOST, MOST),
    )


def read_ids(args: Mapping[str, str], name: str = "service_request_id") -> tuple[int, ...] | None:
    """The ids of a comma list; None where none is given. What names no request is looked for in vain, not refused."""
    given = _listed(args, name)
    return tuple(read_report_number(word) or 0 for word in given) if given else None


def read_moment(args: Mapping[str, str], name: str, zone: tzinfo, *, end_of_day: bool = False) -> datetime | None:
    """A W3C date-time; without its zone in the city's, and a bare day from its beginning (or to its end)."""
    written = args.get(name, "").strip()
    if not written:
        return None
    try:
        # a plus sign arrives as a blank when a program forgot to quote it
        moment = datetime.fromisoformat(written.replace(" ", "+") if "T" in written else written)
    except ValueError:
        raise InvalidInput(
            name, "{given!r} is no W3C date-time; write it as 2026-03-02T04:00:00Z", given=written[:40]
        ) from None
    if len(written) == len("2026-03-02") and end_of_day:
        moment = datetime.combine(moment.date(), time(23, 59, 59, 999999))
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def read_told(form: MultiDict[str, str], *, day: str) -> Told:
    """A request that is handed over. ``day`` tells apart what is said word for word again another day.

    Raises ``InvalidInput`` naming the parameter.
    """
    plain = {name: " ".join(form.getlist(name)).strip() for name in form if not name.startswith("attribute[")}
    attributes = _attributes(form)
    if not plain.get("service_code"):
        raise InvalidInput("service_code", "is missing; GET services lists them")
    place = _place(plain)
    address_id = plain.get("address_id", "")
    pinned = address_id != NOT_PINPOINTED
    name = " ".join(filter(None, (plain.get("last_name", ""), plain.get("first_name", ""))))
    return Told(
        service_code=plain["service_code"],
        place=place,
        pinned=pinned,
        address=plain.get("address_string", "") or attributes.get("closest_address", ""),
        address_id=address_id if pinned else "",
        text=plain.get("description", "") or attributes.get("description", "") or attributes.get("title", ""),
        contact=plain.get("phone", "") or plain.get("email", ""),
        reporter=name,
        media_url=plain.get("media_url", ""),
        foreign_id=_own_id(attributes, plain) or _same_words(form, day),
        account_id=plain.get("account_id", ""),
        attributes=attributes,
    )


def _listed(args: Mapping[str, str], name: str) -> list[str]:
    return [word.strip() for word in args.get(name, "").split(",") if word.strip()]


def _count(args: Mapping[str, str], name: str, otherwise: int, most: int) -> int:
    written = args.get(name, "").strip()
    if not written:
        return otherwise
    if not (written.isascii() and written.isdigit()) or not 1 <= int(written[:9]) <= most:
        raise InvalidInput(name, "{given!r} must be a number from 1 to {most}", given=written[:20], most=most)
    return int(written)


def _place(plain: Mapping[str, str]) -> Place | None:
    """The place as WGS-84, the specification's only system; None where none is given."""
    written = [plain.get("lat", ""), plain.get("long", "") or plain.get("lon", "")]
    if not any(written):
        return None
    try:
        lat, lon = (float(text) for text in written)
    except ValueError:
        raise InvalidInput("lat", "lat and long must be two numbers of degrees") from None
    try:
        return check_place(lon, lat)
    except InvalidInput as error:
        raise error.at("long" if error.field == "lon" else error.field) from error


def _attributes(form: MultiDict[str, str]) -> dict[str, str]:
    """What stands in ``attribute[NAME]``; of several values (``attribute[NAME][]``) a comma list."""
    found: dict[str, str] = {}
    for name in form:
        named = _ATTRIBUTE.fullmatch(name)
        if named is not None:
            found[named[1]] = ", ".join(text.strip() for text in form.getlist(name) if text.strip())[:2000]
    return dict(list(found.items())[:60])


def _own_id(attributes: Mapping[str, str], plain: Mapping[str, str]) -> str:
    """What the platform calls this request itself."""
    found = (attributes.get(name) or plain.get(name) for name in _OWN_IDS)
    return next((f"own:{text}" for text in found if text), "")


def _same_words(form: MultiDict[str, str], day: str) -> str:
    """A name for a request that its platform did not name: a repeat after a broken connection says the same words."""
    words: Sequence[str] = sorted(f"{name}={text}" for name, text in form.items(multi=True) if name != "api_key")
    return f"said:{hashlib.sha256(chr(0).join([day, *words]).encode()).hexdigest()[:40]}"
