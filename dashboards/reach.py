"""Whether what a request addresses lies within the visitor's reach: checked once, before any route runs.

Each name that a route may have in its address stands in one of the two tables below; the tests refuse any other.
Somebody else's area is answered 403 and named, not 404: ids are consecutive and every plate can be scanned by anybody,
so there is nothing to hide, and "it lies in the next district" helps the person who followed a link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine

from dashboards.permissions import Reach, line_of
from registry.domain.case_moves import is_theirs
from registry.domain.errors import NotAllowed
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.queries import whereabouts
from registry.queries.whereabouts import CaseWhereabouts, Whereabouts

Finder = Callable[[Engine, Any], Whereabouts | None]

# How to find where the thing lies, by its name in a route's address.
FINDERS: dict[str, Finder] = {
    "asset_id": whereabouts.of_asset,
    "code": whereabouts.of_code,
    "case_id": whereabouts.of_case,
    "alert_id": whereabouts.of_alert,
    "supervised_id": whereabouts.of_supervised,
    "supervision_notice_id": whereabouts.of_supervision_notice,
    "evidence_id": whereabouts.of_evidence,
    "recheck_id": whereabouts.of_recheck,
    "inspection_id": whereabouts.of_inspection,
    "group_id": whereabouts.of_group,
    "permit_id": whereabouts.of_permit,
    "silence_id": whereabouts.of_silence,
    "photo_id": whereabouts.of_photo,
    "report_id": whereabouts.of_report,
    "device_id": whereabouts.of_device,
    "point_id": whereabouts.of_point,
    "tag_id": whereabouts.of_tag,
    "user_id": whereabouts.of_user,
    "api_token_id": whereabouts.of_api_token,
    "area_id": whereabouts.of_area,
}

# What lies nowhere, and why that is right.
PLACELESS: dict[str, str] = {
    "own_token_id": "a token of the visitor's own; its service finds no other",
    "unit_id": "a unit works all over the city",
    "post_id": "a post: its service checks the area it is for",
    "duty_id": "a line of the duty list: its service checks the area it is for",
    "line_id": "a line of the dispatch table: its service checks the area it is for",
    "absence_id": "when somebody is away: its service checks the area they are bound to",
    "shift_id": "a shift: its service checks the area it is for",
    "turn_id": "a turn of a shift: its service checks the area the shift is for",
    "plan_id": "a patrol plan: its service checks the area it is for",
    "round_id": "a round: only whoever walks it changes it",
    "warning_id": "an early warning: its service checks the area it is about",
    "campaign_id": "a campaign: its service checks the area it is for, and of each asset where it lies",
    "measure_id": "a measure: its service checks the area of its campaign",
    "consultation_id": "a consultation: its service checks the area it is for",
    "item_id": "an item of a consultation: its service checks the consultation's area",
    "mandate_id": "a task from above: its service checks whose it is",
    "letter_id": "a message that could not be used; for people of the whole city only",
    "job_id": "work over all assets; its page shows counts only",
    "mobile_id": "a vehicle, recorder or handset: its page and its service look within the visitor's area",
    "kiosk_link_id": "a link of a screen: its service checks the area that it opens",
    "word": "the secret of a screen's link, which opens one area",
    "doubt": "a word; the list shows what lies in the visitor's area",
    "selection_id": "what somebody drew a line around: its maker's alone, which its service checks",
    "z": "the zoom of a tile; it shows what lies in the visitor's area",
    "x": "the column of a tile",
    "y": "the row of a tile",
    "filename": "a file of the site, or of a print run, whose page checks whose it is",
    "token": "a plate in somebody's hand: the public page; what staff see on it is checked there",
    "key": "a secret of one citizen, or the name of a label template, a rule or a board",
    "board_key": "a board is the whole city's; its answers are cut to the visitor's area",
    "panel": "a panel of a board: its answers are cut to the visitor's area",
    "season": "a season is the whole city's",
    "line": "a line of the case standard is the whole city's",
    "day": "a day of the calendar of work is the whole city's",
    "month": "figures are the whole city's; lists of cases show what lies in the visitor's area",
    "ending": "in which form a bulletin is sent",
    "scheme_key": "a scheme of scores is the whole city's",
    "award_id": "the ledger of rewards and penalties is the whole city's",
    "scheme": "a class table is the whole city's",
    "block_id": "a sender that is not listened to; for people of the whole city only",
    "reward_id": "a line of the payout ledger; for people of the whole city only",
    "service_code": "what can be reported is the whole city's",
    "service_request": "a report by its public number: none of its words is shown without a key",
    "picture": "a name that only this house can make, handed out with its report",
    "kind": "the first half of an alias; the asset before it is checked",
    "value": "the second half of an alias",
    "print_run_id": "a print run: its service checks each asset when it is planned",
    "file": "a file of a print run",
    "profile_id": "an import profile is the whole city's",
    "session": "a session: its service looks for it among those of the account before it, or of the visitor's own",
    "cabinet": "a cabinet serves sensors of several areas; its page shows the machinery",
    "channel_id": "a channel serves the whole city; for people of the whole city only",
    "contact_id": "a contact: for people of the whole city, or (its service checks that) the visitor's own",
    "route_id": "a route of notices; for people of the whole city only",
    "command_id": "a command to a cabinet: only people of the whole city may end it",
    "request_id": "a request about the case that stands before it in the address; its service checks that",
    "run_id": "an import or a print run: people bound to an area see their own only, and each row is checked",
}


def check_reach(engine: Engine, endpoint: str, addressed: Mapping[str, Any], actor: Actor) -> None:
    """Raise ``NotAllowed`` when the route's line of the table does not reach what the request addresses.

    What does not exist is let through: its route says so.
    """
    reach = line_of(endpoint).reach
    if reach is Reach.ANY or (reach is Reach.OWN_AREA and not actor.area_code):
        return
    if reach is Reach.WHOLE_CITY:
        if actor.area_code:
            raise NotAllowed(f"this concerns the whole city and your account is bound to area {actor.area_code}")
        return
    for name, value in addressed.items():
        if name not in FINDERS:
            continue
        found = FINDERS[name](engine, value)
        if found is None:
            continue
        check_area(actor, found.area_code)
        if reach is Reach.OWN_UNIT:
            _check_unit(found, actor)


def _check_unit(found: Whereabouts, actor: Actor) -> None:
    if actor.role is not Role.CREW or not isinstance(found, CaseWhereabouts):
        return
    nobodys = found.unit_id is None and found.assignee_id is None
    if not nobodys and not is_theirs(found, actor):
        raise NotAllowed("the case is another unit's or another person's; a dispatcher can pass it to you")
