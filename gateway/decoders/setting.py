"""Settings of a profile or of one device, as numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway.decoders.outcome import Refusal
from gateway.decoders.profile import Setting


def number_setting(settings: Mapping[str, Setting], name: str, *, above_zero: bool = False) -> float | None:
    """The setting ``name``; None where it is not set. Raises ``Refusal`` (``bad_setting``) for what is no number."""
    value = settings.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refusal("bad_setting", f"settings.{name} is {value!r}; write a number")
    if above_zero and value <= 0:
        raise Refusal("bad_setting", f"settings.{name} is {value}; it must be above 0")
    return float(value)
