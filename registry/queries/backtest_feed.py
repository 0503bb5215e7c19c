"""Feeding history to guards: where the roll-ups show that nothing could matter, no reading is read at all.

A guard of one point with a calm band is only fed what stirred, and what follows until it remembers nothing any more;
the alerts are those of feeding it everything. The others are fed every reading of their points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from registry.domain.backtest import PastAlert, Replay, Stretch
from registry.storage.series import Band, Sample, SeriesStore, Span

Piece = tuple[Span, list[Sample]]

_AT_ONCE = 200
# as many readings as are held at a time; a tuple of three takes some 150 bytes
_READ_AT_ONCE = 200_000
_FIRST_MS, _SHORTEST_MS, _LONGEST_MS = 6 * 3_600_000, 300_000, 32 * 86_400_000
_MORE_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What one guard watches: its points, and the guards in order of time."""

    point_id: int
    points: tuple[int, ...]
    asset_id: int
    device_id: int
    stretches: tuple[Stretch, ...]

    @property
    def banded(self) -> bool:
        """Whether readings may be left out while its guard remembers nothing."""
        return len(self.points) == 1 and all(
            stretch.guard.calm_above < stretch.guard.calm_below for stretch in self.stretches
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What came of one anchor: its alerts, oldest first, and how many readings were read for that."""

    anchor: Anchor
    alerts: list[PastAlert]
    read: int


def feed(
    store: SeriesStore, anchors: Sequence[Anchor], since_ms: int, until_ms: int, *, settles_ms: int
) -> Iterator[Fed]:
    """Run every anchor's guards over since ≤ t < until, in the order given. Raises ``StoreDown``.

    ``settles_ms``: about how long a guard remembers after something stirred; only how much is read ahead depends on it.
    """
    waiting, reader = iter(anchors), _Reader(store)
    while some := list(islice(waiting, _AT_ONCE)):
        if all(anchor.banded for anchor in some):
            spans = _stirred(store, some, since_ms, until_ms, settles_ms)
            yield from _fed_where_stirred(reader, some, spans, until_ms)
        else:
            yield from _fed_everything(reader, some, since_ms, until_ms)


def times_of(store: SeriesStore, points: Sequence[int], since_ms: int, until_ms: int) -> tuple[list[int], int]:
    """When any of ``points`` was measured, in order, each moment once; and how many readings were read for that."""
    reader, times, read = _Reader(store), set[int](), 0
    for point_id in points:
        for _, samples in reader.read(reader.cut(Span(point_id, since_ms, until_ms))):
            read += len(samples)
            times.update(at_ms for at_ms, _, _ in samples)
    return sorted(times), read


def read_all(store: SeriesStore, span: Span) -> list[Sample]:
    """Every reading of a span, oldest first."""
    reader = _Reader(store)
    return [each for _, samples in reader.read(reader.cut(span)) for each in samples]


class _Reader:
    """Reads many pieces at once, as many as lately held about ``_READ_AT_ONCE`` readings."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self.length_ms = _FIRST_MS

    def read(self, pieces: Iterable[Span]) -> Iterator[Piece]:
        """The readings of ``pieces``, which are taken from their iterator as they are needed."""
        waiting = iter(pieces)
        while asked := list(self._some(waiting)):
            found = self._store.samples(asked)
            rows, length_ms = sum(map(len, found)), sum(span.until_ms - span.since_ms for span in asked)
            fitting_ms = length_ms * _READ_AT_ONCE // rows if rows else _LONGEST_MS
            # no faster than fourfold: a quiet hour says little about the next
            self.length_ms = max(_SHORTEST_MS, min(fitting_ms, 4 * self.length_ms, _LONGEST_MS))
            yield from zip(asked, found, strict=True)

    def cut(self, span: Span) -> Iterator[Span]:
        """``span`` in pieces of which none holds too much."""
        at_ms = span.since_ms
        while at_ms < span.until_ms:
            end_ms = min(at_ms + self.length_ms, span.until_ms)
            yield Span(span.point_id, at_ms, end_ms)
            at_ms = end_ms

    def _some(self, waiting: Iterator[Span]) -> Iterator[Span]:
        left_ms = self.length_ms
        while left_ms > 0 and (span := next(waiting, None)) is not None:
            left_ms -= span.until_ms - span.since_ms
            yield span


def _stirred(
    store: SeriesStore, anchors: Sequence[Anchor], since_ms: int, until_ms: int, settles_ms: int
) -> dict[int, list[Span]]:
    """By point, what must be read: the stirred spans and as much after them as is likely to be asked for next."""
    asked: dict[tuple[int, int], list[Band]] = defaultdict(list)
    for anchor in anchors:
        for band, begin, end in _bands(anchor, since_ms, until_ms):
            asked[begin, end].append(band)
    found: dict[int, list[Span]] = defaultdict(list)
    for (begin, end), bands in sorted(asked.items()):
        for point_id, at_ms, stop_ms in store.stirred(bands, begin, end):
            stop_ms = min(stop_ms + settles_ms, until_ms)
            before = found[point_id]
            if before and at_ms <= before[-1].until_ms:
                before[-1] = Span(point_id, before[-1].since_ms, max(stop_ms, before[-1].until_ms))
            else:
                before.append(Span(point_id, at_ms, stop_ms))
    return found


def _bands(anchor: Anchor, since_ms: int, until_ms: int) -> Iterator[tuple[Band, int, int]]:
    """The calm band of each time; nearly always one for the whole span, so that many points are asked for at once."""
    bands = [
        (stretch.from_ms, Band(anchor.point_id, stretch.guard.calm_above, stretch.guard.calm_below))
        for stretch in anchor.stretches
    ]
    begin, band = since_ms, bands[0][1]
    for from_ms, following in bands[1:]:
        if following != band and since_ms < from_ms < until_ms:
            yield band, begin, from_ms
            begin = from_ms
        if from_ms < until_ms:
            band = following
    yield band, begin, until_ms


def _fed_where_stirred(
    reader: _Reader, anchors: Sequence[Anchor], spans: Mapping[int, Sequence[Span]], until_ms: int
) -> Iterator[Fed]:
    wanted = (span for anchor in anchors for span in spans.get(anchor.point_id, ()))
    of_points = groupby(reader.read(piece for span in wanted for piece in reader.cut(span)), key=_point_of)
    nothing: Iterator[Piece] = iter(())
    for anchor in anchors:
        # the pieces come in the order of the anchors; those where nothing stirred have none
        pieces = next(of_points)[1] if spans.get(anchor.point_id) else nothing
        replay, at_ms = Replay(anchor.stretches), until_ms
        for span, samples in pieces:
            _settle(reader, anchor.point_id, replay, at_ms, span.since_ms)
            replay.feed(anchor.point_id, samples)
            at_ms = span.until_ms
        _settle(reader, anchor.point_id, replay, at_ms, until_ms)
        yield Fed(anchor=anchor, alerts=replay.finish(until_ms), read=replay.fed)


def _settle(reader: _Reader, point_id: int, replay: Replay, since_ms: int, until_ms: int) -> None:
    """What is remembered must be judged on through calm readings too, until it is settled."""
    at_ms, step_ms = since_ms, _MORE_MS
    while not replay.idle and at_ms < until_ms:
        end_ms = min(at_ms + step_ms, until_ms)
        for _, samples in reader.read(reader.cut(Span(point_id, at_ms, end_ms))):
            replay.feed(point_id, samples)
        at_ms, step_ms = end_ms, min(2 * step_ms, _LONGEST_MS)


def _fed_everything(reader: _Reader, anchors: Sequence[Anchor], since_ms: int, until_ms: int) -> Iterator[Fed]:
    pieces = reader.read(_side_by_side(reader, anchors, since_ms, until_ms))
    for anchor in anchors:
        replay, at_ms = Replay(anchor.stretches), since_ms
        while at_ms < until_ms:
            columns = list(islice(pieces, len(anchor.points)))
            at_ms = columns[-1][0].until_ms
            if len(columns) == 1:
                replay.feed(anchor.point_id, columns[0][1])
            else:
                replay.feed_together(_together(columns))
        yield Fed(anchor=anchor, alerts=replay.finish(until_ms), read=replay.fed)


def _side_by_side(reader: _Reader, anchors: Sequence[Anchor], since_ms: int, until_ms: int) -> Iterator[Span]:
    """Anchor after anchor, piece after piece of time: each piece of all its points."""
    for anchor in anchors:
        at_ms = since_ms
        while at_ms < until_ms:
            end_ms = min(at_ms + max(reader.length_ms // len(anchor.points), _SHORTEST_MS), until_ms)
            for point_id in anchor.points:
                yield Span(point_id, at_ms, end_ms)
            at_ms = end_ms


def _together(columns: Sequence[Piece]) -> list[tuple[int, int, float, int]]:
    rows = [(at_ms, span.point_id, value, quality) for span, samples in columns for at_ms, value, quality in samples]
    rows.sort()
    return rows


def _point_of(piece: Piece) -> int:
    return piece[0].point_id
