"""Answers that are kept as a file: their name, in any script, as every browser understands it."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from flask import Response


def as_download(response: Response, file_name: str) -> Response:
    """``response`` as a file to keep under ``file_name``; programs that know no UTF-8 names get its ASCII letters."""
    if file_name.isascii():
        response.headers.set("Content-Disposition", "attachment", filename=file_name)
        return response
    plain = unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode("ascii").strip(" -")
    names = {
        "filename": f"file{plain}" if plain.startswith(".") else plain or "file",
        "filename*": f"UTF-8''{quote(file_name, safe='')}",
    }
    response.headers.set("Content-Disposition", "attachment", **names)
    return response
