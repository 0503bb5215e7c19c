"""Whatever is put, confirmed, dropped or started anew: order holds, and nothing unconfirmed and undropped is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.senml import Reading, compose_pack, decode
from gateway.settings import SpoolSettings
from gateway.spool import LANES, Spool

MAX_BYTES = 2500
lanes = st.sampled_from(LANES)


class SpoolMachine(RuleBasedStateMachine):
    """A spool beside the simplest model of it: per lane, a list of (seq, number)."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.settings = SpoolSettings(path=str(Path(self.folder.name) / "spool.db"), max_bytes=MAX_BYTES)
        self.waiting: dict[str, list[tuple[int, int]]] = {lane: [] for lane in LANES}
        self.last = dict.fromkeys(LANES, 0)
        self.confirmed = dict.fromkeys(LANES, 0)
        self.dropped = 0
        self.number = 0
        self.spool = Spool(self.settings).__enter__()
        self.epoch = self.spool.epoch

    @rule(lane=lanes, points=st.integers(1, 12))
    def put(self, lane: Any, points: int) -> None:
        self.number += 1
        readings = [
            Reading(serial="CV-1", point=f"p{point}", unit="1", measured_ms=self.number, value=self.number)
            for point in range(points)
        ]
        self.last[lane] += 1
        assert self.spool.put({lane: readings}) == {lane: self.last[lane]}
        self.waiting[lane].append((self.last[lane], self.number))

    @rule(lane=lanes, share=st.floats(0, 1))
    def confirm(self, lane: Any, share: float) -> None:
        seq = round(share * self.last[lane])
        self.spool.confirm(lane, seq)
        self.confirmed[lane] = max(self.confirmed[lane], seq)
        self.waiting[lane] = [pack for pack in self.waiting[lane] if pack[0] > seq]

    @rule()
    def start_anew(self) -> None:
        self.spool.__exit__(None, None, None)
        self.spool = Spool(self.settings).__enter__()

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "spool"):
            return
        status = self.spool.status()
        assert self.spool.epoch == self.epoch
        for lane in LANES:
            found = []
            before = self.confirmed[lane]
            for pack in self.spool.take(lane, 0, 10_000):
                body = compose_pack(
                    pack.records,
                    count=pack.readings,
                    cabinet="c",
                    epoch="e",
                    seq=pack.seq,
                    after=pack.after,
                    wire="json",
                )
                decoded = decode(body)
                assert len(decoded.readings) == pack.readings
                assert pack.after == before
                before = pack.seq
                found.append((pack.seq, int(decoded.readings[0][4])))
            # Only the oldest may be missing, and only by the bound.
            assert found == self.waiting[lane][len(self.waiting[lane]) - len(found) :]
            if len(found) < len(self.waiting[lane]):
                assert status.dropped > self.dropped
                assert lane == "routine" or self.spool.take("routine", 0, 1) == []
            self.waiting[lane] = found
            assert self.spool.last_seq(lane) == self.last[lane]
            assert self.spool.confirmed(lane) == self.confirmed[lane]
        self.dropped = status.dropped
        assert status.packs == sum(len(packs) for packs in self.waiting.values())

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.__exit__(None, None, None)
            self.folder.cleanup()


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
