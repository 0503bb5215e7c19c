"""When something was done that is told later: a phone without a signal keeps the act, and the moment, until it has one.

Pure. The moment is the phone's word, so it is only believed within bounds; what the house itself writes down (entries,
the audit trail) keeps the time at which it heard.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from registry.domain.errors import InvalidInput

AHEAD = timedelta(minutes=5)
"""How far a phone's clock may be ahead of ours; further, and its other times are not worth keeping either."""

LATEST = timedelta(days=14)
"""How late something may be told. A phone that lay in a drawer for longer belongs to somebody who should ask first."""

TELLING = timedelta(minutes=1)
"""What took no longer than this to arrive was told at once: nobody has to be shown two times."""


def when_done(done_at: datetime | None, *, now: datetime) -> datetime:
    """The moment that counts: ``done_at``, at the latest ``now``; ``now`` where nobody said.

    Raises ``InvalidInput`` for a moment that lies ahead of our clock or longer ago than anybody waits for a signal.
    """
    if done_at is None:
        return now
    if done_at > now + AHEAD:
        raise InvalidInput("done_at", "lies ahead of the clock here; set the phone's clock and send it again")
    if done_at < now - LATEST:
        raise InvalidInput("done_at", "is more than {most} days ago; tell it as a note instead", most=LATEST.days)
    return min(done_at, now)


def told_late(done_at: datetime | None, *, now: datetime) -> dict[str, str]:
    """What an entry says of it: ``done_at`` where it was told noticeably later than it was done, else nothing."""
    done = when_done(done_at, now=now)
    return {"done_at": done.isoformat()} if now - done > TELLING else {}
