"""Rules as YAML text and back: one file for a whole city's rules, with the line of every problem. Pure.

The names are those of ``registry.domain.rules.rule``; what has its usual value may be left out. For people: severities
are words, parts of the week are ``from: "22:00"``, ``until: "06:00"``, ``days: [mon, tue]``, and ``watches`` may name
``tags`` (plates' tokens or component codes), which the service turns into assets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec
import yaml

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity
from registry.domain.rules.check import Known, check_rule
from registry.domain.rules.plain import read_rule_plain
from registry.domain.rules.rule import Rule

MOST_BYTES = 2_000_000
MOST_RULES = 2_000
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_SEVERITIES = {level.name.lower(): level.value for level in Severity}
HEAD = (
    "# CoverCode rules. covercode rules check FILE finds mistakes, covercode rules diff FILE shows what would change.\n"
)


class FileRule(NamedTuple):
    """One rule of a file, the ``tags`` it watches beside its assets, and on which line each of its fields stands."""

    rule: Rule
    tags: tuple[str, ...]
    lines: Mapping[str, int]

    def line(self, field: str) -> int:
        """The line of ``field``, or of the nearest thing around it that is written down."""
        return _line(self.lines, field)


class FileProblem(NamedTuple):
    """Something wrong in a file: on which line (from 1), of which rule ("" for the file itself)."""

    line: int
    key: str
    error: InvalidInput


def read_rules(text: str) -> tuple[list[FileRule], list[FileProblem]]:
    """The rules of a file, as far as they can be read, and every problem. Nothing is checked against a city."""
    if len(text.encode()) > MOST_BYTES:
        return _none(InvalidInput("file", "is larger than {most:g} MB; is it a file of rules?", most=MOST_BYTES / 1e6))
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = f"{error.context}: {error.problem}" if error.context and error.problem else str(error.problem)
        return _none(InvalidInput("file", "is no YAML: {why}", why=why), mark.line + 1 if mark else 1)
    except (yaml.YAMLError, RecursionError) as error:
        return _none(InvalidInput("file", "is no YAML: {why}", why=str(error).splitlines()[0][:200]))
    reading = _Reading()
    plain = None if root is None else reading.plain(root, "")
    listed = plain.get("rules") if isinstance(plain, dict) and len(plain) == 1 else None
    if not isinstance(listed, list):
        return _none(InvalidInput("file", "must hold one list of rules, under the name rules"))
    if len(listed) > MOST_RULES:
        count = len(listed)
        return _none(
            InvalidInput("file", "{count} rules are too many; at most {most} fit", count=count, most=MOST_RULES)
        )
    found, problems = _each(listed, reading.lines)
    return found, sorted((*reading.problems, *problems), key=lambda problem: problem.line)


def check_rules(found: Iterable[FileRule], known: Known | None = None) -> list[FileProblem]:
    """What is wrong with the rules that could be read, in the order of the lines."""
    problems = [
        FileProblem(each.line(error.field), each.rule.key, error)
        for each in found
        for error in check_rule(each.rule, known)
    ]
    return sorted(problems, key=lambda problem: problem.line)


def write_rules(rules: Sequence[tuple[Rule, Sequence[str]]]) -> str:
    """Rules (each with the tags that stand for its assets; none: the assets' numbers are written) as YAML text."""
    body = yaml.dump(
        {"rules": [rule_for_file(rule, tags) for rule, tags in rules]},
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=110,
        default_flow_style=False,
    )
    return HEAD + body


def rule_for_file(rule: Rule, tags: Sequence[str] = ()) -> dict[str, Any]:
    """The rule as its file shows it: without its version and without what has its usual value."""
    plain = _sparse(rule)
    plain.pop("version", None)
    kept: dict[str, Any] = {}
    order = ("key", "name_zh", "name_en", "enabled", "family", "point", "watches", "condition", "severity", "ladder")
    for name in (*order, *(name for name in Rule.__struct_fields__ if name not in order)):
        if name in plain:
            kept[name] = plain[name]
    kept["severity"] = rule.severity.name.lower()
    for step, given in zip(rule.ladder, kept.get("ladder", ()), strict=False):
        given["severity"] = step.severity.name.lower()
    if rule.grouping is not None and "alone_from" in kept.get("grouping", {}):
        kept["grouping"]["alone_from"] = rule.grouping.alone_from.name.lower()
    if rule.hours:
        kept["hours"] = [
            {
                "days": [DAYS[day - 1] for day in each.days],
                "from": _clock(each.from_min),
                "until": _clock(each.until_min),
            }
            for each in rule.hours
        ]
    if tags and rule.watches.assets:
        watches = {name: value for name, value in kept["watches"].items() if name != "assets"}
        kept["watches"] = {**watches, "tags": list(tags)}
    return kept


def _sparse(value: msgspec.Struct) -> dict[str, Any]:
    """A Struct without the fields that have their usual value; its kind, if it is one of several, first."""
    tag = value.__struct_config__.tag
    found: dict[str, Any] = {} if tag is None else {"type": tag}
    for each in msgspec.structs.fields(type(value)):
        given = getattr(value, each.name)
        usual = each.default if each.default is not msgspec.NODEFAULT else None
        if each.default_factory is not msgspec.NODEFAULT:
            usual = each.default_factory()
        # a required field is always written; None that is not usual says "none of it"
        if not each.required and given == usual:
            continue
        found[each.name] = _written(given)
    return found


def _written(given: Any) -> Any:
    if isinstance(given, msgspec.Struct):
        return _sparse(given)
    if isinstance(given, list | tuple):
        return [_written(each) for each in given]
    if isinstance(given, dict):
        return {name: _written(each) for name, each in given.items()}
    if isinstance(given, float) and given.is_integer() and abs(given) < 2**53:
        return int(given)
    return msgspec.to_builtins(given)


def _each(listed: list[Any], lines: Mapping[str, int]) -> tuple[list[FileRule], list[FileProblem]]:
    found: list[FileRule] = []
    problems: list[FileProblem] = []
    seen: dict[str, int] = {}
    for place, plain in enumerate(listed):
        start = f"rules[{place}]"
        own = {path[len(start) :].lstrip("."): line for path, line in lines.items() if _within(path, start)}
        key = str(plain.get("key", "")) if isinstance(plain, dict) else ""
        rule, tags, wrong = _one(plain)
        problems += [FileProblem(_line(own, error.field), key, error) for error in wrong]
        if key and key in seen:
            twice = InvalidInput("key", "{given!r} stands twice, first on line {line}", given=key, line=seen[key])
            problems.append(FileProblem(_line(own, "key"), key, twice))
            continue
        seen[key] = _line(own, "key")
        if rule is not None:
            found.append(FileRule(rule, tags, own))
    return found, problems


def _one(plain: Any) -> tuple[Rule | None, tuple[str, ...], list[InvalidInput]]:
    if not isinstance(plain, dict):
        return None, (), [InvalidInput("rule", "must be a mapping of names to values")]
    wrong: list[InvalidInput] = []
    meant: dict[str, Any] = {"version": 0, "family": None, "point": None, "case_kind": None} | plain
    _severity(meant, "severity", "", wrong)
    if isinstance(meant.get("ladder"), list):
        meant["ladder"] = [dict(step) if isinstance(step, dict) else step for step in meant["ladder"]]
        for place, step in enumerate(meant["ladder"]):
            _severity(step, "severity", f"ladder[{place}].", wrong)
    if isinstance(meant.get("grouping"), dict):
        meant["grouping"] = dict(meant["grouping"])
        _severity(meant["grouping"], "alone_from", "grouping.", wrong)
    if isinstance(meant.get("hours"), list):
        meant["hours"] = [_hours(each, f"hours[{place}]", wrong) for place, each in enumerate(meant["hours"])]
    tags, meant["watches"] = _tags(meant.get("watches", {}), wrong)
    rule, unreadable = read_rule_plain(meant)
    wrong += unreadable
    return (None if wrong else rule), tags, wrong


def _tags(watches: Any, wrong: list[InvalidInput]) -> tuple[tuple[str, ...], Any]:
    if not isinstance(watches, dict) or "tags" not in watches:
        return (), watches
    tags = watches["tags"]
    if not isinstance(tags, list) or not all(isinstance(tag, str | int) for tag in tags):
        wrong.append(InvalidInput("watches.tags", "must be a list of plates' tokens or component codes"))
        tags = []
    return tuple(str(tag) for tag in tags), {name: value for name, value in watches.items() if name != "tags"}


def _severity(plain: Any, name: str, at: str, wrong: list[InvalidInput]) -> None:
    """Put the number for the word of a severity."""
    if not isinstance(plain, dict) or name not in plain:
        return
    given = plain[name]
    found = _SEVERITIES.get(given) if isinstance(given, str) else given
    if found not in _SEVERITIES.values() or isinstance(found, bool):
        known = ", ".join(_SEVERITIES)
        wrong.append(
            InvalidInput(
                f"{at}{name}", "{given!r} is no severity; known are {known}", given=str(given)[:40], known=known
            )
        )
        found = Severity.NOTICE.value
    plain[name] = found


def _hours(given: Any, at: str, wrong: list[InvalidInput]) -> Any:
    if not isinstance(given, dict):
        return given
    meant = dict(given)
    for word, field in (("from", "from_min"), ("until", "until_min")):
        if word in meant:
            meant[field] = _minutes(meant.pop(word), f"{at}.{word}", wrong)
    days = meant.get("days")
    if isinstance(days, list):
        meant["days"] = [DAYS.index(day) + 1 if isinstance(day, str) and day in DAYS else day for day in days]
    return meant


def _minutes(given: Any, at: str, wrong: list[InvalidInput]) -> int:
    # 22:00 without quotes is a number of base 60 in YAML 1.1: the same minutes
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 1440:
        return given
    clock = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    minutes = int(clock[1]) * 60 + int(clock[2]) if clock else -1
    if not 0 <= minutes <= 1440:
        wrong.append(InvalidInput(at, "{given!r} must be a time of day: 22:00", given=str(given)[:20]))
        return 0
    return minutes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _line(lines: Mapping[str, int], field: str) -> int:
    path = field
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines[path]


def _within(path: str, start: str) -> bool:
    return path == start or path.startswith((f"{start}.", f"{start}["))


def _none(error: InvalidInput, line: int = 1) -> tuple[list[FileRule], list[FileProblem]]:
    """No rules at all, and why."""
    return [], [FileProblem(line, "", error)]


class _Reading:
    """A YAML tree as plain values; notes on which line each path begins, and names that stand twice in one mapping."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.problems: list[FileProblem] = []
        self._values = yaml.constructor.SafeConstructor()

    def plain(self, node: yaml.Node, path: str) -> Any:
        """The value of ``node``, which stands at ``path``."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(each, f"{path}[{place}]") for place, each in enumerate(node.value)]
        try:
            return self._values.construct_object(node)
        except (yaml.YAMLError, ValueError):
            given = str(node.value)[:60]
            self._note(node, InvalidInput("file", "{given!r} can't be read; put it into quotes", given=given))
            return None

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self._note(name_node, InvalidInput("file", "{given!r} is no name", given="?"))
                continue
            name = str(name_node.value)
            inner = f"{path}.{name}" if path else name
            if name in found:
                self._note(name_node, InvalidInput("file", "{given!r} stands twice; keep one", given=name[:60]))
            self.lines[inner] = name_node.start_mark.line + 1
            found[name] = self.plain(value_node, inner)
        return found

    def _note(self, node: yaml.Node, error: InvalidInput) -> None:
        self.problems.append(FileProblem(node.start_mark.line + 1, "", error))


class _Loader(yaml.SafeLoader):
    """YAML without anchors: a file that unfolds into millions of copies of itself is no file of rules."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "anchors (&, *) are not used in files of rules", mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Short lists of plain values on one line, and lists indented below their name."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Text of several lines as it reads."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        short = all(isinstance(each, str | int | float) for each in sequence)
        return super().represent_sequence(tag, sequence, flow_style=short or flow_style)

    yaml_representers: ClassVar[dict[type[Any], Any]] = {**yaml.SafeDumper.yaml_representers, str: represent_text}
