"""What a vendor's layout is to us: a function, the points it can give, and the settings it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A vendor's frames. ``points``: name to unit of all that ``read`` can give; ``settings``: name to default; what is
    divided by stands in ``above_zero``.

    ``read`` takes the payload, the port, the settings (all of them, of the default's type) and a sheet to note on; it
    raises ``Refusal``.
    """

    read: Callable[[bytes, int, Mapping[str, Setting], Found], None]
    points: Mapping[str, str]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    above_zero: frozenset[str] = frozenset()


def need_length(payload: bytes, length: int) -> None:
    """Raises ``Refusal`` unless ``payload`` has exactly ``length`` bytes."""
    if len(payload) != length:
        raise Refusal("too_short" if len(payload) < length else "too_long", f"{len(payload)} bytes; it takes {length}")
