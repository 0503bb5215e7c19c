"""The JSON API and the live stream, for our own pages and for programs.

One table of operations (``dashboards.api.table``) makes the routes, the OpenAPI description and the page that people
read. Answers are the thing itself; refusals are RFC 9457 problems (``dashboards.errors``). Handlers hold no logic: they
pass typed values to ``registry.services`` and ``registry.queries``.
"""

from __future__ import annotations

from flask import Flask

from dashboards.api import docs
from dashboards.api.answering import view
from dashboards.api.table import OPERATIONS


def register(app: Flask) -> None:
    """Add every API route to ``app``."""
    for operation in OPERATIONS:
        app.add_url_rule(operation.rule, operation.endpoint, view(operation), methods=[operation.method])
    docs.register(app)
