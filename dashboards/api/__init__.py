"""The JSON API and the live stream, for our own pages and for programs.

One table of operations (``dashboards.api.table``) makes the routes, the OpenAPI description and the page that people
read. Answers are the thing itself; refusals are RFC 9457 problems (``dashboards.errors``). Handlers hold no logic: they
pass typed values to ``registry.services`` and ``registry.queries``.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter

from dashboards.api import docs
from dashboards.api.answering import view
from dashboards.api.table import OPERATIONS


class IdConverter(IntegerConverter):
    """A number that can be an id: not 0, and no more digits than every database and program can hold."""

    regex = "[1-9][0-9]{0,15}"


def register(app: Flask) -> None:
    """Add every API route to ``app``."""
    app.url_map.converters["id"] = IdConverter
    for operation in OPERATIONS:
        app.add_url_rule(operation.rule, operation.endpoint, view(operation), methods=[operation.method])
    docs.register(app)
