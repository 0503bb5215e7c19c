"""What a report is called: R and its number, so that nobody takes it for a case's. Several reports share a case."""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"\s*(?:[Rr]-?)?0*([0-9]{1,15})\s*")


def report_number(report_id: int) -> str:
    """The number as it is written: R000017."""
    return f"R{report_id:06d}"


def read_report_number(text: str) -> int | None:
    """The id that ``text`` names; None where it names none."""
    found = _WRITTEN.fullmatch(text)
    return int(found[1]) or None if found else None
