"""Where a visitor can go: one table of pages in groups, cut to what they may use (``dashboards.permissions``)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, render_template, request, url_for
from markupsafe import Markup

from dashboards.login import may, visitor
from dashboards.site import lang
from registry.domain.kinds import Role

_DRAWN, _ADDRESSES = "covercode.bars", "covercode.bar_addresses"

# (endpoint, icon); the words are ``nav.<endpoint>``.
ALWAYS_SEEN = (
    ("tasks", "tasks"),
    ("overview", "overview"),
    ("city_map", "map"),
    ("cases", "cases"),
    ("alerts", "alerts"),
    ("assets", "assets"),
    ("boards", "boards"),
)
GROUPS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "work",
        "cases",
        (
            ("queues", "send"),
            ("intake", "phone"),
            ("rewards", "check"),
            ("dispatch_table", "rules"),
            ("standard", "book"),
            ("work_calendar", "clock"),
        ),
    ),
    (
        "follow",
        "check",
        (
            ("supervision", "eye"),
            ("rechecks", "clock"),
            ("inspections", "search"),
            ("repeats", "return"),
            ("typical_cases", "book"),
            ("aftercare", "rules"),
            ("months", "overview"),
            ("awards", "note"),
        ),
    ),
    (
        "field",
        "place",
        (
            ("patrols", "place"),
            ("warnings", "send"),
            ("campaigns", "check"),
            ("mandates", "tasks"),
            ("consultations", "note"),
            ("shifts", "clock"),
        ),
    ),
    (
        "registry",
        "book",
        (
            ("imports", "upload"),
            ("exports", "download"),
            ("gaps", "search"),
            ("print_runs", "print"),
            ("tags", "tag"),
            ("scans", "eye"),
            ("label_templates", "cover"),
            ("classes", "note"),
            ("areas", "place"),
            ("map_layers", "map"),
            ("duties", "check"),
            ("posts", "phone"),
            ("units", "units"),
        ),
    ),
    (
        "watch",
        "eye",
        (
            ("wall", "overview"),
            ("mobile_resources", "place"),
            ("explore", "search"),
            ("permits", "key"),
            ("silences", "pause"),
            ("seasons", "clock"),
            ("notices", "send"),
        ),
    ),
    (
        "admin",
        "key",
        (
            ("people", "user"),
            ("tokens", "key"),
            ("kiosk_links", "eye"),
            ("audit", "note"),
            ("system", "system"),
            ("repairs", "check"),
            ("letters", "return"),
            ("rules", "rules"),
        ),
    ),
)

# Pages that lie elsewhere than below the page in the bar from which one comes to them.
_ELSEWHERE = {
    "/assets": ("/devices",),
    "/patrols": ("/rounds",),
    "/months": ("/score-schemes",),
    "/system": ("/cabinets", "/enrolment-codes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One page to go to; ``here``: the visitor is on it, or on a page below it."""

    name: str
    icon: str
    address: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Links behind one word."""

    name: str
    icon: str
    links: list[Link]

    @property
    def here(self) -> bool:
        """Whether the visitor is on one of them."""
        return any(link.here for link in self.links)


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """What stands in the bar: links first, then the groups that hold any."""

    links: list[Link]
    groups: list[Group]


def navigation_bar() -> Markup:
    """The bar of this visitor on this page, drawn once for all who see the same: sixty links cost more than most pages.

    What they see depends on their role, on whether they are bound to an area, on the language and on where they are.
    """
    somebody = visitor()
    bound = somebody is not None and bool(somebody.area_code)
    here = tuple(address for address in _addresses() if _is_here(address))
    drawn: dict[tuple[str, str, bool, str, tuple[str, ...]], Markup] = current_app.extensions.setdefault(_DRAWN, {})
    key = (lang(), str(somebody.role) if somebody else "", bound, request.script_root, here)
    if key not in drawn:
        drawn[key] = Markup(render_template("parts/nav.html"))  # noqa: S704  # our own template, escaped by itself
    return drawn[key]


def _addresses() -> tuple[str, ...]:
    """Where all of the bar's links lead, whoever may follow them."""
    names = (*ALWAYS_SEEN, *(entry for _, _, entries in GROUPS for entry in entries))
    kept: dict[str, tuple[str, ...]] = current_app.extensions.setdefault(_ADDRESSES, {})
    if request.script_root not in kept:
        kept[request.script_root] = tuple(url_for(name) for name, _ in names if name in current_app.view_functions)
    return kept[request.script_root]


def navigation() -> Navigation:
    """The navigation of this visitor on this page."""
    somebody = visitor()
    crew = somebody is not None and somebody.role is Role.CREW
    seen = [entry for entry in ALWAYS_SEEN if crew or entry[0] != "tasks"]
    groups = [Group(name=name, icon=icon, links=_links(entries)) for name, icon, entries in GROUPS]
    return Navigation(links=_links(seen), groups=[group for group in groups if group.links])


def _links(entries: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> list[Link]:
    there = [(name, icon) for name, icon in entries if name in current_app.view_functions and may(name)]
    return [
        Link(name=name, icon=icon, address=address, here=_is_here(address))
        for name, icon in there
        for address in (url_for(name),)
    ]


def _is_here(address: str) -> bool:
    return any(request.path == one or (one != "/" and request.path.startswith(f"{one}/")) for one in _under(address))


def _under(address: str) -> tuple[str, ...]:
    return (address, *_ELSEWHERE.get(address, ()))
