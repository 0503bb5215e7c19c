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
    """A field holds something unusable; ``problem`` says in English what is wrong and how to mend it.

    ``words`` is that sentence with ``{places}`` for ``values`` (``str.format``), so that pages can look the sentence
    up in another language (``dashboards/words/refusals.zh.json``) and fill in the same values. Without values it is
    taken as it stands.
    """

    def __init__(self, field: str, words: str, /, **values: object) -> None:
        self.field = field
        self.words = words
        self.values = values
        self.problem = words.format(**values) if values else words
        super().__init__(f"{field}: {self.problem}")

    def at(self, field: str) -> InvalidInput:
        """The same problem, found in ``field``."""
        return InvalidInput(field, self.words, **self.values)

    def telling(self, **values: object) -> InvalidInput:
        """The same problem with some of its values told otherwise."""
        return InvalidInput(self.field, self.words, **{**self.values, **values})


class StoreDown(Exception):
    """A database did not answer; the same call may succeed later. Nothing was written."""


class GaveWay(StoreDown):
    """The database broke a transaction off so that another one could end (a deadlock); the same call succeeds now."""
