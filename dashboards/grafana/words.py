"""The pages' words, as far as Grafana's boards need them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dashboards.texts import Texts, load_catalogues


class Words:
    """One language of the catalogues; a missing word raises ``dashboards.texts.MissingWord``."""

    def __init__(self, texts: Texts, lang: str) -> None:
        self._texts = texts
        self.lang = lang

    def t(self, key: str, **args: object) -> str:
        """The words for ``key``."""
        return self._texts.t(self.lang, key, **args)

    def group(self, prefix: str) -> dict[str, str]:
        """``{key: word}`` of all keys ``prefix.key`` without another point."""
        start = f"{prefix}."
        return {
            key.removeprefix(start): word
            for key, word in self._texts.catalogues[self.lang].items()
            if key.startswith(start) and "." not in key.removeprefix(start)
        }

    def said(self, what: str, by: str) -> Mapping[str, str]:
        """The words of what ``what`` is split by; none where the database's own words are shown."""
        match by:
            case "stage" | "severity" | "family" | "gap" | "doubt":
                return self.group(by)
            case "kind":
                return self.group("kind") if what == "cases" else {}
            case "channel":
                return self.group("source")
            case "reason":
                return self.group("reject")
            case "late":
                return {"true": self.t("grafana.late"), "false": self.t("grafana.in_time")}
            case "state":
                return self._states(what)
        return {}

    def _states(self, what: str) -> Mapping[str, str]:
        match what:
            case "alerts":
                return self.group("alert_state")
            case "assets":
                return self.group("state")
            case "devices":
                return {state: self.t(f"grafana.{state}") for state in ("heard", "silent", "suspect")}
            case "cabinets":
                return {state: self.t(f"grafana.{state}") for state in ("online", "offline")}
            case "permits":
                return self.group("grafana.permit")
            case "scans":
                return {state: self.t(f"grafana.{state}") for state in ("flagged", "fine")}
        return {}


def words_of(lang: str) -> Words:
    """The words of ``lang`` (zh or en)."""
    folder = Path(__file__).parents[1] / "words"
    return Words(Texts(load_catalogues(folder), strict=True), lang)
