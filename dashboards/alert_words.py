"""What an alert says: the rule that fired it in the words of ``dashboards.rule_words``, by the version of its time."""

from __future__ import annotations

from dashboards.rule_words import clears, fires
from dashboards.site import t
from registry.domain.rules import Rule
from registry.queries.alerts import AlertRow
from registry.shapes import shaped


def fired_because(alert: AlertRow) -> str:
    """What the rule looks for, as a sentence."""
    rule = rule_of(alert)
    return t("why.unknown") if rule is None else fires(rule) + t("why.stop")


def clears_when(alert: AlertRow) -> str:
    """What ends the alert, as a sentence."""
    rule = rule_of(alert)
    return "" if rule is None else clears(rule) + t("why.stop")


def rule_of(alert: AlertRow) -> Rule | None:
    """The rule as far as an alert's row tells of it; None where the version that fired it is not on file."""
    if not alert.condition:
        return None
    told = {
        "key": alert.rule_key,
        "version": alert.rule_version,
        "family": None,
        "point": alert.point or None,
        "severity": int(alert.severity),
        "case_kind": None,
        "condition": alert.condition,
    }
    return shaped(told, Rule)
