"""The style that draws the first screen of a page, sent in the page itself: one answer to wait for instead of two.

For the page behind a plate, which most people open once, on a bad line, with nothing of this site kept yet.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from flask import current_app, g
from markupsafe import Markup

from dashboards.site import site

SHEET = "src/styles/first.css"


def first_style() -> Markup:
    """The style as an element; the content policy of this answer names it by its hash (see ``style_source``).

    Empty where it was not built: the page then waits for its sheets.
    """
    try:
        address = site().manifest.url(SHEET)
    except KeyError:
        address = ""
    if not address:
        return Markup()
    style, g.first_style = _read(Path(current_app.root_path, address.removeprefix("/")))
    return Markup("<style>{}</style>").format(Markup(style))  # noqa: S704  # our own build, the same in every answer


def style_source() -> str:
    """What the content policy of this answer allows beside the site's own files: a hash, or nothing."""
    return f" '{g.first_style}'" if "first_style" in g else ""


@cache
def _read(path: Path) -> tuple[str, str]:
    """A built file never changes under its name. Its text, and the policy's word for exactly that text."""
    style = path.read_text(encoding="utf-8").strip()
    return style, "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
