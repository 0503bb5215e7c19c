"""Sending less: scripts, styles and JSON go out compressed where the browser takes it.

What the front end's build compressed already is sent as it lies there. Pages are left as they are: they hold a form's
token beside text from outside, and the length of a compressed page would tell a patient listener about the token.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from flask import Response, request
from werkzeug.security import safe_join

SMALLEST = 1_000
LARGEST = 50_000_000
_LEVEL = 5
# what the build lays beside a file, the smaller first; browsers take Brotli over HTTPS only
_BESIDE = (("br", ".br"), ("gzip", ".gz"))
_TYPES = frozenset({"application/json", "application/geo+json", "text/css", "text/javascript", "image/svg+xml"})


def packed_name(folder: str, filename: str) -> tuple[str, str]:
    """The compressed file beside ``filename`` in ``folder`` that this request's browser takes, and its encoding.

    The file itself and no encoding where there is none, or where a part is asked for: parts are of the file itself.
    """
    if "Range" in request.headers:
        return filename, ""
    for encoding, ending in _BESIDE:
        path = safe_join(folder, filename + ending)
        if path is not None and request.accept_encodings[encoding] and Path(path).is_file():
            return filename + ending, encoding
    return filename, ""


def compress(response: Response) -> Response:
    """``response`` with its body compressed when that is worth it; its ``ETag`` stays, since browsers ask by it."""
    # What has no length is the live stream; a part of a file is of the file as it lies on disk.
    length = response.content_length
    if response.mimetype not in _TYPES or response.status_code != 200 or length is None:
        return response
    response.vary.add("Accept-Encoding")
    if "Content-Encoding" in response.headers:
        return response
    if not SMALLEST <= length <= LARGEST or not request.accept_encodings["gzip"]:
        return response
    response.direct_passthrough = False
    response.set_data(gzip.compress(response.get_data(), _LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("Accept-Ranges", None)
    return response
