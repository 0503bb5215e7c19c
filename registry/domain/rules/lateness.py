"""Around any kind of condition: readings wait, and are judged in the order in which they were measured.

A reading is judged when one came that is newer by the allowed lateness (or when time alone has passed it), so within
the lateness the order in which readings come does not matter. What is older than the last that was judged comes too
late and changes nothing. At most ``MOST_WAITING`` wait; then the oldest is judged early.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from registry.domain.rules.memory import WATCHING, Memory, Outcome, Verdict, Waiting

MOST_WAITING = 256

Reading = tuple[int, int, float]
Judge = Callable[[Memory | None, int, int, float], Outcome]


class InOrder(Protocol):
    """A guard behind the wait."""

    def judge_in_order(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        """A reading whose turn it is."""

    def tick_in_order(self, memory: Memory, now_ms: int, grace_ms: int) -> Outcome:
        """Time alone, when no reading waits."""

    def due_in_order_ms(self, memory: Memory) -> int | None:
        """When time alone may change something, when no reading waits."""


def evaluate(lateness_ms: int, judge: Judge, memory: Memory | None, reading: Reading) -> Outcome:
    """Let ``reading`` wait its turn, and judge those whose turn has come."""
    waiting = None if memory is None else memory.waiting
    queue = [] if waiting is None else list(waiting.readings)
    judged_ms = 0 if waiting is None else waiting.judged_ms
    at_ms, point_id, _ = reading
    place = bisect_left(queue, (at_ms, point_id), key=_when_and_where)
    known = place < len(queue) and _when_and_where(queue[place]) == (at_ms, point_id)
    if known or at_ms <= judged_ms:
        return memory, ()
    queue.insert(place, reading)
    judged_ms = max(judged_ms, queue[-1][0] - lateness_ms)
    if len(queue) > MOST_WAITING:
        judged_ms = max(judged_ms, queue[-MOST_WAITING - 1][0])
    return _let_through(judge, memory, queue, judged_ms)


def tick(lateness_ms: int, guard: InOrder, memory: Memory, now_ms: int, grace_ms: int) -> Outcome:
    """What time alone changes: when nothing newer came for the lateness, all that waits is judged."""
    waiting = memory.waiting
    if waiting is None or not waiting.readings:
        after, verdicts = guard.tick_in_order(_inner(memory) or memory, now_ms, grace_ms)
        return _outer(after, waiting or Waiting((), 0)) if verdicts else memory, verdicts
    newest = waiting.readings[-1][0]
    if now_ms - newest < lateness_ms + grace_ms:
        return memory, ()
    return _let_through(guard.judge_in_order, memory, list(waiting.readings), newest)


def due_ms(lateness_ms: int, guard: InOrder, memory: Memory) -> int | None:
    """When time alone may change something."""
    waiting = memory.waiting
    if waiting is not None and waiting.readings:
        return waiting.readings[-1][0] + lateness_ms
    inner = _inner(memory)
    return None if inner is None else guard.due_in_order_ms(inner)


def _let_through(judge: Judge, memory: Memory | None, queue: list[Reading], judged_ms: int) -> Outcome:
    inner = _inner(memory)
    verdicts: tuple[Verdict, ...] = ()
    turn = 0
    while turn < len(queue) and queue[turn][0] <= judged_ms:
        at_ms, point_id, value = queue[turn]
        inner, said = judge(inner, point_id, at_ms, value)
        verdicts += said
        turn += 1
    return _outer(inner, Waiting(tuple(queue[turn:]), judged_ms)), verdicts


def _inner(memory: Memory | None) -> Memory | None:
    """What the condition and its holding remember; None where only readings wait."""
    if memory is None or (memory.samples == 0 and memory.held is None):
        return None
    return memory


def _outer(inner: Memory | None, waiting: Waiting) -> Memory:
    if inner is None:
        return Memory(WATCHING, 0, 0, 0.0, samples=0, waiting=waiting)
    return replace(inner, waiting=waiting)


def _when_and_where(reading: Reading) -> tuple[int, int]:
    return reading[:2]
