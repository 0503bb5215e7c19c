"""The worker's part that sends notices: each channel in a thread of its own, so that a dead one delays nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Engine

from registry.domain.errors import StoreDown
from registry.notices.prometheus import AGAIN_EVERY
from registry.notices.texts import Place
from registry.services.notice_planning import plan_notices
from registry.services.notice_sending import alertmanagers, due_channels, keep_firing, send_due, settle

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
SETTLE_EVERY_S = 30.0

Clock = Callable[[], datetime]


def plan_all(engine: Engine, *, place: Place, clock: Clock, ends: Callable[[], bool]) -> None:
    """Plan until nothing is left to plan."""
    while not ends():
        done = plan_notices(engine, place=place, now=clock())
        if done.notices or done.digests or done.unmuted:
            log.info("notices_planned", notices=done.notices, digests=done.digests, unmuted=done.unmuted)
        if not done.more:
            return


class NoticePost:
    """Sends what is due until it is told to end. One thread a channel, each with one notice at a time."""

    def __init__(self, engine: Engine, place: Place, *, clock: Clock) -> None:
        self._engine = engine
        self._place = place
        self._clock = clock
        self._threads: dict[int, threading.Thread] = {}
        self._kept_at: dict[int, datetime] = {}
        self._settled_at: datetime | None = None

    def run(self, ends: Callable[[], bool]) -> None:
        """The worker's long job. What is being sent when it ends is sent to its end."""
        pause = threading.Event()
        try:
            while not ends():
                self._look(ends)
                pause.wait(LOOK_EVERY_S)
        finally:
            for thread in self._threads.values():
                thread.join()

    def _look(self, ends: Callable[[], bool]) -> None:
        now = self._clock()
        if self._settled_at is None or (now - self._settled_at).total_seconds() >= SETTLE_EVERY_S:
            settle(self._engine, now=now)
            self._settled_at = now
        due = set(due_channels(self._engine, now=now))
        due |= {each for each in alertmanagers(self._engine) if self._is_to_keep(each, now)}
        for channel_id in due:
            thread = self._threads.get(channel_id)
            if thread is None or not thread.is_alive():
                name = f"notices-{channel_id}"
                thread = threading.Thread(target=self._work, args=(channel_id, ends), name=name, daemon=True)
                self._threads[channel_id] = thread
                thread.start()

    def _is_to_keep(self, channel_id: int, now: datetime) -> bool:
        kept = self._kept_at.get(channel_id)
        return kept is None or now - kept >= AGAIN_EVERY

    def _work(self, channel_id: int, ends: Callable[[], bool]) -> None:
        try:
            send_due(self._engine, channel_id, place=self._place, clock=self._clock, ends=ends)
            now = self._clock()
            if self._is_to_keep(channel_id, now):
                self._kept_at[channel_id] = now
                if channel_id in alertmanagers(self._engine):
                    keep_firing(self._engine, channel_id, place=self._place, clock=self._clock)
        except StoreDown as error:
            log.warning("notices_store_down", channel_id=channel_id, error=str(error))
        except Exception:  # the job runner of this thread: one channel's mistake may not end the others
            log.exception("notices_failed", channel_id=channel_id)
