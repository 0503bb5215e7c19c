"""The records database: every table, with the rules the database itself enforces.

Moments are ``UtcTime`` (BIGINT milliseconds, aware datetimes in Python). Every enumeration has a CHECK. Races are
refused by unique indexes: one active tag per asset, one fitted device per serial, one live alert per (rule, point), one
open case per (asset, kind).
"""

from __future__ import annotations

from registry.storage.tables.assets import (
    area,
    asset,
    asset_alias,
    asset_change,
    asset_class,
    class_scheme,
    code_counter,
    duty,
    post,
    retired_code,
    road,
)
from registry.storage.tables.base import metadata
from registry.storage.tables.deciding import alert, case, entry, number_counter, photo, report, rule, rule_memory
from registry.storage.tables.devices import baseline, cabinet, dead_letter, device, event_inbox, lane, latest, point
from registry.storage.tables.imports import (
    import_before,
    import_duplicate,
    import_made,
    import_problem,
    import_profile,
    import_run,
)
from registry.storage.tables.notices import channel, contact, notice, route
from registry.storage.tables.people import answered_key, api_token, audit, audit_head, unit, user, user_session
from registry.storage.tables.places import area_cell, asset_doubt, gap_count, place_job
from registry.storage.tables.plates import label_template, print_item, print_run, scan, tag, tag_event
from registry.storage.tables.quiet import alert_event, alert_group, calibration, permit, season, silence
from registry.storage.tables.remote import cabinet_command, cabinet_configuration, cabinet_credential, enrolment_code
from registry.storage.tables.running import feed, lease, revision

__all__ = [
    "alert",
    "alert_event",
    "alert_group",
    "answered_key",
    "api_token",
    "area",
    "area_cell",
    "asset",
    "asset_alias",
    "asset_change",
    "asset_class",
    "asset_doubt",
    "audit",
    "audit_head",
    "baseline",
    "cabinet",
    "cabinet_command",
    "cabinet_configuration",
    "cabinet_credential",
    "calibration",
    "case",
    "channel",
    "class_scheme",
    "code_counter",
    "contact",
    "dead_letter",
    "device",
    "duty",
    "enrolment_code",
    "entry",
    "event_inbox",
    "feed",
    "gap_count",
    "import_before",
    "import_duplicate",
    "import_made",
    "import_problem",
    "import_profile",
    "import_run",
    "label_template",
    "lane",
    "latest",
    "lease",
    "metadata",
    "notice",
    "number_counter",
    "permit",
    "photo",
    "place_job",
    "point",
    "post",
    "print_item",
    "print_run",
    "report",
    "retired_code",
    "revision",
    "road",
    "route",
    "rule",
    "rule_memory",
    "scan",
    "season",
    "silence",
    "tag",
    "tag_event",
    "unit",
    "user",
    "user_session",
]
