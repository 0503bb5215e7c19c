"""What the API is, for programs (``/api/v1/openapi.json``) and for people (``/api/docs``), out of one table."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from flask import Flask, Response, render_template, request

from dashboards.api.description import describe
from dashboards.api.operation import PREFIX
from dashboards.api.table import OPERATIONS
from dashboards.errors import ANSWERS, HTTP_ANSWERS
from dashboards.site import site


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule(f"{PREFIX}/openapi.json", "api_openapi", api_openapi)
    app.add_url_rule("/api/docs", "api_docs", api_docs)


def api_openapi() -> Response:
    """The OpenAPI 3.1 document."""
    response = Response(_encoded(_server()), mimetype="application/json")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.add_etag()
    response.make_conditional(request)
    return response


def api_docs() -> str:
    """The same, to read; rendered here, without any script."""
    document = described(_server())
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            groups.setdefault(told["tags"][0], []).append({"method": method.upper(), "path": path, **told})
    codes = {answer.code: answer.status for _, answer in ANSWERS} | {a.code: a.status for a in HTTP_ANSWERS.values()}
    return render_template(
        "api_docs.html",
        groups=groups,
        schemas=document["components"]["schemas"],
        limit_mb=f"{site().settings.upload_limit_mb:g}",
        codes=dict(sorted(codes.items(), key=lambda one: one[1])),
    )


@cache
def described(server: str) -> dict[str, Any]:
    """The document for a city that is reached at ``server``; made once a process."""
    return describe(OPERATIONS, server=server, version=_version())


@cache
def _encoded(server: str) -> bytes:
    return msgspec.json.encode(described(server))


def _server() -> str:
    return site().city.public_url.rstrip("/")


def _version() -> str:
    try:
        return version("covercode")
    except PackageNotFoundError:
        return "0"
