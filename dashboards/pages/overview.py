"""What is wrong now, worst first, with the city's counters beside it."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, render_template

from dashboards.login import area
from dashboards.map_addresses import map_addresses
from dashboards.site import lang, now, site, standard, t
from registry.domain.kinds import GroupState
from registry.queries import overview as overview_queries
from registry.queries.alert_groups import list_groups
from registry.queries.alerts import count_waiting
from registry.queries.permits import count_running
from registry.queries.rules import rule_names
from registry.queries.seasons import seasons_in_force

WRONG_ROWS = 50


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/", "overview", overview)
    app.add_url_rule("/overview/groups", "overview_groups", overview_groups)


def overview() -> str:
    """The wall screen. The feed's place is noted first: the stream then brings everything that came later."""
    where = site()
    feed_id = where.hub.newest_id()
    return render_template(
        "overview.html",
        overview=overview_queries.overview(where.engine, now=now(), scope=area()),
        wrong=overview_queries.wrong_now(where.engine, now=now(), limit=WRONG_ROWS, scope=area()),
        seasons=seasons_in_force(where.engine, now(), zone=where.zone),
        permits=count_running(where.engine, now=now(), scope=area()),
        feed_id=feed_id,
        own_words=own_words(),
        map_at=map_addresses(),
        **_without_case(),
    )


def own_words() -> dict[str, str]:
    """How the city calls kinds of cases and rules, for the script: the catalogues know those that were shipped only."""
    words = {f"kind.{key}": t(f"kind.{key}") for key in standard().lines}
    texts, language = site().texts, lang()
    for name in rule_names(site().engine):
        own = name.zh if language == "zh" else name.en or name.zh
        if own or not texts.has(language, f"rule.{name.key}"):
            words[f"rule.{name.key}"] = own or name.key
    return words


def overview_groups() -> Response:
    """The part of the wall screen that speaks of groups and of what waits, for the script that keeps it fresh."""
    # a piece of a page is no page: whoever opens it by itself sees that
    return Response(render_template("overview_groups.html", **_without_case()), mimetype="text/plain")


def _without_case() -> dict[str, Any]:
    """What is wrong and not (or not only) a case: groups that are open, and how many alerts wait for company."""
    where = site()
    return {
        "groups": list_groups(where.engine, state=GroupState.OPEN, scope=area()).items,
        "waiting": count_waiting(where.engine, scope=area()),
    }
