"""A notice on its way out, and what may go wrong there. Addresses hold passwords: ``hide`` keeps them out of errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

from registry.domain.kinds import NoticeKind
from registry.notices.case_texts import CaseFacts
from registry.notices.texts import AlertFacts, GroupFacts

CONNECT_S = 5.0
ANSWER_S = 20.0
"""How long a receiver may take to be reached, and to answer. No try takes longer than a few times this."""

PLACE = "{to}"
_LONGEST = 300
_PIECES = re.compile(r"[\s/:@?&=#,;+]+")
_SHORTEST_SECRET = 4
_KNOWN_WORDS = frozenset(
    {"http", "https", "mailto", "mailtos", "localhost", "from", "format", "text", "name", "verify"}
)

HandingOver = Callable[[], None]
"""Called when from here on the receiver may have it; what it raises stops the sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What leaves: the words, and for programs the facts. ``key`` is the notice's own, the same at each try.

    ``to`` is the contact's address at the channel. ``told``: the severities at which the receiver heard of it before.
    """

    key: str
    kind: NoticeKind
    severity: int
    title: str
    text: str
    created_at: datetime
    link: str
    language: str = "zh"
    to: str = ""
    facts: AlertFacts | GroupFacts | CaseFacts | None = None
    told: tuple[int, ...] = ()

    @property
    def once(self) -> str:
        """What a receiver knows a repeat by. Ids begin anew when a city does; the moment does not."""
        return f"{self.key}:{int(self.created_at.timestamp() * 1000)}"


class SendFailed(Exception):
    """It did not get through; the same call may later. ``one_only``: this receiver was refused, not the channel down.

    ``doubtful``: it may have been taken all the same, so that a repeat could come twice.
    """

    def __init__(self, problem: str, *, one_only: bool = False, doubtful: bool = False) -> None:
        self.problem = problem[:_LONGEST]
        self.one_only = one_only
        self.doubtful = doubtful
        super().__init__(self.problem)


def filled(address: str, to: str) -> str:
    """The channel's address for one contact."""
    return address.replace(PLACE, quote(to, safe="@"))


def hide(text: str, address: str, *more: str) -> str:
    """``text`` without any piece of ``address`` that could be a secret, and without line breaks."""
    pieces = {piece for source in (address, unquote(address), *more) for piece in _PIECES.split(source)}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET and piece.lower() not in _KNOWN_WORDS and not piece.isdecimal():
            text = text.replace(piece, "…")
    return " ".join(text.split())[:_LONGEST]


def masked(address: str) -> str:
    """What may be shown of an address: how it is reached; for web and mail addresses also the host."""
    scheme, _, rest = address.partition("://")
    if scheme.lower() not in ("http", "https", "mailto", "mailtos"):
        return f"{scheme}://…"
    host = rest.partition("?")[0].partition("#")[0].partition("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}/…"
