"""What every list page does the same way: the address of the page after this one."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request


def next_url(after: str | None) -> str | None:
    """This list, with its filters, from ``after`` on; ``None`` when this was its last page."""
    if after is None:
        return None
    kept = {name: value for name, value in request.args.items() if name != "after" and value}
    return f"{request.path}?{urlencode(kept | {'after': after})}"
