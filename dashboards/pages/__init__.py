"""The pages: one module per subject, each with ``register(app)``. A page reads queries, calls services, renders.

May not hold SQL or rules of the registry, and may not look into a request's fields except through ``dashboards.forms``.
"""

from __future__ import annotations

from flask import Flask

from dashboards.pages import alerts, assets, cases, overview, photos, scan, session, system


def register(app: Flask) -> None:
    """Add every page to ``app``. An endpoint is named like its function."""
    for module in (session, overview, alerts, cases, assets, photos, scan, system):
        module.register(app)
