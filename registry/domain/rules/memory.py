"""What a rule remembers of its points, and what it says: the values that guards take and give.

Times are whole milliseconds of event time. A memory goes to JSON in ``rule_memory.body`` and back at any moment without
changing what comes next; the rows that the former release wrote are read as they are.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from registry.domain.kinds import Severity


class Phase(StrEnum):
    """Where a condition stands; no memory at all means nothing is wrong and nothing needs remembering."""

    WATCHING = "watching"
    PENDING = "pending"
    FIRING = "firing"
    CLEARING = "clearing"


# By a name of their own: each look-up in an enum costs Python 3.11 as much as making a whole memory.
WATCHING, PENDING, FIRING, CLEARING = Phase


class Held(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What keeps an alert quieter than its condition (``registry.domain.rules.holding``).

    ``fires``: when it fired lately. ``open``: it flaps, so its alert stays live until the condition has been calm for
    long, ``calm_ms`` being since when it is (0: it is not). ``waits``: the condition is met outside the rule's hours
    and nothing was said yet. ``top`` is the worst severity of the live alert, ``severity`` the one last said.
    """

    fires: tuple[int, ...] = ()
    open: bool = False
    waits: bool = False
    calm_ms: int = 0
    began_ms: int = 0
    level: float = 0.0
    severity: int = 0
    top: int = 0


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Readings that wait until they are judged in order (``registry.domain.rules.lateness``).

    ``readings`` are (time, point id, value), oldest first; whatever is not newer than ``judged_ms`` comes too late.
    """

    readings: tuple[tuple[int, int, float], ...]
    judged_ms: int


class Memory(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a rule remembers of its anchor point.

    ``since_ms``: when the phase began; ``last_ms``: the newest reading it rests on; ``level``: the worst level said (or
    pending), in the terms of the rule's condition; ``step``: how far up the ladder a firing alert stands (0: the rule's
    own numbers); ``marks``: since and until when each higher step is pending, or each step is calm; ``breach_ms``: the
    last breach, where calm spells are forgiven; ``seen``: what the condition itself must keep of past readings, packed.
    ``samples`` 0: the condition remembers nothing, only ``held`` or ``waiting`` does.
    """

    phase: Phase
    since_ms: int
    last_ms: int
    level: float
    samples: int = 1
    began_ms: int = 0
    step: int = 0
    breach_ms: int = 0
    marks: tuple[int, ...] = ()
    seen: bytes = b""
    held: Held | None = None
    waiting: Waiting | None = None

    @property
    def is_live(self) -> bool:
        """Whether an alert of the rule is live by this memory."""
        if self.held is not None and (self.held.open or self.held.waits):
            return self.held.open
        return self.phase is FIRING or self.phase is CLEARING


class VerdictKind(StrEnum):
    """What changed: it fires, stands on another step, got clearly worse, flaps and so is held open, is over."""

    FIRE = "fire"
    STEP = "step"
    WORSEN = "worsen"
    FLAP = "flap"
    CLEAR = "clear"


class Verdict(NamedTuple):
    """A change of an alert: since when the condition was seen, when it was decided, at which level, how bad it is."""

    kind: VerdictKind
    began_ms: int
    at_ms: int
    level: float
    severity: Severity


Verdicts = tuple[Verdict, ...]
Outcome = tuple[Memory | None, Verdicts]

NOTHING: Outcome = (None, ())

_memory = msgspec.json.Decoder(Memory)


def read_memory(body: str) -> Memory:
    """The memory in a row of ``rule_memory``. Raises ``msgspec.DecodeError``."""
    return _memory.decode(body)


def write_memory(memory: Memory) -> str:
    """``memory`` as a row's body."""
    return msgspec.json.encode(memory).decode()


def remembering(seen: bytes, at_ms: int) -> Memory:
    """A memory of a condition that has readings to keep and nothing to say."""
    return Memory(WATCHING, at_ms, at_ms, 0.0, seen=seen)


def carrying(before: Memory | None, after: Memory | None, seen: bytes, at_ms: int) -> Memory | None:
    """``after`` with what the condition keeps of its readings, the newest being of ``at_ms``."""
    if after is None or after.phase is WATCHING:
        return remembering(seen, at_ms) if seen else None
    if after is before and after.seen == seen:
        return before
    return replace(after, seen=seen, last_ms=at_ms)
