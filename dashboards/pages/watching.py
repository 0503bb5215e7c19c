"""For the monitoring: ``/metrics`` for neighbours, ``/healthz`` for load balancers."""

from __future__ import annotations

from flask import Flask, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from dashboards.errors import problem_json
from dashboards.metrics import CONTENT_TYPE, is_neighbour, metrics_text, program_version
from dashboards.site import now, site
from registry.domain.errors import NotAllowed, StoreDown
from registry.queries.city_figures import worker_until


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/metrics", "metrics", metrics)
    app.add_url_rule("/healthz", "healthz", healthz)


def metrics() -> Response:
    """The city's figures, for requests straight from ``web.metrics_from``."""
    if not is_neighbour():
        raise NotAllowed("figures are for the networks in web.metrics_from; with an API token: /api/v1/metrics")
    return Response(metrics_text(site().engine, now=now()), content_type=CONTENT_TYPE)


def healthz() -> Response:
    """Whether this process answers and its records do. A worker that is away is told, but this process is well.

    Strangers hear no more than that, always in the same words; the parts are for those who may read the figures.
    """
    try:
        until = worker_until(site().engine)
    except (SQLAlchemyError, StoreDown):
        return problem_json("store_down", "the records database does not answer", 503)
    if not is_neighbour():
        return jsonify(ok=True)
    works = until is not None and until > now()
    worker = {
        "part": "worker",
        "ok": works,
        "reason": "" if works else "no worker holds the lease",
        "fix": "" if works else "start covercode worker (systemctl start covercode-worker)",
    }
    parts = [{"part": "records", "ok": True, "reason": "", "fix": ""}, worker]
    return jsonify(ok=True, process="web", version=program_version(), parts=parts)
