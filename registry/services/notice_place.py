"""What notices say of their city, out of what a process knows of it."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from registry.notices.texts import Place


def place_of(city: Any, zone: tzinfo) -> Place:
    """The place of a city with ``name``, ``public_url`` and, where it has one, ``name_en``."""
    return Place(
        zone=zone, public_url=city.public_url, name_zh=city.name, name_en=getattr(city, "name_en", "") or city.name
    )
