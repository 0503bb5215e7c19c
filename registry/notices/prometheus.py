"""Into an Alertmanager, by its v2 API (``POST /api/v2/alerts``): we are one more source of alerts, like a Prometheus.

An alert there is known by its labels, so the same one sent again changes nothing: that is how it is kept alive. Each
carries an ``endsAt`` a few minutes ahead, as a Prometheus would set it, and ends by itself should we fall silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from registry.domain.kinds import NoticeKind
from registry.notices.case_texts import CaseFacts
from registry.notices.outgoing import HandingOver, Outgoing
from registry.notices.texts import AlertFacts, GroupFacts
from registry.notices.web import post_json

AGAIN_EVERY = timedelta(minutes=1)
ENDS_AFTER = timedelta(minutes=4)
"""Live alerts are sent again this often, and each lives this long without it: three may get lost on the way."""

_MOST = 200
_SEVERITIES = {1: "notice", 2: "alarm", 3: "critical"}


def send_alertmanager(address: str, notice: Outgoing, _handing_over: HandingOver, *, now: datetime) -> None:
    """Send one notice's alert, firing or over. Raises ``SendFailed``. A trial is an alert that ends at once."""
    facts = notice.facts
    if isinstance(facts, CaseFacts):
        return  # a case is no alert there: who plans tells no Alertmanager of one
    if facts is None:
        trial = {"labels": {"alertname": "covercode_trial", "severity": "notice"}, "annotations": _words(notice)}
        _post(address, [trial | {"startsAt": now, "endsAt": now + timedelta(seconds=1)}])
        return
    over = notice.kind is NoticeKind.ALL_CLEAR
    severities = sorted({notice.severity, *notice.told})
    alerts = [
        _alert(notice, facts, severity, now=now, over=over or severity != notice.severity) for severity in severities
    ]
    _post(address, alerts)


def keep_alive(address: str, notices: Sequence[Outgoing], *, now: datetime) -> None:
    """Say of what still goes on that it does, before the Alertmanager forgets it. Raises ``SendFailed``."""
    alerts = [
        _alert(notice, notice.facts, notice.severity, now=now, over=False)
        for notice in notices
        if notice.facts is not None and not isinstance(notice.facts, CaseFacts)
    ]
    for start in range(0, len(alerts), _MOST):
        _post(address, alerts[start : start + _MOST])


def labels_of(facts: AlertFacts | GroupFacts, severity: int) -> dict[str, str]:
    """What an alert is known by there. Empty ones are left out, as Alertmanager does itself."""
    if isinstance(facts, GroupFacts):
        found = {"group": str(facts.group_id), "area": facts.area_code}
    else:
        found = {
            "asset": facts.asset_code,
            "asset_name": facts.asset_name,
            "road": facts.road,
            "area": facts.area_code,
            "device": facts.device,
            "point": facts.point,
            "cabinet": facts.cabinet,
        }
    found |= {"alertname": facts.rule_key, "severity": _SEVERITIES.get(severity, "notice"), "source": "covercode"}
    return {name: value for name, value in found.items() if value}


def _alert(
    notice: Outgoing, facts: AlertFacts | GroupFacts, severity: int, *, now: datetime, over: bool
) -> dict[str, Any]:
    ended = facts.ended_at if isinstance(facts, GroupFacts) else facts.cleared_at
    # the end may lie before what their clock calls now, never after it: it would go on until then
    ends_at = min(ended or now, now) if over else now + ENDS_AFTER
    return {
        "labels": labels_of(facts, severity),
        "annotations": _words(notice),
        "startsAt": min(facts.began_at, ends_at),
        "endsAt": ends_at,
        "generatorURL": notice.link,
    }


def _words(notice: Outgoing) -> dict[str, str]:
    return {"summary": notice.title, "description": notice.text}


def _post(address: str, alerts: Sequence[dict[str, Any]]) -> None:
    post_json(f"{address.rstrip('/')}/api/v2/alerts", msgspec.json.encode(alerts), {})
