"""The truth file: what the units answered and what befell them, one JSON object a line, appended.

It is the yardstick the whole product is measured with, so a line is written only when it is known to be true: see
``firmware_sim.bus`` for when an answer counts as settled and when it stays in doubt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from firmware_sim.registers import Value

FLUSH_EVERY_S = 0.25
# A killed simulator may have answered more than it wrote down; its counters go on beyond anything it can have used.
RESUME_GAP = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One undamaged answer: Unix time it was sent at, who gave it, the unit's sample count, the values it carried."""

    at: float
    bus: str
    address: int
    serial: str
    n: int
    values: dict[str, Value]


@dataclass(slots=True)
class Truth:
    """Appends to the truth file. Opened by ``with``; ``flush_if_due`` is called by the loop that owns it."""

    path: Path
    answers: int = 0
    in_doubt: int = 0
    _out: IO[str] | None = None
    _flushed_s: float = 0.0

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = _ends_torn(self.path)
        self._out = self.path.open("a", encoding="utf-8", buffering=1 << 16)
        if torn:
            self._out.write("\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def settle(self, answer: Answer, *, doubtful: bool) -> None:
        """Write an answer as given, or as in doubt."""
        self.in_doubt += doubtful
        self.answers += not doubtful
        self._write(
            {
                "in_doubt" if doubtful else "answer": {
                    "at": round(answer.at, 6),
                    "bus": answer.bus,
                    "address": answer.address,
                    "serial": answer.serial,
                    "n": answer.n,
                    "values": answer.values,
                }
            }
        )

    def event(
        self, *, at: float, kind: str, targets: Sequence[str], phase: Literal["start", "end"], index: int
    ) -> None:
        """Write that an event of the scenario began or ended at the Unix time ``at``."""
        body = {"at": round(at, 6), "kind": kind, "targets": list(targets), "phase": phase, "id": index}
        self._write({"event": body})

    def flush_if_due(self, now_s: float) -> None:
        """Hand what was written to the system, at most four times a second (``now_s``: monotonic seconds)."""
        if self._out is not None and now_s - self._flushed_s >= FLUSH_EVERY_S:
            self._out.flush()
            self._flushed_s = now_s

    def _write(self, line: dict[str, object]) -> None:
        if self._out is None:
            raise ValueError("the truth file is not open: use `with Truth(path) as truth`")
        self._out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _ends_torn(path: Path) -> bool:
    """Whether a simulator that was killed left half a line at the end."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def resumed_counts(path: Path) -> dict[str, int]:
    """Where each serial's sample count goes on after an earlier run that wrote to the same file: no number twice."""
    counts: dict[str, int] = {}
    if not path.exists():
        return counts
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the half line of a simulator that was killed
            if not isinstance(entry, dict):
                continue
            answer = entry.get("answer") or entry.get("in_doubt")
            if answer:
                counts[answer["serial"]] = max(counts.get(answer["serial"], 0), answer["n"] + RESUME_GAP)
    return counts
