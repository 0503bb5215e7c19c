"""The catalogues: both languages say the same things, every page finds its words, and no page has words of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

from dashboards import dispatch_words
from dashboards.pages.permits import WORKS
from dashboards.pages.repeats import TABS as REPEAT_TABS
from dashboards.pages.supervision import TABS as SUPERVISION_TABS
from dashboards.texts import LANGUAGES, load_catalogues
from registry.domain.aftercare import Likeness
from registry.domain.calibration import CalibrationProblem
from registry.domain.campaigns import CampaignPhase, CampaignResult
from registry.domain.case_standard import Pattern, Step
from registry.domain.codes import Part
from registry.domain.commands import CommandKind, CommandState, ConfigurationState
from registry.domain.dispatch_table import Applies, Whom
from registry.domain.duties import StandIn
from registry.domain.geo import Crs
from registry.domain.kinds import (
    AlertEventKind,
    AlertState,
    AreaLevel,
    AssetState,
    AwardState,
    CalibrationState,
    CaseRole,
    ChannelKind,
    ClosedHow,
    CorrectionKind,
    Doubt,
    Family,
    GroupState,
    ImportState,
    InspectionResult,
    InspectionState,
    MonthState,
    NoticeKind,
    NoticeState,
    Party,
    PlaceJobKind,
    PrintRunKind,
    PrintRunState,
    Quality,
    RecheckState,
    Reject,
    RequestKind,
    RequestState,
    Role,
    RuleKind,
    ScanFlag,
    SeasonSwitch,
    Severity,
    Source,
    Stage,
    SupervisionState,
    TagEvent,
    TagState,
    TaskKind,
)
from registry.domain.mandates import MandateMove, MandateState
from registry.domain.month_counts import Count
from registry.domain.moves import MOVES, EventName, MoveName
from registry.domain.muting import Phase
from registry.domain.notices import Matter
from registry.domain.patrols import Proof
from registry.domain.permits import Seat
from registry.domain.points import POINTS
from registry.domain.repairs import RepairKind, RepairReason
from registry.domain.rules.conditions import Aggregate, Direction
from registry.domain.rules.numbers import NUMBERS
from registry.domain.rules.rule import Rule
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.domain.schemes import AwardKind, RowKind
from registry.domain.shifts import ShiftDays
from registry.domain.supervision import REMINDERS, ItemEvent, ItemMove
from registry.domain.suspects import Suspicion
from registry.domain.tokens import Finding
from registry.domain.working_time import TimeUnit
from registry.labels import FORMATS
from registry.queries.case_ties import TieKind
from registry.queries.gaps import GAPS
from registry.queries.notices import REASONS as REASONS_OF_NOTICES
from registry.services.area_files import FIELD_NAMES
from registry.services.feed import FeedKind
from registry.services.import_undo import REASONS

ROOM = Path(__file__).parents[3] / "dashboards"
TEMPLATES = sorted((ROOM / "templates").rglob("*.html"))
SCRIPTS = sorted(path for path in (ROOM / "frontend" / "src").rglob("*.ts") if not path.name.endswith(".test.ts"))

# Every closed set of words that pages put behind a prefix.
SETS: dict[str, list[str]] = {
    "count.": [*Count, *(f"{count}.rule" for count in Count)],
    "month_state.": list(MonthState),
    "correction.": list(CorrectionKind),
    "award_kind.": list(AwardKind),
    "award_state.": list(AwardState),
    "row_kind.": list(RowKind),
    "time_unit.": list(TimeUnit),
    "time_unit.amount.": list(TimeUnit),
    "case_step.": list(Step),
    "case_pattern.": list(Pattern),
    "stage.": list(Stage),
    "severity.": [str(int(level)) for level in Severity],
    "state.": list(AssetState),
    "family.": list(Family),
    "alert_state.": list(AlertState),
    "alert_event.": list(AlertEventKind),
    "group_state.": list(GroupState),
    "quality.": [str(int(quality)) for quality in Quality],
    "cause.": ["storm", "flood", "power", "works"],
    "suspicion.": list(Suspicion),
    "calibration_state.": list(CalibrationState),
    "calibration_problem.": list(CalibrationProblem),
    "point.": list(POINTS),
    "unit.": [spec.unit for spec in POINTS.values()],
    "move.": list(MoveName),
    "entry.": [*MoveName, *EventName],
    "role.": list(Role),
    "login.as.": list(Role),
    "case_role.": list(CaseRole),
    "request_kind.": list(RequestKind),
    "request_state.": list(RequestState),
    "task_kind.": list(TaskKind),
    "closed_how.": list(ClosedHow),
    "source.": list(Source),
    "rule_kind.": list(RuleKind),
    "rule_kind_help.": list(RuleKind),
    "rule_field.": [*Rule.__struct_fields__, *(spec.name for specs in NUMBERS.values() for spec in specs)],
    "rule_aggregate.": list(Aggregate),
    "rule_direction.": list(Direction),
    "rule_says.of_": list(Aggregate),
    "rule_says.rate_": list(Direction),
    "rule_says.family_": list(Family),
    "weekday.": [str(day) for day in range(1, 8)],
    "rule.": [rule.key for rule in SHIPPED_RULES],
    "reject.": list(Reject),
    "event.": list(FeedKind),
    "tag_state.": list(TagState),
    "tag_event.": list(TagEvent),
    "scan_flag.": list(ScanFlag),
    "finding.": list(Finding),
    "print_state.": list(PrintRunState),
    "print_kind.": list(PrintRunKind),
    "print_format.": list(FORMATS),
    "code_part.": list(Part),
    "import_state.": list(ImportState),
    "undo_reason.": list(REASONS),
    "area_level.": list(AreaLevel),
    "area_field.": list(FIELD_NAMES),
    "crs.": list(Crs),
    "party.": list(Party),
    "doubt.": list(Doubt),
    "doubt_fix.": list(Doubt),
    "gap.": list(GAPS),
    "place_job.": list(PlaceJobKind),
    "command.": list(CommandKind),
    "command_state.": list(CommandState),
    "configuration_state.": list(ConfigurationState),
    "repairs.kind.": list(RepairKind),
    "repair.": list(RepairReason),
    "permit.open.": list(Family),
    "permit.open_now.": list(Family),
    "permit.closed.": list(Family),
    "permit_seat.": list(Seat),
    "permit_work.": [word for works in WORKS.values() for word in works],
    "silence_phase.": list(Phase),
    "season_switch.": list(SeasonSwitch),
    "notice_state.": list(NoticeState),
    "notice_kind.": list(NoticeKind),
    "matter.": list(Matter),
    "tie.": list(TieKind),
    "notice_reason.": list(REASONS_OF_NOTICES),
    "channel_kind.": list(ChannelKind),
    "channel_help.": list(ChannelKind),
    "shift_days.": list(ShiftDays),
    "patrol_proof.": list(Proof),
    "campaign_phase.": list(CampaignPhase),
    "campaign_result.": list(CampaignResult),
    "mandate_state.": list(MandateState),
    "mandate_move.": list(MandateMove),
    "stand_in.": [reason for reason in StandIn if reason],
    "item_state.": [*SupervisionState, "late"],
    "item_move.": list(ItemMove),
    "item_note.": list(ItemMove),
    "item_entry.": [*ItemMove, *ItemEvent],
    "item_level.": [str(level) for level, _ in REMINDERS],
    "likeness.": list(Likeness),
    "recheck_state.": list(RecheckState),
    "inspection_state.": list(InspectionState),
    "inspection_result.": list(InspectionResult),
    "supervision.tab_": list(SUPERVISION_TABS),
    "repeat.tab_": list(REPEAT_TABS),
    "dispatch_applies.": list(Applies),
    "dispatch_whom.": list(Whom),
    "dispatch_why.": [*dispatch_words.REASONS, "post_without_phone"],
    "dispatch_not.": list(dispatch_words.WHY_NOT),
    "dispatch_held.": list(dispatch_words.HELD),
}
# Texts that are the same in every language: a mark, names of file formats.
SAME_EVERYWHERE = {"CoverCode", "SVG", "PNG", "CSV", "XLSX"}


@pytest.fixture(scope="module")
def catalogues() -> dict[str, dict[str, str]]:
    return load_catalogues(ROOM / "words")


def places(text: str) -> set[str]:
    """Names of the ``{places}`` in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys(catalogues: dict[str, dict[str, str]]) -> None:
    zh, en = (set(catalogues[lang]) for lang in ("zh", "en"))

    assert sorted(zh - en) == []
    assert sorted(en - zh) == []


def test_both_languages_have_the_same_places_in_each_text(catalogues: dict[str, dict[str, str]]) -> None:
    zh, en = catalogues["zh"], catalogues["en"]

    assert {key: (zh[key], en[key]) for key in zh if places(zh[key]) != places(en.get(key, ""))} == {}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_catalogue_is_written_in_one_way(lang: str) -> None:
    text = (ROOM / "words" / f"{lang}.json").read_text(encoding="utf-8")

    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("prefix", SETS)
def test_every_word_of_a_closed_set_has_a_text(prefix: str, catalogues: dict[str, dict[str, str]]) -> None:
    assert [word for word in SETS[prefix] if prefix + word not in catalogues["zh"]] == []


def test_every_reason_for_a_dead_letter_says_what_to_do(catalogues: dict[str, dict[str, str]]) -> None:
    assert [reason for reason in Reject if f"reject.{reason}.fix" not in catalogues["zh"]] == []


def test_every_reason_for_a_repair_says_what_to_do(catalogues: dict[str, dict[str, str]]) -> None:
    assert [reason for reason in RepairReason if f"repair.{reason}.fix" not in catalogues["zh"]] == []


def test_every_move_that_unfolds_explains_itself(catalogues: dict[str, dict[str, str]]) -> None:
    unfolding = [m.name for m in MOVES.values() if m.note_required or m.note_or_photo or m.assignment_required]

    assert [name for name in unfolding if f"move.{name}.explain" not in catalogues["zh"]] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_finds_every_word_it_asks_for(path: Path, catalogues: dict[str, dict[str, str]]) -> None:
    known = catalogues["zh"]
    wrong = []
    for call in calls_of_t(path):
        given = {argument.key for argument in call.kwargs}
        for key, complete in possible_keys(call.args[0]):
            if not complete:
                if not any(word.startswith(key) for word in known):
                    wrong.append(f"line {call.lineno}: no word begins with {key}")
            elif key not in known:
                wrong.append(f"line {call.lineno}: no word {key}")
            elif missing := places(known[key]) - given:
                wrong.append(f"line {call.lineno}: {key} also needs {sorted(missing)}")

    assert wrong == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_finds_every_word_it_asks_for(path: Path, catalogues: dict[str, dict[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    whole = re.findall(r'\bt\(\s*"([^"]+)"(?!\s*\+)', text) + re.findall(r'"((?:time|chart|live|map)\.\w+)"', text)
    begun = re.findall(r'\bt\(\s*`([^$`]+)\$\{|\bt\(\s*"([^"]+)"\s*\+', text)

    assert [key for key in whole if key not in catalogues["zh"]] == []
    starts = ["".join(found) for found in begun]
    assert [start for start in starts if not any(key.startswith(start) for key in catalogues["zh"])] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_words_of_its_own(path: Path) -> None:
    reader = Prose()
    reader.feed(markup(path))

    assert [text for text in reader.found if text not in SAME_EVERYWHERE] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_keeps_to_the_content_policy(path: Path) -> None:
    text = markup(path)

    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|https?://", text) == []
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text) == []


def test_no_script_speaks_chinese() -> None:
    assert [path.name for path in SCRIPTS if re.search(r"[\u3400-\u9fff]", uncommented(path))] == []


def uncommented(path: Path) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def environment() -> Environment:
    return Environment(loader=FileSystemLoader(ROOM / "templates"), autoescape=True)


def calls_of_t(path: Path) -> Iterator[nodes.Call]:
    tree = environment().parse(path.read_text(encoding="utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "t":
            yield call


def possible_keys(argument: nodes.Expr) -> Iterator[tuple[str, bool]]:
    """The keys an expression can give; a key that goes on with something unknown is given as far as it is known."""
    if isinstance(argument, nodes.Const):
        yield str(argument.value), True
    elif isinstance(argument, nodes.CondExpr):
        for branch in (argument.expr1, argument.expr2):
            if branch is not None:
                yield from possible_keys(branch)
    elif isinstance(argument, nodes.Concat) and isinstance(argument.nodes[0], nodes.Const):
        yield str(argument.nodes[0].value), False


def markup(path: Path) -> str:
    """The template without its expressions and blocks."""
    source = path.read_text(encoding="utf-8")
    # what these hold goes into a tag's attributes, not onto the page
    attributes = r"{% block (?:page_class|body_class|body_data) %}.*?{% endblock %}|{% macro invalid.*?endmacro %}"
    tokens = environment().lex(re.sub(attributes, "", source, flags=re.DOTALL))
    text, inside = [], 0
    for _, kind, value in tokens:
        if kind.endswith("_begin"):
            inside += 1
        elif kind.endswith("_end"):
            inside -= 1
        elif kind == "data" and not inside:
            text.append(value)
    return "".join(text)


class Prose(HTMLParser):
    """Collects what a person would read: text between tags and the attributes that are read out."""

    READ_OUT = frozenset({"alt", "title", "placeholder", "aria-label"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in self.READ_OUT and value:
                self._keep(value)

    def handle_data(self, data: str) -> None:
        self._keep(data)

    def _keep(self, text: str) -> None:
        self.found.extend(re.findall(r"[^\W\d_]{2,}", text))
