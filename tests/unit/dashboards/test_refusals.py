"""Refusals in the visitor's language: every sentence and every field that the source can refuse has its Chinese words.

The source itself is walked for them (``InvalidInput(field, words, …)``): a new refusal without words fails here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from string import Formatter

import pytest

from dashboards.kept_sentences import KeptSentences
from dashboards.refusals import load_refusals, tell
from dashboards.texts import load_catalogues
from registry.domain.areas import REMARKS, explain_area_code
from registry.domain.asset_facts import FACTS
from registry.domain.board_check import CONDITIONS
from registry.domain.boards import Counted
from registry.domain.errors import InvalidInput
from registry.domain.link_test import ZEROED
from registry.domain.points import POINTS
from registry.domain.rules.numbers import NUMBERS
from registry.queries.imports import fault_sentences

ROOT = Path(__file__).parents[3]
WORDS = ROOT / "dashboards" / "words"

# Where the field is not written out at the place of the refusal: every field that it can be there.
FIELDS_FROM_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "registry/domain/areas.py": ("code", "area_code", "cells"),
    "registry/domain/asset_facts.py": (*FACTS, "installed_on", "warranty_until"),
    "registry/domain/board_check.py": (
        *(
            "key",
            "name.zh",
            "note.en",
            "time.from",
            "time.to",
            "refresh_s",
            "variables[0].name",
            "variables[0].default",
        ),
        *("panels", "panels[1].id", "panels[1].y", "panels[1].w", "panels[1].h", "panels[1].title.en"),
        *(f"panels[1].options.{name}" for name in ("decimals", "max", "thresholds", "limit", "href", "text.zh")),
        *(f"panels[1].source.{name}" for name in ("of", "what", "limit", "point", "points", "most", "by", "over")),
        *(f"panels[1].source.{name}" for name in ("of_assets", "of_devices", "of_family", "of_class")),
        *(f"panels[1].source.where.{name}" for name in sorted(frozenset().union(*CONDITIONS.values()))),
    ),
    "registry/domain/boards.py": ("board",),
    "registry/queries/board_series.py": tuple(f"where.{name}" for name in CONDITIONS[Counted.READINGS]),
    "registry/queries/board_things.py": ("where.stage",),
    "registry/queries/board_values.py": ("where.asset", "where.device"),
    "registry/domain/case_standard.py": ("secure", "repair", "name_zh", "name_en", "filing_zh", "source"),
    "registry/domain/external_events.py": ("startsAt", "endsAt"),
    "registry/domain/schemes.py": ("rows", "groups"),
    "registry/domain/seasons.py": ("starts", "ends"),
    "registry/domain/rules/check.py": (
        *("watches.classes[2]", "watches.assets[2]", "watches.devices[2]", "ladder[1].severity", "ladder[1].fire"),
        *("ladder[1].clear", "hours[2].days", "hours[2].until_min", "name_en", "reason_zh", "reason_en"),
    ),
    "registry/domain/rules/check_condition.py": (
        *(f"condition.{spec.name}" for specs in NUMBERS.values() for spec in specs),
        *("condition.parts[1].point", "condition.axes[1]", "condition.of_full_scale", "condition.magnitude"),
        *("grouping.at_least", "grouping.radius_m", "flapping.fires", "flapping.quiet_s", "lateness_s", "point"),
    ),
    "registry/domain/rules/files.py": ("severity", "ladder[1].severity", "grouping.alone_from", "hours[1].from"),
    "registry/domain/rules/plain.py": ("rule", "watches.area", "condition.parts[1].above", "condition.type"),
    "registry/services/rule_edits.py": (),
    "registry/services/rule_places.py": ("watches.tags[1]",),
    "registry/labels/logo.py": ("logo", "image"),
    "registry/labels/template.py": ("template",),
    "registry/labels/template_check.py": (
        *("name_zh", "name_en", "width_mm", "height_mm", "ground", "colour", "fill", "stroke"),
        *("holes[2].diameter_mm", "holes[2].x_mm", "elements[2].x_mm", "elements[2].colour"),
    ),
    "registry/services/areas.py": ("name", "name_en", "grade"),
    "registry/services/asset_values.py": (
        *("name", "road", "address", "material", "size", "supervisor_id", "owner_id", "maintainer_id"),
    ),
    "registry/services/class_import.py": ("name_zh", "name_en"),
    "registry/services/classes.py": ("name_zh", "name_en"),
    "registry/services/command_replies.py": ZEROED,
    "registry/services/devices.py": tuple(POINTS),
    "registry/services/permits.py": ("work", "note"),
    "registry/domain/aftercare.py": ("recheck_days", "recheck_times", "inspect_days", "inspect_most", "repeat_m"),
    "registry/domain/supervision.py": (
        "note",
        "problem",
        "place",
        "demand",
        "title",
        "issuer",
        "why",
        "cause",
        "lesson",
    ),
    "dashboards/supervision_forms.py": ("version", "unit_id", "item_ids", "deadline_at", "reply_by"),
    "registry/services/mobile_resources.py": (
        *("positions[1].number", "positions[1].at", "positions[1].lon", "positions[1].lat"),
    ),
    "registry/services/posts.py": ("name", "a_name", "a_phone", "b_name", "b_phone", "a_user_id", "b_user_id"),
    "registry/tabular/rows.py": ("class", "division", "depth", "installed_on", "owner", "state", "accuracy"),
    "registry/tabular/settings.py": ("format", "crs", "depth_unit", "duplicates", "details"),
    "dashboards/asset_forms.py": ("lon", "lat", *POINTS),
    "dashboards/forms.py": (),  # the names of its callers: FORM_READERS
    "dashboards/open311/reading.py": (),  # parameters of a protocol, told by their own names
    "dashboards/pages/intake.py": ("version", "similar_m", "per_address_day"),
    "registry/domain/public_rules.py": (
        *("similar_m", "similar_h", "per_address_day", "per_contact_day", "same_photo_days"),
        *("per_person_month_fen", "per_month_fen"),
    ),
    "registry/services/report_limits.py": ("text", "contact"),
    "dashboards/pages/import_forms.py": ("far_km", "duplicates_m"),
    "dashboards/pages/tags.py": ("lon", "lat", "accuracy_m"),
    "dashboards/notice_forms.py": ("quiet_from", "quiet_until", "digest_at", "hours_from", "hours_until"),
    "dashboards/standard_forms.py": ("secure", "repair"),
    "dashboards/pages/work_calendar.py": ("day", "valid_from"),
    "dashboards/people_forms.py": ("since", "until"),
    "dashboards/quiet_forms.py": ("people", "minutes", "starts_at", "ends_at"),
    "dashboards/rule_forms.py": ("condition.hold_s", "flapping.fires", "grouping.radius_m", "ladder[1].hold_s"),
    "dashboards/campaign_forms.py": (
        *("from_min", "until_min", "day", "first", "last", "starts_on", "ends_on", "due_on", "received_on", "unit_id"),
        "shift_id",
    ),
    "registry/services/campaigns.py": ("name", "leader", "purpose", "measured", "case_kind", "result", "note"),
    "registry/services/consultations.py": ("subject", "place", "chair", "minutes"),
    "registry/services/mandate_files.py": ("number", "subject", "place", "unit", "owner", "code"),
    "registry/services/mandates.py": ("name", "issued_by"),
    "registry/services/patrols.py": ("name", "theme", "note", "weekly", "season_weekly"),
    "registry/services/work_calendar.py": ("day", "valid_from"),
    "registry/services/shifts.py": ("from_min", "until_min", "name", "phone"),
    "dashboards/place_forms.py": ("a_away_from", "a_away_until"),
}
# Where the sentence is not written out: it comes from a table that has both languages (or is such a refusal again).
SENTENCES_FROM_ELSEWHERE = {
    "registry/domain/errors.py": "the refusal itself, at another field",
    "registry/domain/areas.py": "REMARKS",
    "registry/domain/asset_facts.py": "with a unit, or without",
    "registry/services/rule_edits.py": "the first of many refusals again",
}
# What reads one field of a form, the field's name being its second argument.
FORM_READERS = frozenset({"text", "optional_text", "optional_int", "optional_float", "whole_number", "choice", "flag"})
# Sentences that are a value of another one.
INNER = {
    *("the top level must be an object of type FeatureCollection", "a colon is missing"),
    *("its member 'features' must be a list", "its list of features is not closed"),
    "it ends too early; was the export interrupted?",
    *("the labels of one sheet", "this template is not printed on sheets"),
    *("{given} must be between {low} and {high} {unit}", "{given} must be between {low} and {high}"),
    *("no points", "pieces", "cover", "light"),
}


@dataclass(frozen=True)
class Site:
    """One ``InvalidInput(…)`` of the source: what is written out there, and the names of its values."""

    path: str
    line: int
    fields: tuple[str, ...] | None
    sentences: tuple[str, ...] | None
    translated: bool
    values: frozenset[str]


@pytest.fixture(scope="module")
def refusals() -> list[Site]:
    return [site for path in sources("registry", "dashboards") for site in sites_of(path)]


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    return load_refusals(WORDS)


def sources(*rooms: str) -> list[Path]:
    # neither what is built nor the modules of the front end
    deep = [ROOT / "registry" / "domain" / "rules"]
    folders = [folder for room in rooms for folder in (ROOT / room, *(ROOT / room).iterdir()) if folder.is_dir()]
    return [path for folder in (*folders, *deep) for path in sorted(folder.glob("*.py"))]


def sites_of(path: Path) -> Iterator[Site]:
    text = path.read_text(encoding="utf-8")
    if "InvalidInput" not in text:
        return  # most modules refuse nothing, and to take one apart takes a while
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "InvalidInput":
            field, words = node.args
            yield Site(
                path=path.relative_to(ROOT).as_posix(),
                line=node.lineno,
                fields=written_out(field),
                sentences=written_out(words),
                translated=isinstance(words, ast.Call) and ast.unparse(words.func) == "t",
                values=frozenset(each.arg for each in node.keywords if each.arg),
            )


def written_out(node: ast.expr) -> tuple[str, ...] | None:
    """The texts an expression can be, when they stand there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if isinstance(node, ast.IfExp):
        yes, no = written_out(node.body), written_out(node.orelse)
        return None if yes is None or no is None else yes + no
    return None


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def has_name(field: str, words: dict[str, str]) -> bool:
    def known(name: str) -> bool:
        return name in FACTS or any(
            start + name in words for start in ("field.", "designer.p.", "point.", "rule_field.")
        )

    parts = ["", *(part.partition("[")[0] for part in field.split("."))]
    return known(field) or all(known(f"{over}.{part}") or known(part) for over, part in pairwise(parts))


def test_every_refusal_has_a_chinese_sentence(refusals: list[Site], chinese: dict[str, str]) -> None:
    missing = [
        f"{site.path}:{site.line} {sentence}"
        for site in refusals
        for sentence in site.sentences or ()
        if sentence not in chinese
    ]

    assert missing == []


def test_a_sentence_that_is_not_written_out_is_known_to_have_both_languages(refusals: list[Site]) -> None:
    unknown = [
        f"{site.path}:{site.line}"
        for site in refusals
        if site.sentences is None and not site.translated and site.path not in SENTENCES_FROM_ELSEWHERE
    ]

    assert len(refusals) > 250
    assert unknown == []


def test_every_field_that_can_be_refused_has_a_name_in_both_languages(refusals: list[Site]) -> None:
    catalogues = load_catalogues(WORDS)
    pages = [site for site in refusals if not site.path.startswith("dashboards/api/")]
    unlisted = [
        f"{site.path}:{site.line}" for site in pages if site.fields is None and site.path not in FIELDS_FROM_ELSEWHERE
    ]
    found = {name for site in pages for name in site.fields or ()} | {
        name for names in FIELDS_FROM_ELSEWHERE.values() for name in names
    }
    found |= set(form_fields())

    assert [site for site in unlisted if not site.startswith("registry/domain/errors.py")] == []
    for words in catalogues.values():
        assert sorted(name for name in found - HEADERS if not has_name(name, words)) == []


# Names of a protocol, the same in every language.
HEADERS = {"Idempotency-Key"}


def form_fields() -> Iterator[str]:
    for path in sources("dashboards"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            name = node.args[1]
            if ast.unparse(node.func).split(".")[-1] in FORM_READERS and isinstance(name, ast.Constant):
                yield str(name.value)


def test_a_chinese_sentence_fills_in_only_what_the_refusal_gives(refusals: list[Site], chinese: dict[str, str]) -> None:
    wrong = [
        f"{site.path}:{site.line} {sorted(unknown)}"
        for site in refusals
        for sentence in site.sentences or ()
        if (unknown := (places(sentence) | places(chinese.get(sentence, ""))) - site.values) and site.values
    ]

    assert wrong == []


def test_every_chinese_sentence_is_used(refusals: list[Site], chinese: dict[str, str]) -> None:
    used = {sentence for site in refusals for sentence in site.sentences or ()} | INNER
    elsewhere = {words.en for words in REMARKS.values()} | set(fault_sentences())
    terms = {word for word in chinese if word.islower() and " " not in word}

    assert sorted(set(chinese) - used - elsewhere - terms) == []


def test_a_refusal_is_told_in_chinese_with_its_values(chinese: dict[str, str]) -> None:
    told = tell(InvalidInput("lon", "{given!r} must be a number", given="cover"), chinese)

    assert told == "“cover”须为数字"


def test_a_value_that_is_a_sentence_of_its_own_is_told_in_chinese_too(chinese: dict[str, str]) -> None:
    error = InvalidInput("family", "assets of the family {family} carry no sensors", family="cover")

    assert tell(error, chinese) == "井盖类部件不装传感器"


def test_a_remark_about_an_area_is_told_as_the_registry_tells_it(chinese: dict[str, str]) -> None:
    _, remarks = explain_area_code("32050")
    error = remarks[0].refusal("area_code")

    assert tell(error, chinese) == remarks[0].text("zh")
    assert error.problem == remarks[0].text("en")


def test_a_sentence_nobody_knows_is_told_in_english(chinese: dict[str, str]) -> None:
    assert tell(InvalidInput("file", "is odd: {why}", why="so"), chinese) == "is odd: so"


def test_a_refusal_keeps_braces_that_were_typed() -> None:
    error = InvalidInput("name", "{given!r} must be a number", given="{0} {x}")

    assert error.problem == "'{0} {x}' must be a number"
    assert error.at("lon").problem == error.problem
    assert str(error.at("lon")) == "lon: '{0} {x}' must be a number"


def test_a_refusal_kept_as_text_is_told_again_in_the_other_language():
    """Of a job that failed, only the text was kept; whatever the values, it says the same as the refusal did."""
    sentences = load_refusals(WORDS)
    kept = KeptSentences(sentences)
    differing = []
    for words in sentences:
        names = list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(words) if name))
        error = InvalidInput("field", words, **{name: 40 + place for place, name in enumerate(names)})
        own = "".join(text for text, *_ in Formatter().parse(words)).strip()
        if len(own) >= 8 and kept.retell(error.problem) != tell(error, sentences):
            differing.append((error.problem, kept.retell(error.problem), tell(error, sentences)))
    assert differing == []


def test_text_that_is_no_refusal_of_ours_is_left_alone():
    kept = KeptSentences(load_refusals(WORDS))
    assert kept.retell("[Errno 28] No space left on device") is None
    typed = InvalidInput("name", "{given!r} must be 1 to {most} characters", given="井盖", most=80)
    assert kept.retell(typed.problem) == "“井盖”须为 1 至 80 个字符"
