"""Appending to a series that a server keeps, while its caller goes on: the server works on its own meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from registry.storage.series.port import Refused, Row, SeriesStore

# fewer rows at a time would cost the server more in requests than waiting for it costs us
STRETCH = 10_000


class Beside:
    """Takes a growing list of rows and appends it in stretches, in its order, in a thread of its own.

    A context manager; leaving it waits for what is under way. What was appended of a batch that then fails is appended
    again with the next try, which changes nothing.
    """

    def __init__(self, store: SeriesStore, *, stretch: int = STRETCH) -> None:
        self._store = store
        self._stretch = stretch
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="series")
        self._going: list[Future[list[Refused]]] = []
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hand.shutdown(cancel_futures=kind is not None)

    def offer(self, rows: Sequence[Row]) -> None:
        """Begin with what is new in ``rows`` if that is a stretch; earlier rows may not have changed."""
        if len(rows) - self._taken >= self._stretch:
            self.rest(rows)

    def rest(self, rows: Sequence[Row]) -> None:
        """Begin with all that is new in ``rows``."""
        if len(rows) > self._taken:
            self._going.append(self._hand.submit(self._store.append, rows[self._taken :]))
            self._taken = len(rows)

    def refused(self) -> list[Refused]:
        """Wait for all; what the store will never take. Raises ``StoreDown``."""
        return [each for going in self._going for each in going.result()]
