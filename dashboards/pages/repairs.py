"""The repairs list (检修清单): which cabinets, lines and sensors are sick, why, and what to do; the worst first."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards.login import actor, area, may
from dashboards.site import now, site, t
from registry.domain.repairs import RepairKind, RepairReason
from registry.queries import repairs as queries
from registry.queries.notices import notice_troubles
from registry.services import cabinets

MOST_SHOWN = 300


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/repairs", "repairs", repairs)
    app.add_url_rule("/repairs/<cabinet>/seen", "see_set_aside", see_set_aside, methods=["POST"])
    app.add_url_rule("/repairs/<cabinet>/seen", "repairs", repairs, alias=True)


def repairs() -> str:
    """What the filters leave, at most 300 lines."""
    kind = forms.choice(request.args, "kind", RepairKind)
    reason = forms.choice(request.args, "reason", RepairReason)
    wanted = queries.RepairFilter(
        kind=None if kind is None else RepairKind(kind),
        reason=None if reason is None else RepairReason(reason),
        cabinet=forms.optional_text(request.args, "cabinet") or "",
    )
    found = queries.repairs(site().engine, wanted, now=now(), scope=area())
    tabs = [("", sum(found.counts.values())), *found.counts.items()]
    return render_template(
        "repairs.html",
        repairs=found.items[:MOST_SHOWN],
        left_out=max(0, len(found.items) - MOST_SHOWN),
        filters=wanted.said(),
        troubles=notice_troubles(site().engine, now=now()) if may("channels") else None,
        reasons=list(RepairReason),
        tabs=[(each, _address(wanted, each), each == (kind or ""), count) for each, count in tabs],
    )


def see_set_aside(cabinet: str) -> Response:
    """Somebody has seen that this cabinet set a damaged spool file aside."""
    cabinets.see_set_aside(site().engine, cabinet, by=actor(), now=now())
    flash(t("message.set_aside_seen"), "ok")
    return redirect(url_for("repairs"), 303)


def _address(wanted: queries.RepairFilter, kind: str) -> str:
    kept: dict[str, Any] = wanted.said() | {"kind": kind}
    return url_for("repairs", **{name: value for name, value in kept.items() if value})
