"""A JSON webhook, for a program of somebody else's. Signed, and with a key by which it knows a repeat.

``X-CoverCode-Signature: t=UNIX,v1=HEX`` is HMAC-SHA256 over ``t``, a dot and the body; the secret stands behind the #
of the channel's address. ``Idempotency-Key`` is the same at each try of one notice.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from registry.notices.case_texts import CaseFacts
from registry.notices.outgoing import HandingOver, Outgoing
from registry.notices.texts import AlertFacts, GroupFacts
from registry.notices.web import post_json

_SEVERITIES = {1: "notice", 2: "alarm", 3: "critical"}


def send_webhook(address: str, notice: Outgoing, _handing_over: HandingOver, *, now: datetime) -> None:
    """Post one notice; a repeat is recognised, so nothing is lost by sending it again. Raises ``SendFailed``."""
    body = msgspec.json.encode(_body(notice))
    headers = {"Idempotency-Key": notice.once}
    secret = unquote(urlsplit(address).fragment)
    if secret:
        headers["X-CoverCode-Signature"] = signature(secret, body, now)
    post_json(address, body, headers)


def signature(secret: str, body: bytes, now: datetime) -> str:
    """The value of the header."""
    at = int(now.timestamp())
    sealed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={sealed}"


def _body(notice: Outgoing) -> dict[str, Any]:
    facts = notice.facts
    return {
        "version": "1",
        "key": notice.key,
        "kind": notice.kind.value,
        "severity": _SEVERITIES.get(notice.severity, "notice"),
        "title": notice.title,
        "text": notice.text,
        "language": notice.language,
        "at": notice.created_at,
        "link": notice.link,
        "to": notice.to,
        "alert": _alert(facts) if isinstance(facts, AlertFacts) else None,
        "group": _group(facts) if isinstance(facts, GroupFacts) else None,
        "case": _case(facts) if isinstance(facts, CaseFacts) else None,
    }


def _alert(facts: AlertFacts) -> dict[str, Any]:
    return {
        "id": facts.alert_id,
        "rule": facts.rule_key,
        "asset_id": facts.asset_id,
        "asset_code": facts.asset_code,
        "asset_name": facts.asset_name,
        "road": facts.road,
        "area_code": facts.area_code,
        "cabinet": facts.cabinet,
        "device": facts.device,
        "point": facts.point,
        "unit": facts.unit,
        "value": facts.value,
        "limit": facts.limit,
        "began_at": facts.began_at,
        "cleared_at": facts.cleared_at,
        "case": facts.case_number,
    }


def _group(facts: GroupFacts) -> dict[str, Any]:
    return {
        "id": facts.group_id,
        "rule": facts.rule_key,
        "members": facts.members,
        "radius_m": facts.radius_m,
        "area_code": facts.area_code,
        "began_at": facts.began_at,
        "ended_at": facts.ended_at,
        "case": facts.case_number,
    }


def _case(facts: CaseFacts) -> dict[str, Any]:
    return {
        "id": facts.case_id,
        "number": facts.number,
        "kind": facts.kind,
        "place": facts.where,
        "road": facts.road,
        "area_code": facts.area_code,
        "unit": facts.unit,
        "assignee": facts.assignee,
        "deadline_at": facts.deadline_at,
        "secure_due_at": facts.secure_due_at,
    }
