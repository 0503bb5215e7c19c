"""The web part over a real city, as the web's own tests build it."""

from __future__ import annotations

from tests.web.conftest import engine, make_web, seeded, sign_ins, web

__all__ = ["engine", "make_web", "seeded", "sign_ins", "web"]
