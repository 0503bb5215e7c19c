"""Services, definitions, requests and updates as the specification spells them, in the words of this house."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app, url_for
from itsdangerous import BadSignature, URLSafeSerializer

from dashboards.site import site, standard, t
from registry.domain.kinds import Stage
from registry.domain.public_rules import PUBLIC_KINDS
from registry.domain.report_numbers import report_number
from registry.queries.public_requests import PublicRequest, PublicUpdate

_SALT = "open311 picture"
_ROUGH_DECIMALS = 4
"""About ten metres: where a cover lies exactly is for those with a key."""


def services() -> list[dict[str, Any]]:
    """Everything that can be reported."""
    return [
        {
            "service_code": kind,
            "service_name": service_name(kind),
            "description": t(f"open311.about.{kind}"),
            "metadata": True,
            "type": "realtime",
            "keywords": t(f"open311.keywords.{kind}"),
            "group": t(f"family.{standard().line(kind).family}"),
        }
        for kind in PUBLIC_KINDS
    ]


def service_name(kind: str) -> str:
    """What a service is called."""
    return t(f"kind.{kind}")


def definition(kind: str) -> dict[str, Any]:
    """What can be said of a service beside the words: which thing it is, by the number or the code on its plate."""
    return {
        "service_code": kind,
        "attributes": [
            {
                "variable": True,
                "code": "asset_code",
                "datatype": "string",
                "required": False,
                "datatype_description": t("open311.asset_code.how"),
                "order": 1,
                "description": t("open311.asset_code"),
                "values": [],
            }
        ],
    }


def request_row(found: PublicRequest, *, known: bool) -> dict[str, Any]:
    """One request. ``known``: to a platform with a key; without one no words of the citizen, no picture, a rough place.

    The deadline is told once the city has taken the case up.
    """
    lat, lon = found.lat, found.lon
    if not known and lat is not None and lon is not None:
        lat, lon = round(lat, _ROUGH_DECIMALS), round(lon, _ROUGH_DECIMALS)
    return {
        "service_request_id": report_number(found.id),
        "status": "closed" if found.ended else "open",
        "status_notes": t("open311.status", stage=stage_words(found.stage, found.closed_how), number=found.case_number),
        "service_name": service_name(found.kind),
        "service_code": found.kind,
        "description": found.text if known else "",
        "agency_responsible": found.unit_name or site().city.name,
        "service_notice": "",
        "requested_datetime": _moment(found.at),
        "updated_datetime": _moment(found.updated_at),
        "expected_datetime": "" if found.filed_at is None else _moment(found.deadline_at),
        "address": found.address,
        "address_id": (found.asset_code or "") if known else "",
        "zipcode": "",
        "lat": lat,
        "long": lon,
        "media_url": _picture(found) if known else "",
    }


def update_row(found: PublicUpdate) -> dict[str, Any]:
    """One update. Only an end closes a request; one that was reopened is open again."""
    ended = found.to_stage in (Stage.CLOSED, Stage.VOID)
    said = found.text or t(f"open311.update.{found.move}")
    return {
        "update_id": found.key,
        "service_request_id": report_number(found.report_id),
        "status": "closed" if ended else "open",
        "description": said,
        "updated_datetime": _moment(found.at),
        "media_url": found.media_url,
    }


def stage_words(stage: Stage, closed_how: str | None) -> str:
    """How far it is, in plain words."""
    if stage is Stage.VOID and closed_how in ("declined", "merged"):
        return t(f"open311.stage.{closed_how}")
    return t(f"open311.stage.{stage}")


def picture_name(photo_id: int, secret: bytes) -> str:
    """The name under which a picture can be fetched; nobody can make one for another picture."""
    return URLSafeSerializer(secret, salt=_SALT).dumps(photo_id)


def read_picture_name(name: str, secret: bytes) -> int | None:
    """The photo that a name stands for; None for one that was not made here."""
    try:
        found = URLSafeSerializer(secret, salt=_SALT).loads(name)
    except BadSignature:
        return None
    return found if isinstance(found, int) else None


def _picture(found: PublicRequest) -> str:
    if found.photo_id is None:
        return found.media_url
    name = picture_name(found.photo_id, current_app.config["SECRET_KEY"])
    return site().city.public_url.rstrip("/") + url_for("open311_picture", picture=f"{name}.jpg")


def _moment(moment: datetime) -> str:
    """A W3C date-time in the city's zone, whole seconds."""
    return moment.astimezone(site().zone).isoformat(timespec="seconds")
