"""Which addresses a page may send people on to: paths of this site alone, so that no link can lead out through us."""

from __future__ import annotations

from urllib.parse import urlsplit


def safe_path(target: str | None, otherwise: str = "/") -> str:
    """``target`` if it is a path on this site, else ``otherwise``.

    Browsers read a backslash as a slash and skip control characters, so ``/\\\\evil.example`` would leave the site.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return otherwise
    if "\\" in target or any(ord(character) < 0x21 or ord(character) == 0x7F for character in target):
        return otherwise
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else otherwise
