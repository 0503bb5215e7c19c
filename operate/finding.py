"""What ``covercode doctor`` says of one part."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One part looked at; ``advice`` is empty when it is well."""

    part: str
    well: bool
    said: str
    advice: str = ""
