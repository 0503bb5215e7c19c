"""From the level a rule saw back to something a person can compare with a sensor's display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_point_unit(level: float | None, condition: Mapping[str, Any] | None, full_scale: float | None) -> float | None:
    """``level`` in the point's own unit: a rule that looks at shares of full scale keeps shares (0.93 of the depth)."""
    if level is None or condition is None or not condition.get("of_full_scale"):
        return level
    return None if full_scale is None else level * full_scale
