"""Who may use which route, on what, and with which kind of token: one table. What is not in it is refused to everybody.

A line reads: the roles, how far their right reaches, and the scope a token needs (none: no token opens it).
Which *move* of a case a role may make is decided by ``registry.domain.moves``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.domain.kinds import Role
from registry.domain.token_scopes import TokenScope

# ``None`` stands for somebody who is not signed in.
PUBLIC: frozenset[Role | None] = frozenset({None, *Role})
STAFF: frozenset[Role | None] = frozenset(Role)
WORKERS: frozenset[Role | None] = frozenset({Role.CREW, Role.DISPATCHER, Role.ADMINISTRATOR})
REGISTRARS: frozenset[Role | None] = frozenset({Role.REGISTRAR, Role.ADMINISTRATOR})
KEEPERS: frozenset[Role | None] = frozenset({Role.CREW, Role.REGISTRAR, Role.ADMINISTRATOR})
HANDS: frozenset[Role | None] = WORKERS | KEEPERS
ROSTER: frozenset[Role | None] = frozenset({Role.DISPATCHER, Role.REGISTRAR, Role.ADMINISTRATOR})
ADMINISTRATORS: frozenset[Role | None] = frozenset({Role.ADMINISTRATOR})
DISPATCHERS: frozenset[Role | None] = frozenset({Role.DISPATCHER, Role.ADMINISTRATOR})


class Reach(StrEnum):
    """How far the right to use a route reaches, for somebody who is bound to a part of the city.

    ``ANY``: the route addresses no single thing of the city; lists show only what lies in the visitor's area.
    ``OWN_AREA``: the asset, case, photo … that is addressed must lie in the visitor's area.
    ``OWN_UNIT``: the same, and for crew the case must be theirs, their unit's, or nobody's yet.
    ``WHOLE_CITY``: concerns the whole city; only for people who are bound to no part of it.
    """

    ANY = "any"
    OWN_AREA = "own_area"
    OWN_UNIT = "own_unit"
    WHOLE_CITY = "whole_city"


ANY, OWN_AREA, OWN_UNIT, WHOLE_CITY = Reach
READ, REGISTRY, IMPORTS, LABELS, CASES, PLACES, PEOPLE, RULES, EVENTS = TokenScope


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    roles: frozenset[Role | None]
    reach: Reach = ANY
    token: TokenScope | None = None


PERMISSIONS: dict[str, Line] = {
    # signing in, what everybody may see
    "static": Line(PUBLIC),
    "healthz": Line(PUBLIC),
    # nobody signs in there: only the networks of web.metrics_from are let in (dashboards.metrics.is_neighbour)
    "metrics": Line(PUBLIC),
    "login": Line(PUBLIC),
    "sign_in": Line(PUBLIC),
    "logout": Line(PUBLIC),
    "language": Line(PUBLIC),
    "scan": Line(PUBLIC),
    "report_here": Line(PUBLIC),
    "report": Line(PUBLIC),
    # what is wrong, and who does something about it
    "overview": Line(STAFF),
    "overview_groups": Line(STAFF),
    "alerts": Line(STAFF),
    "alert": Line(STAFF, OWN_AREA),
    "alert_spark": Line(STAFF, OWN_AREA),
    "alert_chart": Line(STAFF, OWN_AREA),
    "acknowledge": Line(WORKERS, OWN_AREA),
    "take_out_of_group": Line(DISPATCHERS, OWN_AREA),
    "alert_groups": Line(STAFF),
    "alert_group": Line(STAFF, OWN_AREA),
    "alert_group_places": Line(STAFF, OWN_AREA),
    "name_cause": Line(DISPATCHERS, OWN_AREA),
    "acknowledge_group": Line(DISPATCHERS, OWN_AREA),
    "cases": Line(STAFF),
    "case": Line(STAFF, OWN_AREA),
    "move_case": Line(WORKERS, OWN_AREA),
    "add_photos": Line(WORKERS, OWN_UNIT),
    "tasks": Line(STAFF),
    # work on covers, on which assets crew may open them: registry.domain.permits.may_open; what tells nobody for a
    # while: its service checks the area; parts of the year
    "permits": Line(STAFF),
    "permit": Line(STAFF, OWN_AREA),
    "permit_progress": Line(STAFF, OWN_AREA),
    "new_permit": Line(WORKERS, OWN_AREA),
    "start_permit": Line(WORKERS, OWN_AREA),
    "prolong_permit": Line(WORKERS, OWN_AREA),
    "end_permit": Line(WORKERS, OWN_AREA),
    "silences": Line(STAFF),
    "new_silence": Line(DISPATCHERS),
    "add_silence": Line(DISPATCHERS),
    "end_silence": Line(DISPATCHERS, OWN_AREA),
    "seasons": Line(STAFF),
    "switch_season": Line(DISPATCHERS, WHOLE_CITY),
    "set_season_dates": Line(DISPATCHERS, WHOLE_CITY),
    "undo_season": Line(DISPATCHERS, WHOLE_CITY),
    # the book of record
    "assets": Line(STAFF),
    "asset": Line(STAFF, OWN_AREA),
    "label_svg": Line(STAFF, OWN_AREA),
    "label_png": Line(STAFF, OWN_AREA),
    "photo": Line(STAFF, OWN_AREA),
    "new_asset": Line(KEEPERS),
    "add_asset": Line(KEEPERS),
    "edit_asset": Line(KEEPERS, OWN_AREA),
    "save_asset": Line(KEEPERS, OWN_AREA),
    "move_asset_state": Line(HANDS, OWN_AREA),
    "merge_asset": Line(REGISTRARS, OWN_AREA),
    "do_merge_asset": Line(REGISTRARS, OWN_AREA),
    "unmerge_asset": Line(REGISTRARS, OWN_AREA),
    "add_asset_photos": Line(HANDS, OWN_AREA),
    "remove_photo": Line(HANDS, OWN_AREA),
    "restore_photo": Line(HANDS, OWN_AREA),
    # which assets crew may fit and zero sensors on: registry.services.devices.may_handle
    "new_device": Line(HANDS, OWN_AREA),
    "fit_device": Line(HANDS, OWN_AREA),
    "device": Line(STAFF, OWN_AREA),
    "swap_device": Line(HANDS, OWN_AREA),
    "remove_device": Line(HANDS, OWN_AREA),
    "rezero": Line(HANDS, OWN_AREA),
    "rezero_device": Line(HANDS, OWN_AREA),
    "calibrate_device": Line(HANDS, OWN_AREA),
    "refuse_calibration": Line(HANDS, OWN_AREA),
    "label_templates": Line(STAFF),
    "label_template": Line(STAFF),
    "label_template_picture": Line(STAFF),
    "label_template_json": Line(STAFF),
    "preview_label": Line(REGISTRARS),
    "proof_label": Line(REGISTRARS),
    "clean_label_logo": Line(REGISTRARS),
    "save_label_template": Line(REGISTRARS, WHOLE_CITY),
    "copy_label_template": Line(REGISTRARS, WHOLE_CITY),
    "import_label_template": Line(REGISTRARS, WHOLE_CITY),
    "retire_label_template": Line(REGISTRARS, WHOLE_CITY),
    # imports and exports; who is bound to an area sees their own imports only
    "imports": Line(REGISTRARS),
    "new_import": Line(REGISTRARS),
    "upload_import": Line(REGISTRARS),
    "import_sample": Line(REGISTRARS),
    "import_run": Line(REGISTRARS),
    "import_columns": Line(REGISTRARS),
    "set_import_columns": Line(REGISTRARS),
    "import_places": Line(REGISTRARS),
    "import_progress": Line(REGISTRARS),
    "import_problems_csv": Line(REGISTRARS),
    "start_import": Line(REGISTRARS),
    "stop_import": Line(REGISTRARS),
    "undo_import": Line(REGISTRARS),
    "import_duplicates": Line(REGISTRARS),
    "decide_duplicates": Line(REGISTRARS),
    "exports": Line(REGISTRARS),
    "export_assets": Line(REGISTRARS),
    # class tables, plates, scans, print runs; who is bound to an area sees their own print runs only
    "classes": Line(STAFF),
    "class_table": Line(STAFF),
    "add_class": Line(REGISTRARS, WHOLE_CITY),
    "new_class_table": Line(REGISTRARS, WHOLE_CITY),
    "load_class_table": Line(REGISTRARS, WHOLE_CITY),
    "tags": Line(STAFF),
    "tag": Line(STAFF),
    "move_tag": Line(KEEPERS),
    "bind_tag": Line(KEEPERS),
    "do_bind_tag": Line(KEEPERS),
    "scans": Line(STAFF),
    "look_at_scans": Line(HANDS),
    "place_scan": Line(PUBLIC),
    "print_runs": Line(REGISTRARS),
    "new_print_run": Line(REGISTRARS),
    "add_print_run": Line(REGISTRARS),
    "print_run_preview": Line(REGISTRARS),
    "print_run": Line(REGISTRARS),
    "print_run_progress": Line(REGISTRARS),
    "stop_print_run": Line(REGISTRARS),
    "resume_print_run": Line(REGISTRARS),
    "print_run_file": Line(REGISTRARS),
    # areas, duties, posts, units, what a census lacks; services check the area of what is changed
    "areas": Line(STAFF),
    "area_shapes": Line(STAFF),
    "area": Line(STAFF, OWN_AREA),
    "area_outline": Line(STAFF, OWN_AREA),
    "save_area": Line(REGISTRARS, OWN_AREA),
    "end_area": Line(REGISTRARS, OWN_AREA),
    "new_area_import": Line(REGISTRARS, WHOLE_CITY),
    "check_areas": Line(REGISTRARS, WHOLE_CITY),
    "import_areas": Line(REGISTRARS, WHOLE_CITY),
    "new_grid": Line(REGISTRARS),
    "make_grid": Line(REGISTRARS),
    "relocate": Line(REGISTRARS, WHOLE_CITY),
    "place_job_progress": Line(STAFF),
    "stop_place_job": Line(REGISTRARS, WHOLE_CITY),
    "resume_place_job": Line(REGISTRARS, WHOLE_CITY),
    "duties": Line(STAFF),
    "set_duty": Line(REGISTRARS),
    "duties_csv": Line(STAFF),
    "remove_duty": Line(REGISTRARS),
    "import_duties": Line(REGISTRARS),
    "apply_duties": Line(REGISTRARS),
    "posts": Line(STAFF),
    "new_post": Line(ROSTER),
    "add_post": Line(ROSTER),
    "post": Line(ROSTER),
    "save_post": Line(ROSTER),
    "set_absence": Line(ROSTER),
    "remove_post": Line(ROSTER),
    "units": Line(STAFF),
    "add_unit": Line(REGISTRARS, WHOLE_CITY),
    "unit": Line(STAFF),
    "save_unit": Line(REGISTRARS, WHOLE_CITY),
    "merge_unit": Line(REGISTRARS, WHOLE_CITY),
    "gaps": Line(STAFF),
    "gaps_csv": Line(STAFF),
    "count_gaps": Line(REGISTRARS),
    "doubtful": Line(STAFF),
    # accounts; an administrator bound to an area manages the people of that area; the trail is the whole city's
    "account": Line(STAFF),
    "change_password": Line(STAFF),
    "end_my_sessions": Line(STAFF),
    "add_token": Line(STAFF),
    "revoke_token": Line(STAFF),
    "people": Line(ADMINISTRATORS),
    "new_person": Line(ADMINISTRATORS),
    "add_person": Line(ADMINISTRATORS),
    "person": Line(ADMINISTRATORS, OWN_AREA),
    "change_person": Line(ADMINISTRATORS, OWN_AREA),
    "reset_password": Line(ADMINISTRATORS, OWN_AREA),
    "set_access": Line(ADMINISTRATORS, OWN_AREA),
    "end_persons_sessions": Line(ADMINISTRATORS, OWN_AREA),
    "tokens": Line(ADMINISTRATORS),
    "revoke_any_token": Line(ADMINISTRATORS, OWN_AREA),
    "audit": Line(ADMINISTRATORS, WHOLE_CITY),
    "audit_csv": Line(ADMINISTRATORS, WHOLE_CITY),
    # the machinery; which command a role may give is decided by registry.domain.commands, on which sensor crew may by
    # registry.services.devices.may_handle
    "system": Line(STAFF),
    "letters": Line(STAFF, WHOLE_CITY),
    "letter": Line(STAFF, WHOLE_CITY),
    "replay_letters": Line(ROSTER, WHOLE_CITY),
    "drop_letters": Line(REGISTRARS, WHOLE_CITY),
    "cabinet": Line(STAFF),
    "cabinet_progress": Line(STAFF),
    "configuration": Line(ADMINISTRATORS, WHOLE_CITY),
    "publish": Line(ADMINISTRATORS, WHOLE_CITY),
    "order_command": Line(ROSTER, WHOLE_CITY),
    "withdraw_command": Line(ROSTER, WHOLE_CITY),
    "order_for_device": Line(HANDS, OWN_AREA),
    "set_period": Line(ADMINISTRATORS, WHOLE_CITY),
    "new_cabinet": Line(ADMINISTRATORS, WHOLE_CITY),
    "issue_code": Line(ADMINISTRATORS, WHOLE_CITY),
    "revoke_cabinet": Line(ADMINISTRATORS, WHOLE_CITY),
    # a cabinet shows its one-time code
    "enrol": Line(PUBLIC),
    # rules are the whole city's; everybody may see why something is an alert
    # telling people; an address may reach people at home, so not everybody sees it
    "notices": Line(STAFF),
    "who_is_told": Line(STAFF, WHOLE_CITY),
    "channels": Line(ROSTER, WHOLE_CITY),
    "new_channel": Line(ADMINISTRATORS, WHOLE_CITY),
    "add_channel": Line(ADMINISTRATORS, WHOLE_CITY),
    "channel": Line(ADMINISTRATORS, WHOLE_CITY),
    "save_channel": Line(ADMINISTRATORS, WHOLE_CITY),
    "remove_channel": Line(ADMINISTRATORS, WHOLE_CITY),
    "try_channel": Line(ADMINISTRATORS, WHOLE_CITY),
    "contacts": Line(ROSTER, WHOLE_CITY),
    "new_contact": Line(ROSTER, WHOLE_CITY),
    "add_contact": Line(ROSTER, WHOLE_CITY),
    "contact": Line(ROSTER, WHOLE_CITY),
    "save_contact": Line(ROSTER, WHOLE_CITY),
    "remove_contact": Line(ROSTER, WHOLE_CITY),
    # whose contact it is is checked by registry.services.contacts
    "save_own_contact": Line(STAFF),
    "routes": Line(STAFF, WHOLE_CITY),
    "new_route": Line(ADMINISTRATORS, WHOLE_CITY),
    "add_route": Line(ADMINISTRATORS, WHOLE_CITY),
    "route": Line(ADMINISTRATORS, WHOLE_CITY),
    "save_route": Line(ADMINISTRATORS, WHOLE_CITY),
    "move_route": Line(ADMINISTRATORS, WHOLE_CITY),
    "remove_route": Line(ADMINISTRATORS, WHOLE_CITY),
    "rules": Line(STAFF),
    "rule": Line(STAFF),
    "rule_history": Line(STAFF),
    "rules_file": Line(STAFF),
    "new_rule": Line(DISPATCHERS, WHOLE_CITY),
    "add_rule": Line(DISPATCHERS, WHOLE_CITY),
    "draft_rule": Line(DISPATCHERS, WHOLE_CITY),
    "save_rule": Line(DISPATCHERS, WHOLE_CITY),
    "undo_rule": Line(DISPATCHERS, WHOLE_CITY),
    "take_rule": Line(DISPATCHERS, WHOLE_CITY),
    "switch_rule": Line(DISPATCHERS, WHOLE_CITY),
    "ship_rule": Line(DISPATCHERS, WHOLE_CITY),
    "retire_rule": Line(DISPATCHERS, WHOLE_CITY),
    "restore_rule": Line(DISPATCHERS, WHOLE_CITY),
    "repairs": Line(STAFF),
    "see_set_aside": Line(ROSTER, WHOLE_CITY),
    # for programs
    "api_openapi": Line(PUBLIC),
    "api_docs": Line(PUBLIC),
    "api_assets": Line(STAFF, ANY, READ),
    "api_register": Line(REGISTRARS, ANY, REGISTRY),
    "api_lookup": Line(STAFF, ANY, READ),
    "api_nearest": Line(STAFF, ANY, READ),
    "api_register_many": Line(REGISTRARS, ANY, REGISTRY),
    "api_change_many": Line(REGISTRARS, ANY, REGISTRY),
    "api_asset_by_code": Line(STAFF, OWN_AREA, READ),
    "api_asset": Line(STAFF, OWN_AREA, READ),
    "api_change": Line(KEEPERS, OWN_AREA, REGISTRY),
    "api_move_state": Line(HANDS, OWN_AREA, REGISTRY),
    "api_merge": Line(REGISTRARS, OWN_AREA, REGISTRY),
    "api_unmerge": Line(REGISTRARS, OWN_AREA, REGISTRY),
    "api_asset_history": Line(STAFF, OWN_AREA, READ),
    "api_aliases": Line(STAFF, OWN_AREA, READ),
    "api_add_alias": Line(REGISTRARS, OWN_AREA, REGISTRY),
    "api_remove_alias": Line(REGISTRARS, OWN_AREA, REGISTRY),
    "api_tags": Line(STAFF, ANY, READ),
    "api_tag": Line(STAFF, ANY, READ),
    "api_issue_tag": Line(REGISTRARS, ANY, REGISTRY),
    "api_blank_tags": Line(REGISTRARS, ANY, REGISTRY),
    "api_bind_tag": Line(KEEPERS, ANY, REGISTRY),
    "api_end_tag": Line(KEEPERS, ANY, REGISTRY),
    "api_scans": Line(STAFF, ANY, READ),
    "api_scans_looked": Line(HANDS, ANY, REGISTRY),
    "api_fit": Line(HANDS, ANY, REGISTRY),
    "api_device": Line(STAFF, OWN_AREA, READ),
    "api_swap": Line(HANDS, OWN_AREA, REGISTRY),
    "api_remove": Line(HANDS, OWN_AREA, REGISTRY),
    "api_rezero": Line(HANDS, OWN_AREA, REGISTRY),
    "api_proposals": Line(STAFF, OWN_AREA, READ),
    "api_link_test": Line(STAFF, OWN_AREA, READ),
    "api_calibration": Line(STAFF, OWN_AREA, READ),
    "api_calibrate": Line(HANDS, OWN_AREA, REGISTRY),
    "api_refuse_calibration": Line(HANDS, OWN_AREA, REGISTRY),
    "api_photos": Line(STAFF, OWN_AREA, READ),
    "api_add_photo": Line(HANDS, OWN_AREA, REGISTRY),
    "api_photo": Line(STAFF, OWN_AREA, READ),
    "api_remove_photo": Line(HANDS, OWN_AREA, REGISTRY),
    "api_restore_photo": Line(HANDS, OWN_AREA, REGISTRY),
    "api_cases": Line(STAFF, ANY, READ),
    "api_case": Line(STAFF, OWN_AREA, READ),
    "api_move_case": Line(WORKERS, OWN_UNIT, CASES),
    # what other platforms tell; of which assets somebody bound to an area may is decided alert by alert
    "api_take_alerts": Line(DISPATCHERS, ANY, EVENTS),
    "api_backtest": Line(DISPATCHERS, ANY, RULES),
    "api_rule_yesterday": Line(DISPATCHERS, ANY, RULES),
    "api_threshold": Line(DISPATCHERS, OWN_AREA, RULES),
    "api_alerts": Line(STAFF, ANY, READ),
    "api_alert": Line(STAFF, OWN_AREA, READ),
    "api_permits": Line(STAFF, ANY, READ),
    "api_permit": Line(STAFF, OWN_AREA, READ),
    "api_start_permit": Line(WORKERS, OWN_AREA, CASES),
    "api_prolong_permit": Line(WORKERS, OWN_AREA, CASES),
    "api_end_permit": Line(WORKERS, OWN_AREA, CASES),
    "api_silences": Line(STAFF, ANY, READ),
    "api_would_mute": Line(STAFF, ANY, READ),
    "api_silence": Line(STAFF, OWN_AREA, READ),
    "api_add_silence": Line(DISPATCHERS, ANY, RULES),
    "api_end_silence": Line(DISPATCHERS, OWN_AREA, RULES),
    "api_seasons": Line(STAFF, ANY, READ),
    "api_switch_season": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_season_dates": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_undo_season": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_schemes": Line(STAFF, ANY, READ),
    "api_load_classes": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_scheme": Line(STAFF, ANY, READ),
    "api_add_class": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_explain_code": Line(STAFF, ANY, READ),
    "api_areas": Line(STAFF, ANY, READ),
    "api_area_shapes": Line(STAFF, ANY, READ),
    "api_import_areas": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_make_grid": Line(REGISTRARS, ANY, PLACES),
    "api_area": Line(STAFF, OWN_AREA, READ),
    "api_area_outline": Line(STAFF, OWN_AREA, READ),
    "api_change_area": Line(REGISTRARS, OWN_AREA, PLACES),
    "api_end_area": Line(REGISTRARS, OWN_AREA, PLACES),
    "api_reopen_area": Line(REGISTRARS, OWN_AREA, PLACES),
    "api_units": Line(STAFF, ANY, READ),
    "api_unit": Line(STAFF, ANY, READ),
    "api_add_unit": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_change_unit": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_merge_unit": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_duties": Line(STAFF, ANY, READ),
    "api_set_duty": Line(REGISTRARS, ANY, PLACES),
    "api_set_duties": Line(REGISTRARS, ANY, PLACES),
    "api_remove_duty": Line(REGISTRARS, ANY, PLACES),
    "api_posts": Line(STAFF, ANY, READ),
    "api_post": Line(STAFF, ANY, READ),
    "api_add_post": Line(ROSTER, ANY, PLACES),
    "api_change_post": Line(ROSTER, ANY, PLACES),
    "api_set_absence": Line(ROSTER, ANY, PLACES),
    "api_remove_post": Line(ROSTER, ANY, PLACES),
    "api_gaps": Line(STAFF, ANY, READ),
    "api_gap_breakdown": Line(STAFF, ANY, READ),
    "api_doubtful": Line(STAFF, ANY, READ),
    "api_relocate": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_count_gaps": Line(REGISTRARS, ANY, PLACES),
    "api_apply_duties": Line(REGISTRARS, ANY, PLACES),
    "api_jobs": Line(STAFF, ANY, READ),
    "api_job": Line(STAFF, ANY, READ),
    "api_stop_job": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_resume_job": Line(REGISTRARS, WHOLE_CITY, PLACES),
    "api_imports": Line(REGISTRARS, ANY, IMPORTS),
    "api_upload": Line(REGISTRARS, ANY, IMPORTS),
    "api_import": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_look": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_check": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_run": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_stop": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_undo": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_obstacles": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_problems": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_duplicates": Line(REGISTRARS, ANY, IMPORTS),
    "api_import_decide": Line(REGISTRARS, ANY, IMPORTS),
    "api_profiles": Line(REGISTRARS, ANY, IMPORTS),
    "api_add_profile": Line(REGISTRARS, ANY, IMPORTS),
    "api_profile": Line(REGISTRARS, ANY, IMPORTS),
    "api_change_profile": Line(REGISTRARS, ANY, IMPORTS),
    "api_delete_profile": Line(REGISTRARS, ANY, IMPORTS),
    "api_export": Line(STAFF, ANY, READ),
    "api_templates": Line(STAFF, ANY, READ),
    "api_template": Line(STAFF, ANY, READ),
    "api_template_versions": Line(STAFF, ANY, READ),
    "api_save_template": Line(REGISTRARS, WHOLE_CITY, LABELS),
    "api_retire_template": Line(REGISTRARS, WHOLE_CITY, LABELS),
    "api_label": Line(STAFF, OWN_AREA, READ),
    "api_print_runs": Line(REGISTRARS, ANY, LABELS),
    "api_print_run": Line(REGISTRARS, ANY, LABELS),
    "api_run_files": Line(REGISTRARS, ANY, LABELS),
    "api_run_file": Line(REGISTRARS, ANY, LABELS),
    "api_plan_run": Line(REGISTRARS, ANY, LABELS),
    "api_preview_run": Line(REGISTRARS, ANY, LABELS),
    "api_stop_run": Line(REGISTRARS, ANY, LABELS),
    "api_resume_run": Line(REGISTRARS, ANY, LABELS),
    "api_people": Line(ADMINISTRATORS, ANY, PEOPLE),
    "api_add_person": Line(ADMINISTRATORS, ANY, PEOPLE),
    "api_person": Line(ADMINISTRATORS, OWN_AREA, PEOPLE),
    "api_change_person": Line(ADMINISTRATORS, OWN_AREA, PEOPLE),
    "api_reset_password": Line(ADMINISTRATORS, OWN_AREA),
    "api_sessions": Line(ADMINISTRATORS, OWN_AREA, PEOPLE),
    "api_end_session": Line(ADMINISTRATORS, OWN_AREA, PEOPLE),
    "api_end_sessions": Line(ADMINISTRATORS, OWN_AREA, PEOPLE),
    "api_tokens_list": Line(ADMINISTRATORS, ANY, PEOPLE),
    "api_revoke_token": Line(ADMINISTRATORS, OWN_AREA, PEOPLE),
    "api_audit": Line(ADMINISTRATORS, WHOLE_CITY, PEOPLE),
    "api_me": Line(STAFF, ANY, READ),
    "api_my_sessions": Line(STAFF),
    "api_end_my_session": Line(STAFF),
    "api_end_my_sessions": Line(STAFF),
    "api_my_tokens": Line(STAFF),
    "api_add_token": Line(STAFF),
    "api_revoke_my_token": Line(STAFF),
    "api_cabinets": Line(STAFF, ANY, READ),
    "api_cabinet": Line(STAFF, ANY, READ),
    "api_configure": Line(ADMINISTRATORS, WHOLE_CITY, PEOPLE),
    "api_commands": Line(STAFF, ANY, READ),
    "api_order": Line(ROSTER, WHOLE_CITY, REGISTRY),
    "api_withdraw": Line(ROSTER, WHOLE_CITY, REGISTRY),
    "api_device_order": Line(HANDS, OWN_AREA, REGISTRY),
    "api_code": Line(ADMINISTRATORS, WHOLE_CITY, PEOPLE),
    "api_revoke_cabinet": Line(ADMINISTRATORS, WHOLE_CITY, PEOPLE),
    "api_letters": Line(STAFF, WHOLE_CITY, READ),
    "api_letter_causes": Line(STAFF, WHOLE_CITY, READ),
    "api_letter": Line(STAFF, WHOLE_CITY, READ),
    "api_replay_letters": Line(REGISTRARS, WHOLE_CITY, REGISTRY),
    "api_drop_letters": Line(REGISTRARS, WHOLE_CITY, REGISTRY),
    "api_metrics": Line(STAFF, WHOLE_CITY, READ),
    "api_rules": Line(STAFF, ANY, READ),
    "api_check_rule": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_rule": Line(STAFF, ANY, READ),
    "api_rule_versions": Line(STAFF, ANY, READ),
    "api_save_rule": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_undo_rule": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_switch_rule": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_ship_rule": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_restore_rule": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_retire_rule": Line(DISPATCHERS, WHOLE_CITY, RULES),
    "api_repairs": Line(STAFF, ANY, READ),
    "api_notices": Line(STAFF, ANY, READ),
    "api_alert_notices": Line(STAFF, OWN_AREA, READ),
    "api_channels": Line(ROSTER, WHOLE_CITY, READ),
    "api_try_channel": Line(ADMINISTRATORS, WHOLE_CITY, PEOPLE),
    "api_see_set_aside": Line(ROSTER, WHOLE_CITY, REGISTRY),
    "api_overview": Line(STAFF, ANY, READ),
    "api_wrong_now": Line(STAFF, ANY, READ),
    "api_map": Line(STAFF, ANY, READ),
    "api_values": Line(STAFF, OWN_AREA, READ),
    "api_series": Line(STAFF, OWN_AREA, READ),
    "stream": Line(STAFF, ANY, READ),
}

# Requests per address of the sender, over all web processes (dashboards.rate_counts).
LIMITS: dict[str, str] = {
    "sign_in": "10/minute",
    "change_password": "10/minute",
    "report_here": "6/minute;30/hour",
    "scan": "60/minute",
    "place_scan": "60/minute",
    "enrol": "10/minute",
    "api_take_alerts": "300/minute",
}

# Routes that take a file larger than any photo; ``web.import_limit_mb`` bounds them instead of ``web.upload_limit_mb``.
LARGE_UPLOADS: frozenset[str] = frozenset({"upload_import", "api_upload", "check_areas", "api_import_areas"})

# Routes that programs without a browser use, so that no other site can make a browser send what they take: they read
# nothing from a cookie.
WITHOUT_FORM: frozenset[str] = frozenset({"enrol"})

# Requests per API token, over all routes.
TOKEN_LIMIT = "600/minute"  # noqa: S105  # a rate

_NOBODY = Line(frozenset())


def line_of(endpoint: str) -> Line:
    """The line of a route; for one that is not in the table, a line that lets nobody in."""
    return PERMISSIONS.get(endpoint, _NOBODY)


def allowed(endpoint: str, role: Role | None, *, bound: bool = False) -> bool:
    """Whether somebody with ``role`` (``None``: not signed in) may use the route ``endpoint``.

    ``bound`` is for somebody bound to a part of the city. Whether the very thing they ask for lies in it is checked
    when it is known: ``dashboards.reach``.
    """
    line = line_of(endpoint)
    return role in line.roles and not (bound and line.reach is WHOLE_CITY)
