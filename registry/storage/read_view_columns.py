"""The views of ``covercode_read``, column by column: what each is made from and what it says."""

from __future__ import annotations

from dataclasses import dataclass

from registry.storage.tables.deciding import CASE_RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its name, the SQL it is made from, and what it says to its readers."""

    name: str
    sql: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view: ``source`` is its FROM and what follows."""

    name: str
    says: str
    columns: tuple[Column, ...]
    source: str


_NOW_MS = "(extract(epoch FROM now()) * 1000)"


def _is(name: str, sql: str, says: str) -> tuple[Column, ...]:
    return (Column(name=name, sql=sql, says=says),)


def _own(table: str, **columns: str) -> tuple[Column, ...]:
    """Columns of a table under their own names."""
    return tuple(Column(name=name, sql=f"{table}.{name}", says=says) for name, says in columns.items())


def _at(table: str, *, cut: bool = False, **columns: str) -> tuple[Column, ...]:
    """Moments; with ``cut`` the milliseconds beside each, which an index of the table holds or its size asks for."""
    found: list[Column] = []
    for name, says in columns.items():
        found += _is(name, f"to_timestamp({table}.{name} / 1000.0)", says)
        if cut:
            found += _is(f"{name}_ms", f"{table}.{name}", f"{name} in milliseconds since 1970 UTC")
    return tuple(found)


_OF_ASSET = (
    *_is("asset_code", "a.code", "component code (16 digits) of the asset"),
    *_is("asset_name", "a.name", "name of the asset"),
    *_is("family", "a.family", "cover, light or other"),
    *_is("road", "a.road", "road of the asset"),
)

ASSETS = View(
    name="assets",
    says="Every manhole cover, drain grate, streetlight or other component on file.",
    columns=(
        *_own("a", id="number of the asset", code="component code, 16 digits", scheme="class table of its class"),
        *_own("a", class_code="class by that table, 4 digits"),
        *_is("class_key", "a.scheme || ':' || a.class_code", "both, as table:class"),
        *_is("class_zh", "k.name_zh", "name of the class in Chinese"),
        *_is("class_en", "k.name_en", "name of the class in English"),
        *_own("a", family="cover, light or other", name="its name", state="intact, damaged, lost or abandoned"),
        *_own("a", lon="longitude, degrees WGS-84", lat="latitude, degrees WGS-84", road="road", address="address"),
        *_own("a", area_code="code of the deepest administrative area known; an area holds what its code begins"),
        *_own("a", grid_cell="unit grid cell", supervisor_unit_id="supervising unit 主管", owner_unit_id="owning 权属"),
        *_own("a", maintainer_unit_id="maintaining unit 养护", depth_mm="depth, millimetres", material="material"),
        *_own("a", size="size as measured", installed_on="day it was built in", warranty_until="end of its warranty"),
        *_own("a", merged_into_id="found to be the same thing as this asset"),
        *_at("a", created_at="when it came on file", updated_at="its last change"),
    ),
    source="FROM asset AS a\nLEFT JOIN asset_class AS k ON k.scheme = a.scheme AND k.code = a.class_code",
)

CASES = View(
    name="cases",
    says="Every case with what follows from its timeline; without what people wrote.",
    columns=(
        *_own("c", id="number within the program", number="number as people know it", asset_id="what it is about"),
        *_OF_ASSET,
        *_own("c", kind="kind of case, a key of the case standard", source="who told of it first"),
        *_own("c", severity="1 notice, 2 alarm, 3 critical", stage="collected … closed, suspended or void"),
        *_is("is_open", "c.stage NOT IN ('closed', 'void')", "neither closed nor void"),
        *_is("is_running", f"c.{CASE_RUNNING}", "somebody still has to do something: the clock runs"),
        *_is(
            "is_late",
            f"c.overdue_at IS NOT NULL OR (c.{CASE_RUNNING} AND c.deadline_at <= {_NOW_MS})",
            "it missed its deadline",
        ),
        *_is("lon", "coalesce(c.lon, a.lon)", "longitude, degrees WGS-84"),
        *_is("lat", "coalesce(c.lat, a.lat)", "latitude, degrees WGS-84"),
        *_is("area_code", "c.lies_in", "area it lies in today"),
        *_is("opened_in_area", "c.area_code", "area it lay in when it was opened, where it counts in a month"),
        *_own("c", unit_id="unit that handles it"),
        *_is("unit", "u.name", "name of that unit"),
        *_is("unit_en", "u.name_en", "its name in English"),
        *_at("c", cut=True, opened_at="when it was opened"),
        *_at("c", cut=True, deadline_at="until when it has to be handled", ended_at="when it was closed or void"),
        *_at("c", overdue_at="when it was marked as late", filed_at="filed 立案", desk_due_at="dispatch due"),
        *_at("c", first_dispatched_at="first dispatched", dispatched_at="last dispatched", accepted_at="taken in hand"),
        *_at("c", secure_due_at="until when the site has to be secured", secured_at="when it was"),
        *_at("c", handed_back_at="handed back 反馈", verified_at="verified 核查", suspended_until="挂账 until"),
        *_own("c", closed_how="how it ended", merged_into_id="went on in this case", exempt="an appeal was granted"),
        *_own("c", dispatches="times dispatched", returns="times sent back by a unit", reworks="times reworked 返工"),
        *_own("c", extensions="extensions granted", suspensions="suspensions", supervisions="times urged 督办"),
        *_own("c", reopens="times opened again", quantity="how much was done", quantity_unit="unit of that"),
    ),
    source=("FROM case_file AS c\nLEFT JOIN asset AS a ON a.id = c.asset_id\nLEFT JOIN unit AS u ON u.id = c.unit_id"),
)

CASE_ENTRIES = View(
    name="case_entries",
    says="The moves of every case; without who made them and what they wrote.",
    columns=(
        *_own("e", id="number", case_id="the case", move="what was done", from_stage="stage before"),
        *_own("e", to_stage="stage after"),
        *_at("e", cut=True, at="when"),
    ),
    source="FROM entry AS e",
)

ALERTS = View(
    name="alerts",
    says="Every alert from the moment it fired; without who acknowledged it.",
    columns=(
        *_own("l", id="number", rule_key="key of the rule", rule_version="its version"),
        *_is("rule_zh", "r.name_zh", "name of the rule in Chinese"),
        *_is("rule_en", "r.name_en", "name of the rule in English"),
        *_is("rule_kind", "r.kind", "limit, rate, no_data …"),
        *_is("case_kind", "r.case_kind", "kind of the case that the rule raises"),
        *_own("l", point_id="the point; null: a whole cabinet or bus is silent", device_id="the device"),
        *_own("l", asset_id="the asset", cabinet_id="the cabinet, where it is about one", bus="the bus, likewise"),
        *_is("device_cabinet_id", "d.cabinet_id", "the cabinet of the device"),
        *_own("l", case_id="the case it raised"),
        *_own("l", group_id="alerts of one cause in one area", permit_id="the permit that covers it"),
        *_OF_ASSET,
        *_is("area_code", "a.area_code", "area of the asset"),
        *_is("class_key", "a.scheme || ':' || a.class_code", "class of the asset, as table:class"),
        *_is("lon", "a.lon", "longitude, degrees WGS-84"),
        *_is("lat", "a.lat", "latitude, degrees WGS-84"),
        *_own("l", severity="1 notice, 2 alarm, 3 critical", peak_severity="the worst it was"),
        *_own("l", state="firing or cleared", fires="how often it fired while it was kept open"),
        *_own("l", value="what the point measured when it fired", peak="the farthest it went"),
        *_at("l", cut=True, fired_at="when its condition had held long enough", cleared_at="when it was over"),
        *_at("l", began_at="when its condition was first seen", acknowledged_at="when somebody took note"),
    ),
    source=(
        "FROM alert AS l\nLEFT JOIN asset AS a ON a.id = l.asset_id\nLEFT JOIN device AS d ON d.id = l.device_id\n"
        "LEFT JOIN rule AS r ON r.key = l.rule_key AND r.version = l.rule_version"
    ),
)

ALERT_GROUPS = View(
    name="alert_groups",
    says="Alerts of one cause in one area, counted as one; without what people said the cause was.",
    columns=(
        *_own("g", id="number", rule_key="key of the rule", state="open or ended", members="how many alerts"),
        *_own("g", severity="1 notice, 2 alarm, 3 critical", area_code="smallest area that holds all"),
        *_own("g", lon="centre, degrees WGS-84", lat="centre, degrees WGS-84", radius_m="radius, metres"),
        *_at("g", began_at="first alert", last_at="last alert", ended_at="when it took no more"),
    ),
    source="FROM alert_group AS g",
)

DEVICES = View(
    name="devices",
    says="Every device that is or was fitted; without who fitted it.",
    columns=(
        *_own("d", id="number", serial="serial number", profile="device profile", asset_id="the asset it sits on"),
        *_OF_ASSET,
        *_is("area_code", "a.area_code", "area of the asset"),
        *_is("class_key", "a.scheme || ':' || a.class_code", "class of the asset, as table:class"),
        *_own("d", cabinet_id="its cabinet", bus="its bus", heartbeat_s="how often it should be heard, seconds"),
        *_is("fitted", "d.removed_at IS NULL", "it is fitted now"),
        *_at("d", fitted_at="fitted", removed_at="taken off", suspect_since="since when its readings are suspect"),
        *_is(
            "last_received_at",
            "(SELECT to_timestamp(max(y.received_at) / 1000.0) FROM point AS q JOIN latest AS y ON y.point_id = q.id"
            " WHERE q.device_id = d.id)",
            "when it was last heard",
        ),
    ),
    source="FROM device AS d\nLEFT JOIN asset AS a ON a.id = d.asset_id",
)

POINTS = View(
    name="points",
    says="What each device measures; id is the tag point of the series in InfluxDB.",
    columns=(
        *_own("p", id="number; the tag point in InfluxDB", name="tilt_z, water_level …", unit="SenML unit"),
        *_own("p", baseline="value that counts as nought", full_scale="greatest it measures", device_id="the device"),
        *_is("serial", "d.serial", "serial number of the device"),
        *_is("cabinet_id", "d.cabinet_id", "cabinet of the device"),
        *_is("fitted", "d.removed_at IS NULL", "the device is fitted now"),
        *_is("asset_id", "d.asset_id", "the asset"),
        *_OF_ASSET,
        *_is("class_key", "a.scheme || ':' || a.class_code", "class of the asset, as table:class"),
        *_is("area_code", "a.area_code", "area of the asset"),
    ),
    source="FROM point AS p\nJOIN device AS d ON d.id = p.device_id\nLEFT JOIN asset AS a ON a.id = d.asset_id",
)

READINGS_LATEST = View(
    name="readings_latest",
    says="The newest reading of each point.",
    columns=(
        *_own("y", point_id="the point", value="what was measured, in the point's unit, without its baseline"),
        *_own("y", quality="0 good, 1 suspect, 2 late, 3 simulated"),
        *_is("name", "p.name", "name of the point"),
        *_is("unit", "p.unit", "SenML unit"),
        *_is("over_baseline", "y.value - p.baseline", "value less the point's baseline"),
        *_is("device_id", "p.device_id", "the device"),
        *_is("serial", "d.serial", "its serial number"),
        *_is("fitted", "d.removed_at IS NULL", "the device is fitted now"),
        *_is("asset_id", "d.asset_id", "the asset"),
        *_OF_ASSET,
        *_is("area_code", "a.area_code", "area of the asset"),
        *_at("y", measured_at="by the device", received_at="by the cabinet", recorded_at="by the city"),
    ),
    source=(
        "FROM latest AS y\nJOIN point AS p ON p.id = y.point_id\nJOIN device AS d ON d.id = p.device_id\n"
        "LEFT JOIN asset AS a ON a.id = d.asset_id"
    ),
)

CABINETS = View(
    name="cabinets",
    says="Every street cabinet with its last word about itself.",
    columns=(
        *_own("b", id="its id", name="its name", asset_id="its box, where that is on file"),
        *_own("b", lon="longitude, degrees WGS-84", lat="latitude, degrees WGS-84", program_version="program it runs"),
        *_is(
            "online",
            f"coalesce(b.online AND b.state_at > {_NOW_MS} - 35000, false)",
            "it says that it is online and said so within 35 s",
        ),
        *_own("b", oldest_unsent_s="age of its oldest unsent reading, seconds", queued="readings that wait in it"),
        *_own("b", dropped="readings it had to drop", undated="readings that wait until its clock is set"),
        *_own("b", clock_set="its clock is set", clock_off_s="how far its clock is off, seconds"),
        *_at("b", online_since="since when it is online", state_at="its last word"),
    ),
    source="FROM cabinet AS b",
)

DEAD_LETTERS = View(
    name="dead_letters",
    says="What came in and could not be used; without its content.",
    columns=(
        *_own("x", id="number", cabinet_id="from which cabinet", lane="urgent or routine", reason="why"),
        *_own("x", stands_for="itself and those like it that were only counted", attempts="times replayed in vain"),
        *_at("x", cut=True, at="when it came"),
    ),
    source="FROM dead_letter AS x",
)

UNITS = View(
    name="units",
    says="Organisations; without their telephone numbers.",
    columns=(*_own("u", id="number", name="name", name_en="name in English"),),
    source="FROM unit AS u",
)

AREAS = View(
    name="areas",
    says="Cities, districts, streets, communities, grid cells and responsibility grids; without who looks after them.",
    columns=(
        *_own("z", id="number", level="city, district, street, community, cell or duty", code="its code"),
        *_own("z", name="name", name_en="name in English", unit_id="unit that answers for it", area_m2="square metres"),
        *_own("z", west="degrees WGS-84", south="degrees WGS-84", east="degrees WGS-84", north="degrees WGS-84"),
        *_own("z", grade="grade of its management", first_on="first day", ended_on="last day"),
    ),
    source="FROM area AS z",
)

PERMITS = View(
    name="permits",
    says="Authorised openings of covers; without who works there and what they wrote.",
    columns=(
        *_own("w", id="number", asset_id="the asset", case_id="the case it belongs to", state="open, ended …"),
        *_own("w", people="how many people go in"),
        *_OF_ASSET,
        *_is("area_code", "a.area_code", "area of the asset"),
        *_is("class_key", "a.scheme || ':' || a.class_code", "class of the asset, as table:class"),
        *_at("w", cut=True, started_at="begun", ends_at="until when it was given", ended_at="handed back"),
    ),
    source="FROM permit AS w\nLEFT JOIN asset AS a ON a.id = w.asset_id",
)

SCANS = View(
    name="scans",
    says="How often plates were scanned; without by whom and from where.",
    columns=(
        *_own("s", id="number", asset_id="the asset", finding="what was found", flag="why to look at it"),
        *_is("family", "a.family", "cover, light or other"),
        *_is("area_code", "a.area_code", "area of the asset"),
        *_is("class_key", "a.scheme || ':' || a.class_code", "class of the asset, as table:class"),
        *_at("s", cut=True, at="when"),
    ),
    source="FROM scan AS s\nLEFT JOIN asset AS a ON a.id = s.asset_id",
)

GAPS = View(
    name="gaps",
    says="How many files lack what, and how many positions are doubtful, as the last census counted them.",
    columns=(
        *_own("g", gap="plate, sensor, cell …, or a doubt; '' counts all assets", area_code="at most a community"),
        *_own("g", scheme="class table", class_code="class", family="cover, light or other"),
        *_is("class_key", "g.scheme || ':' || g.class_code", "both, as table:class"),
        *_is("assets", "g.count", "how many"),
    ),
    source="FROM gap_count AS g",
)

DOUBTS = View(
    name="doubts",
    says="Positions that should be looked at, as the last census found them.",
    columns=(
        *_own("o", doubt="why", asset_id="the asset", other_id="the asset it lies too near to"),
        *_own("o", distance_m="how far from that or from where it should be, metres"),
        *_OF_ASSET,
        *_is("area_code", "a.area_code", "area of the asset"),
        *_is("class_key", "a.scheme || ':' || a.class_code", "class of the asset, as table:class"),
    ),
    source="FROM asset_doubt AS o\nJOIN asset AS a ON a.id = o.asset_id",
)

CLASSES = View(
    name="classes",
    says="Classes of assets.",
    columns=(
        *_own("k", scheme="class table", code="class by that table", name_zh="name", name_en="name in English"),
        *_own("k", family="cover, light or other"),
        *_is("key", "k.scheme || ':' || k.code", "both, as table:class"),
    ),
    source="FROM asset_class AS k",
)

MONTHS = View(
    name="months",
    says="Months of the evaluation (月度考核).",
    columns=(
        *_own("m", key="as 2026-03", state="how far it is", revision="its last revision"),
        *_own("m", published_revision="the revision that is published", cases="cases in any of its counts"),
        *_at("m", starts_at="first moment", ends_at="first moment of the next", closed_at="closed"),
        *_at("m", published_at="published"),
    ),
    source="FROM month AS m",
)

MONTH_STANDINGS = View(
    name="month_standings",
    says="Who reached how many points, as it was published; nothing of what is not.",
    columns=(
        *_own("t", month="as 2026-03", group_key="ranking", subject="unit, area or other thing that is ranked"),
        *_own("t", name_zh="its name", name_en="its name in English"),
        *_is("points", "t.points::numeric", "points; null: nothing was due"),
        *_own("t", place="place", grade_zh="grade", grade_en="grade in English", streak="months in a row on place 1"),
    ),
    source="FROM month_standing AS t\nJOIN month AS m ON m.key = t.month AND m.published_revision = t.revision",
)

MONTH_FIGURES = View(
    name="month_figures",
    says="The counts behind them, as published.",
    columns=(
        *_own("f", month="as 2026-03", sort="what the subject is", subject="'' is the city"),
        *_own("f", name_zh="its name", name_en="its name in English", handled_s="seconds from dispatch to hand-back"),
        *_own("f", handled_cases="of how many cases"),
        *_is("count", "n.key", "which count"),
        *_is("cases", "n.value::integer", "how many cases"),
    ),
    source=(
        "FROM month_figure AS f\nJOIN month AS m ON m.key = f.month AND m.published_revision = f.revision\n"
        "CROSS JOIN LATERAL json_each_text(f.counts) AS n"
    ),
)

VIEWS: tuple[View, ...] = (
    *(ASSETS, CASES, CASE_ENTRIES, ALERTS, ALERT_GROUPS, DEVICES, POINTS, READINGS_LATEST, CABINETS, DEAD_LETTERS),
    *(UNITS, AREAS, CLASSES, PERMITS, SCANS, GAPS, DOUBTS, MONTHS, MONTH_STANDINGS, MONTH_FIGURES),
)
