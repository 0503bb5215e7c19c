"""Every closed set of words in the registry: states, stages, roles, kinds. Tables, never booleans."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Family(StrEnum):
    """What sort of thing an asset class is; rules and case kinds are written for families."""

    COVER = "cover"
    LIGHT = "light"
    OTHER = "other"


class AssetState(StrEnum):
    """部件状态: 完好, 破损, 丢失, 废弃."""

    INTACT = "intact"
    DAMAGED = "damaged"
    LOST = "lost"
    ABANDONED = "abandoned"


class TagState(StrEnum):
    """The life of one physical plate."""

    BLANK = "blank"
    ACTIVE = "active"
    LOST = "lost"
    REPLACED = "replaced"
    DESTROYED = "destroyed"


class TagEvent(StrEnum):
    """What happens to a plate; a lost one that turns up again is *found*."""

    ISSUED = "issued"
    BOUND = "bound"
    LOST = "lost"
    FOUND = "found"
    REPLACED = "replaced"
    DESTROYED = "destroyed"


class ScanFlag(StrEnum):
    """Why somebody should look at a scan: far from the registered place, or of a plate that should not be there."""

    FAR = "far"
    LOST = "lost"
    REPLACED = "replaced"
    DESTROYED = "destroyed"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """Who somebody is to the system; what each may do stands in ``dashboards.permissions`` and ``domain.moves``.

    The registrar (档案员) keeps the book of record: census, imports, plates, places.
    """

    ADMINISTRATOR = "administrator"
    REGISTRAR = "registrar"
    DISPATCHER = "dispatcher"
    CREW = "crew"
    VIEWER = "viewer"


class CaseRole(StrEnum):
    """The posts (岗位) of the closed loop: 监督员/采集员, 受理员, 值班长, 派遣员, 处置人, 核查员.

    ``Role`` opens pages; a case role says which moves somebody may make (``domain.moves.MOVES``).
    """

    COLLECTOR = "collector"
    RECEPTIONIST = "receptionist"
    SHIFT_SUPERVISOR = "shift_supervisor"
    DISPATCHER = "dispatcher"
    HANDLER = "handler"
    VERIFIER = "verifier"


DEFAULT_CASE_ROLES: dict[Role, frozenset[CaseRole]] = {
    Role.ADMINISTRATOR: frozenset(CaseRole),
    Role.REGISTRAR: frozenset(),
    # a small city has one person at the desk for all of it
    Role.DISPATCHER: frozenset(
        {CaseRole.RECEPTIONIST, CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER, CaseRole.VERIFIER}
    ),
    Role.CREW: frozenset({CaseRole.COLLECTOR, CaseRole.HANDLER}),
    Role.VIEWER: frozenset(),
}


class Party(StrEnum):
    """The three who answer for an asset: 主管, 权属, 养护."""

    SUPERVISOR = "supervisor"
    OWNER = "owner"
    MAINTAINER = "maintainer"


class AreaLevel(StrEnum):
    """市, 区, 街道, 社区, 单元网格, 责任网格. A responsibility grid is a union of cells and has a code of its own."""

    CITY = "city"
    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"
    CELL = "cell"
    DUTY = "duty"


class PlaceJobKind(StrEnum):
    """Work over all assets: find their areas anew, apply the duty list, count what a census lacks."""

    RELOCATE = "relocate"
    DUTIES = "duties"
    CENSUS = "census"


class PlaceJobState(StrEnum):
    """The life of such work; a stopped or failed one can be resumed."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


class Doubt(StrEnum):
    """Why a position should be looked at: surveyed roughly (C), in another district than its code says, in no area of
    the city, exactly where another asset is, less than half a metre from one of the same class, or its plate was
    scanned far from there and nobody has looked at that yet."""

    ROUGH = "rough"
    OTHER_DIVISION = "other_division"
    OUTSIDE = "outside"
    SAME_PLACE = "same_place"
    TOO_NEAR = "too_near"
    SCANNED_FAR = "scanned_far"


class PrintRunKind(StrEnum):
    """Plates for known assets, or blank plates to be bound at their first scan."""

    ASSETS = "assets"
    BLANK = "blank"


class PrintRunState(StrEnum):
    """The life of a print run; a stopped or failed one can be resumed."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


class PrintItemState(StrEnum):
    """One label of a run; it counts as made only after its picture was decoded again."""

    WAITING = "waiting"
    MADE = "made"
    FAILED = "failed"


class ImportState(StrEnum):
    """The life of an import: checked (dry run) before anything is written; stopped or failed ones can be resumed."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


class DuplicateDecision(StrEnum):
    """What a person decided about a likely duplicate: the same thing (merge), or two things (keep)."""

    OPEN = "open"
    MERGE = "merge"
    KEEP = "keep"


class Severity(IntEnum):
    """How bad it is: notice (look when you can), alarm (somebody must go), critical (somebody must go now)."""

    NOTICE = 1
    ALARM = 2
    CRITICAL = 3


class AlertState(StrEnum):
    """An alert is stored from firing on; *pending* lives in the rule's memory only."""

    FIRING = "firing"
    CLEARED = "cleared"


class AlertEventKind(StrEnum):
    """What happens to an alert. *Expected*: a permit covers it; *overrun*: the permit ended and it did not."""

    FIRED = "fired"
    STEP_UP = "step_up"
    STEP_DOWN = "step_down"
    WORSENED = "worsened"
    FLAPPING = "flapping"
    CLEARED = "cleared"
    EXPECTED = "expected"
    OVERRUN = "overrun"
    GROUPED = "grouped"
    CASE = "case"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"


class GroupState(StrEnum):
    """A group takes members while it is open."""

    OPEN = "open"
    ENDED = "ended"


class SeasonSwitch(StrEnum):
    """By its dates, or by hand whatever the date."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class PermitState(StrEnum):
    """An opening that is allowed now, was ended in order, or went on beyond its time."""

    OPEN = "open"
    ENDED = "ended"
    OVERRUN = "overrun"


class CalibrationState(StrEnum):
    """Whether a newly fitted sensor has found its baseline."""

    COLLECTING = "collecting"
    DONE = "done"
    FAILED = "failed"


class ChannelKind(StrEnum):
    """How notices leave: by an ``apprise`` address, as a JSON webhook, or into an Alertmanager."""

    APPRISE = "apprise"
    WEBHOOK = "webhook"
    ALERTMANAGER = "alertmanager"


class NoticeKind(StrEnum):
    """What a notice says: something is wrong, nobody has taken it, it is over, what gathered, a trial; or a case."""

    ALARM = "alarm"
    ESCALATION = "escalation"
    ALL_CLEAR = "all_clear"
    DIGEST = "digest"
    TRIAL = "trial"
    CASE = "case"


class CaseEventKind(StrEnum):
    """What people are told of a case outside the pages; *secure_…* of securing the site, *item_…* of supervision."""

    ASSIGNED = "assigned"
    LOOK = "look"
    WARNED = "warned"
    LATE = "late"
    SECURE_WARNED = "secure_warned"
    SECURE_LATE = "secure_late"
    ITEM_OPENED = "item_opened"
    ITEM_LATE = "item_late"
    ITEM_ANSWERED = "item_answered"


class NoticeState(StrEnum):
    """The life of a notice; *held* ones go into the next digest."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    HELD = "held"
    MUTED = "muted"
    DROPPED = "dropped"


class Quality(IntEnum):
    """How far a reading can be trusted."""

    GOOD = 0
    SUSPECT = 1
    LATE = 2
    SIMULATED = 3


class Lane(StrEnum):
    """Urgent readings never wait behind routine ones."""

    URGENT = "urgent"
    ROUTINE = "routine"


class Stage(StrEnum):
    """The stages of a case (信息收集 … 结案), suspension and the void end (作废)."""

    COLLECTED = "collected"
    FILED = "filed"
    DISPATCHED = "dispatched"
    IN_HAND = "in_hand"
    HANDED_BACK = "handed_back"
    VERIFIED = "verified"
    CLOSED = "closed"
    SUSPENDED = "suspended"
    VOID = "void"


ENDED_STAGES = frozenset({Stage.CLOSED, Stage.VOID})


class Source(StrEnum):
    """Where a case came from: 物联感知, 公众举报, 监督员上报, 热线, 部门批转 (another platform), 上级交办."""

    SENSOR = "sensor"
    CITIZEN = "citizen"
    PATROL = "patrol"
    HOTLINE = "hotline"
    PLATFORM = "platform"
    ABOVE = "above"


class ClosedHow(StrEnum):
    """How a case ended: repaired and verified, fixed on the spot by who found it (自行处置), not accepted
    (不予立案), part of another case now (并案), or void (作废)."""

    REPAIRED = "repaired"
    SELF_HANDLED = "self_handled"
    DECLINED = "declined"
    MERGED = "merged"
    VOID = "void"


class TaskKind(StrEnum):
    """What a collector is sent to look at: 核实 (is it there, before filing), 核查 (is it mended, after handling)."""

    CHECK = "check"
    VERIFY = "verify"


class RequestKind(StrEnum):
    """What is asked for a case and decided through a chain: 延期, 挂账, 申诉."""

    EXTENSION = "extension"
    SUSPENSION = "suspension"
    APPEAL = "appeal"


class RequestState(StrEnum):
    """The life of such a request; *withdrawn*: the case ended or changed before anybody decided."""

    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class SupervisionState(StrEnum):
    """The life of a supervised item: open, answered, struck off (销号); *withdrawn* ones never counted."""

    OPEN = "open"
    REPLIED = "replied"
    STRUCK_OFF = "struck_off"
    WITHDRAWN = "withdrawn"


class RecheckState(StrEnum):
    """A planned look at a closed case (回头看): stable, broken again, or given up because the case was reopened."""

    DUE = "due"
    PASSED = "passed"
    FAILED = "failed"
    DROPPED = "dropped"


class InspectionState(StrEnum):
    """A list of what is like the asset of a case (举一反三): being worked through, done, or waived with a reason."""

    OPEN = "open"
    DONE = "done"
    WAIVED = "waived"


class InspectionResult(StrEnum):
    """What was found at one asset of such a list; *gone*: not there, or nobody can get to it."""

    WAITING = "waiting"
    FINE = "fine"
    WRONG = "wrong"
    GONE = "gone"


class RuleKind(StrEnum):
    """How a rule looks at readings."""

    LIMIT = "limit"
    RATE = "rate"
    WINDOW = "window"
    VECTOR = "vector"
    STUCK = "stuck"
    NO_DATA = "no_data"
    FORECAST = "forecast"
    DRIFT = "drift"
    DISAGREE = "disagree"
    EVENT = "event"
    ALL = "all"
    ANY = "any"


class BlockKind(StrEnum):
    """What is not listened to for a while: a network address, a way to reach somebody, a picture."""

    ADDRESS = "address"
    CONTACT = "contact"
    PHOTO = "photo"


class RewardState(StrEnum):
    """The life of a reward: proposed by the rules, decided by a person, paid out by another one."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    PAID = "paid"


class MonthState(StrEnum):
    """The life of a month-end evaluation: counted by the worker, closed (frozen), approved by a person, published."""

    WAITING = "waiting"
    COUNTING = "counting"
    FAILED = "failed"
    CLOSED = "closed"
    APPROVED = "approved"
    PUBLISHED = "published"


class FigureSort(StrEnum):
    """Whose counts a figure of a month holds."""

    CITY = "city"
    UNIT = "unit"
    DISTRICT = "district"
    STREET = "street"
    CLASS = "class"
    KIND = "kind"


class CorrectionKind(StrEnum):
    """How a case of a closed month is put right: late without blame, not counted at all, another unit's, or counted
    anew from its timeline."""

    EXEMPT = "exempt"
    EXCLUDE = "exclude"
    UNIT = "unit"
    RECOUNT = "recount"


class AwardState(StrEnum):
    """The life of a line of the reward-and-penalty ledger."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


class Reject(StrEnum):
    """Why a reading or a pack went to the dead letters."""

    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_POINT = "unknown_point"
    UNKNOWN_ASSET = "unknown_asset"
    OUT_OF_RANGE = "out_of_range"
    NOT_A_NUMBER = "not_a_number"
    TOO_OLD = "too_old"
    IN_FUTURE = "in_future"
    UNDECODABLE = "undecodable"
    BAD_TOPIC = "bad_topic"
    STORE_REFUSED = "store_refused"
