"""The JSON API and the live stream, for our own pages and for programs with a session.

Every answer is ``{"ok": true, …}`` or ``{"ok": false, "error": {"code", "message", "fields"}}``, except the map, which
is a bare GeoJSON FeatureCollection so that map programs can take its address.
"""

from __future__ import annotations

from flask import Flask

from dashboards.api import figures, live


def register(app: Flask) -> None:
    """Add every API route to ``app``."""
    figures.register(app)
    live.register(app)
