"""Which alerts of one rule have one cause: a storm, a flood, a power cut. Pure; event times and places in, groups out.

Two alerts are near each other within the policy's ``radius_m`` and ``within_s``. One that has ``at_least`` of them near
it, itself included, gathers all of these; whatever is gathered together, over any number of steps, is one group. So an
alert more can only widen a group or join two, never split one: the order in which alerts come, and in how many batches,
does not matter.

Places are points in space rather than degrees, so that nothing is special at any latitude; they are cut into cubes in
which everything is near everything else, so that a hundred alerts in one street are looked at once and not in pairs.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

from registry.domain.geo import Box, Place, distance_m
from registry.domain.rules import GroupPolicy
from registry.domain.scopes import AREA_CODE_LENGTHS

SETTLES_S = 60.0
"""A group is known for this long before its case opens, if its alerts would have waited for longer."""

_EARTH_RADIUS_M = 6_371_008.8
_FEW_PAIRS = 64
_REACH = 1.0 + 1e-6  # a hair more, so that rounding never hides a pair


class Gatherable(NamedTuple):
    """An alert as far as gathering looks at it; ``group_id`` is the open group that it belongs to already."""

    id: int
    fired_ms: int
    lon: float
    lat: float
    group_id: int | None = None


class Gathering(NamedTuple):
    """One group as it is to be: ``groups`` are the open ones that it consists of, by id; ``joined`` who is new to it.

    No groups: a new one. Several: they turned out to be one. Ids are sorted.
    """

    groups: tuple[int, ...]
    joined: tuple[int, ...]


class Circle(NamedTuple):
    """A circle on the ground that holds all of some places."""

    lon: float
    lat: float
    radius_m: float


def gather(alerts: Iterable[Gatherable], policy: GroupPolicy) -> list[Gathering]:
    """What changes, sorted by the oldest alert of each: new groups, alerts that join one, groups that are one.

    ``alerts`` are all of one rule that are not over their time for joining: those not yet in a group, and everything
    within twice ``within_s`` of them.
    """
    return _Field(sorted(set(alerts), key=lambda one: (one.fired_ms, one.id)), policy).gatherings()


def passed_by(fired_at: datetime, cleared_at: datetime | None, policy: GroupPolicy) -> bool:
    """Whether an alert was over before its time to open a case came: then nobody need go."""
    return cleared_at is not None and cleared_at - fired_at < timedelta(seconds=policy.wait_s)


def dealt_with(fired_at: datetime, cleared_at: datetime | None, closed_at: datetime | None) -> bool:
    """Whether what came late was there when people closed the group's case at ``closed_at``, and is over by now."""
    return closed_at is not None and cleared_at is not None and fired_at <= closed_at


def company_came(grouped_at: datetime, *, now: datetime) -> bool:
    """Whether a group is known for long enough: its case need not wait until the time of its first alert is up."""
    return now - grouped_at >= timedelta(seconds=SETTLES_S)


def is_over(last_at: datetime, policy: GroupPolicy, *, live: int, now: datetime) -> bool:
    """Whether a group takes no more members: nothing joined for ``within_s`` and none of its alerts is live."""
    return live == 0 and now - last_at >= timedelta(seconds=policy.within_s)


def circle_around(box: Box) -> Circle:
    """The circle about ``box``: it holds whatever the box does."""
    centre = Place((box.west + box.east) / 2.0, (box.south + box.north) / 2.0)
    corners = [Place(lon, lat) for lon in (box.west, box.east) for lat in (box.south, box.north)]
    return Circle(centre.lon, centre.lat, max(distance_m(centre, corner) for corner in corners))


def smallest_area(first: str, last: str) -> str:
    """The smallest area that holds all of some area codes, of which these are the first and the last in order.

    Empty when only the city does.
    """
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[: max(length for length in AREA_CODE_LENGTHS if length <= same)]


Cube = tuple[int, int, int]

# Cubes whose diagonal is the radius: two alerts within it lie at most two cubes apart on each axis. One of each pair.
_TOWARDS: list[Cube] = [(x, y, z) for x, y, z in product(range(-2, 3), repeat=3) if (x, y, z) > (0, 0, 0)]
_AROUND: list[Cube] = _TOWARDS + [(-x, -y, -z) for x, y, z in _TOWARDS]


class _Field:
    """The alerts in their cubes, each cube in order of time; and who is with whom so far (union-find)."""

    def __init__(self, alerts: Sequence[Gatherable], policy: GroupPolicy) -> None:
        self._alerts = alerts
        self._least = policy.at_least
        self._within_ms = round(policy.within_s * 1000)
        self._radius_m = policy.radius_m
        self._at = [_in_space(each.lon, each.lat) for each in alerts]
        self._times = [each.fired_ms for each in alerts]
        reach, within = max(policy.radius_m, 1e-9), max(self._within_ms, 1)
        # place and time in units of the policy's radius and time
        self._scaled = [
            (x / reach, y / reach, z / reach, at / within) for (x, y, z), at in zip(self._at, self._times, strict=True)
        ]
        self._leader = list(range(len(alerts)))
        self._cubes: dict[Cube, list[int]] = defaultdict(list)

    def gatherings(self) -> list[Gathering]:
        self._fill_cubes()
        self._join_known_groups()
        dense = self._join_around_dense()
        self._join_cubes(dense)
        gathered = {self._find(one) for one in dense}
        members: dict[int, list[int]] = defaultdict(list)
        for one in range(len(self._alerts)):
            leader = self._find(one)
            if leader in gathered:
                members[leader].append(one)
        found = (self._gathering(ones) for ones in sorted(members.values()))
        return [one for one in found if one.joined or len(one.groups) > 1]

    def _fill_cubes(self) -> None:
        side = max(self._radius_m, 1.0) / math.sqrt(3.0)
        for one, (x, y, z) in enumerate(self._at):
            self._cubes[math.floor(x / side), math.floor(y / side), math.floor(z / side)].append(one)

    def _join_known_groups(self) -> None:
        first: dict[int, int] = {}
        for one, each in enumerate(self._alerts):
            if each.group_id is not None:
                self._join(first.setdefault(each.group_id, one), one)

    def _join_around_dense(self) -> list[int]:
        """The alerts with enough others near them, joined to those of the others that are not such themselves."""
        dense, sparse = [], []
        for cube, ones in self._cubes.items():
            times = [self._times[one] for one in ones]
            around: list[list[int]] | None = None
            for one in ones:
                near = self._window(ones, times, one)
                if len(near) < self._least:
                    if around is None:
                        around = [self._cubes[there] for there in _around(cube, self._cubes)]
                    near = self._add_near(one, near, around)
                if len(near) >= self._least:
                    dense.append(one)
                else:
                    sparse.append(near)
        is_dense = set(dense)
        for near in sparse:
            one = near[0]
            for other in near[1:]:
                if other in is_dense:
                    self._join(one, other)
        return dense

    def _window(self, ones: list[int], times: list[int], one: int) -> list[int]:
        """``one``, then the others of its cube within the time, as many as are needed to be dense."""
        at = self._times[one]
        low, high = bisect_left(times, at - self._within_ms), bisect_right(times, at + self._within_ms)
        if high - low >= self._least:
            return ones[low : low + self._least]
        return [one, *(other for other in ones[low:high] if other != one)]

    def _add_near(self, one: int, near: list[int], around: list[list[int]]) -> list[int]:
        """With those of other cubes; leaves off where it is dense. Sparse alerts alone come here, so they are few."""
        at, here = self._times[one], self._at[one]
        for ones in around:
            low = bisect_left(ones, at - self._within_ms, key=self._times.__getitem__)
            for other in ones[low:]:
                if self._times[other] - at > self._within_ms:
                    break
                if math.dist(here, self._at[other]) <= self._radius_m:
                    near.append(other)
                    if len(near) >= self._least:
                        return near
        return near

    def _join_cubes(self, dense: list[int]) -> None:
        """Join dense alerts that are near each other: within a cube by time alone, then cube with cube."""
        is_dense = set(dense)
        runs: dict[Cube, list[list[int]]] = {}
        for cube, ones in self._cubes.items():
            runs[cube] = list(self._runs([one for one in ones if one in is_dense]))
        for cube, mine in runs.items():
            for there in _around(cube, runs, _TOWARDS) if mine else ():
                for one, other in product(mine, runs[there]):
                    if self._find(one[0]) != self._find(other[0]) and self._touch(one, other):
                        self._join(one[0], other[0])

    def _runs(self, ones: list[int]) -> Iterable[list[int]]:
        """Dense alerts of one cube, joined for as long as the next comes soon enough."""
        run: list[int] = []
        for one in ones:
            if run and self._times[one] - self._times[run[-1]] > self._within_ms:
                yield run
                run = []
            if run:
                self._join(run[-1], one)
            run.append(one)
        if run:
            yield run

    def _touch(self, mine: list[int], others: list[int]) -> bool:
        """Whether one of ``mine`` is near one of ``others``: leaves out who is too far from all, then halves."""
        others = self._within_reach(others, self._box(mine))
        mine = self._within_reach(mine, self._box(others)) if others else []
        if len(mine) * len(others) <= _FEW_PAIRS:
            return any(self._are_near(one, other) for one in mine for other in others)
        if len(mine) < len(others):
            mine, others = others, mine
        widths = [high - low for low, high in self._box(mine)]
        axis = widths.index(max(widths))
        ordered = sorted(mine, key=lambda one: self._scaled[one][axis])
        half = len(ordered) // 2
        return self._touch(ordered[:half], others) or self._touch(ordered[half:], others)

    def _box(self, ones: list[int]) -> list[tuple[float, float]]:
        return [(min(axis), max(axis)) for axis in zip(*(self._scaled[one] for one in ones), strict=True)]

    def _within_reach(self, ones: list[int], box: list[tuple[float, float]]) -> list[int]:
        """Those that are no farther from the box than alerts may be from each other."""
        (west, east), (south, north), (low, high), (first, last) = box
        found = []
        for one in ones:
            x, y, z, when = self._scaled[one]
            if first - _REACH <= when <= last + _REACH:
                gaps = (max(west - x, x - east, 0.0), max(south - y, y - north, 0.0), max(low - z, z - high, 0.0))
                if math.hypot(*gaps) <= _REACH:
                    found.append(one)
        return found

    def _are_near(self, one: int, other: int) -> bool:
        soon = abs(self._times[one] - self._times[other]) <= self._within_ms
        return soon and math.dist(self._at[one], self._at[other]) <= self._radius_m

    def _gathering(self, ones: list[int]) -> Gathering:
        members = [self._alerts[one] for one in ones]
        groups = {each.group_id for each in members if each.group_id is not None}
        joined = [each.id for each in members if each.group_id is None]
        return Gathering(tuple(sorted(groups)), tuple(sorted(joined)))

    def _find(self, one: int) -> int:
        leader = self._leader
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    def _join(self, one: int, other: int) -> None:
        one, other = self._find(one), self._find(other)
        self._leader[max(one, other)] = min(one, other)


def _around(
    cube: Cube, known: dict[Cube, list[int]] | dict[Cube, list[list[int]]], steps: list[Cube] = _AROUND
) -> list[Cube]:
    x, y, z = cube
    return [there for a, b, c in steps if (there := (x + a, y + b, z + c)) in known]


def _in_space(lon: float, lat: float) -> tuple[float, float, float]:
    """Metres from the middle of the earth. The straight line between places of a city is as long as the way there."""
    east, north = math.radians(lon), math.radians(lat)
    out = _EARTH_RADIUS_M * math.cos(north)
    return out * math.cos(east), out * math.sin(east), _EARTH_RADIUS_M * math.sin(north)
