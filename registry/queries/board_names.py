"""What the parts of a count are called, and in which order they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from registry.domain.boards import Counted, SplitBy
from registry.domain.kinds import Stage
from registry.queries.board_values import Asked, Said, Word
from registry.storage.tables import area, rule, unit

_STAGES = {stage.value: at for at, stage in enumerate(Stage)}
_LATE = {0: "board.in_time", 1: "board.late"}
_WORDS = {
    SplitBy.STAGE: "stage",
    SplitBy.KIND: "kind",
    SplitBy.SEVERITY: "severity",
    SplitBy.CHANNEL: "source",
    SplitBy.FAMILY: "family",
    SplitBy.REASON: "reject",
}
_STATE_WORDS = {
    Counted.ALERTS: "alert_state",
    Counted.ASSETS: "state",
    Counted.DEVICES: "board.state",
    Counted.CABINETS: "board.state",
    Counted.PERMITS: "board.permit",
    Counted.SCANS: "board.scan",
}


class Namer:
    """The names of one count's parts; looks into the database for those that the city gave."""

    def __init__(self, tx: Connection, what: Counted, by: SplitBy | None, asked: Asked) -> None:
        self._tx = tx
        self._what = what
        self._by = by
        self._asked = asked
        self._kinds: dict[str, str] | None = None

    def keys(self, given: Iterable[Any]) -> dict[Any, Any]:
        """What each value of the split counts as: alerts are told apart by rules, and those raise kinds of cases."""
        if self._by is SplitBy.KIND and self._what is Counted.ALERTS:
            return {key: self._kind_of(str(key)) for key in given}
        return {key: "" if key is None and self._by is not SplitBy.UNIT else key for key in given}

    def folded(self, groups: Mapping[Any, int]) -> dict[Any, int]:
        """The groups under what they count as."""
        found: dict[Any, int] = {}
        for key, as_key in self.keys(groups).items():
            found[as_key] = found.get(as_key, 0) + groups[key]
        return found

    def order(self, groups: Mapping[Any, int]) -> list[Any]:
        """Stages as they follow one another, the worst first; anything else the most first."""
        if self._by is SplitBy.STAGE:
            return sorted(groups, key=lambda key: _STAGES.get(key, len(_STAGES)))
        if self._by in (SplitBy.SEVERITY, SplitBy.LATE):
            return sorted(groups, reverse=True)
        return sorted(groups, key=lambda key: (-groups[key], str(key)))

    def names(self, keys: Sequence[Any]) -> dict[Any, Said]:
        """What each of them is called."""
        if self._by is SplitBy.UNIT:
            found = self._tx.execute(select(unit).where(unit.c.id.in_([key for key in keys if key])))
            known: dict[Any, Said] = {row.id: self._asked.named(row.name, row.name_en) for row in found}
            return {key: known.get(key, Word("board.nobody")) for key in keys}
        if self._by is SplitBy.AREA:
            rows = self._tx.execute(select(area.c.code, area.c.name, area.c.name_en).where(area.c.code.in_(keys)))
            named = {row.code: self._asked.named(row.name, row.name_en) for row in rows}
            return {key: named.get(key) or key or Word("board.no_area") for key in keys}
        return {key: self._word(key) for key in keys}

    def _word(self, key: Any) -> Said:
        if key in (None, ""):
            return Word("board.none") if self._by is not None else ""
        if self._by is SplitBy.STATE:
            return Word(f"{_STATE_WORDS[self._what]}.{key}")
        if self._by is SplitBy.LATE:
            return Word(_LATE[int(key)])
        prefix = None if self._by is None else _WORDS.get(self._by)
        return str(key) if prefix is None else Word(f"{prefix}.{key}")

    def _kind_of(self, rule_key: str) -> str:
        if self._kinds is None:
            newest_last = select(rule.c.key, rule.c.case_kind).order_by(rule.c.version)
            self._kinds = {row.key: row.case_kind or "" for row in self._tx.execute(newest_last)}
        return self._kinds.get(rule_key, "")
