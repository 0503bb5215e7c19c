"""The errors the registry raises on purpose; each says what its caller should do about it."""

from __future__ import annotations


class DomainError(Exception):
    """Anything a person asked for that the registry refuses; the message is fit for that person to read."""


class NotFound(DomainError):
    """The thing named does not exist (or this person may not know that it does)."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"{what} {key!r} does not exist")
        self.what = what
        self.key = key


class Conflict(DomainError):
    """Somebody else changed it first: load it again and decide anew."""


class InvalidMove(DomainError):
    """A case, tag or asset can't go from its state to the one asked for."""


class NotAllowed(DomainError):
    """This person may not do this; another role may."""


class InvalidInput(DomainError):
    """A field holds something unusable; ``problem`` says what is wrong and how to mend it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class StoreDown(Exception):
    """A database did not answer; the same call may succeed later. Nothing was written."""
