"""What rules name of their city: seasons, classes, areas, assets, devices; looked up in a handful of statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, select

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, TagState
from registry.domain.rules import Rule
from registry.domain.rules.check import Known
from registry.domain.tokens import read_token
from registry.services.standard import standard_in_force
from registry.storage.tables import area, asset, asset_class, class_scheme, device, season, tag

_CODE_DIGITS = 16


def known_for(tx: Connection, rules: Iterable[Rule]) -> Known:
    """What this city knows of the things that ``rules`` name."""
    named = list(rules)
    # a number that no database can hold is no asset
    assets = {each for rule in named for each in rule.watches.assets if 0 < each < 2**63}
    serials = {each for rule in named for each in rule.watches.devices}
    areas = {rule.watches.area for rule in named} - {""}
    classes: dict[str, Family | None] = {}
    if any(rule.watches.classes for rule in named):
        classes = dict.fromkeys(tx.scalars(select(class_scheme.c.key)))
        rows = tx.execute(select(asset_class.c.scheme, asset_class.c.code, asset_class.c.family))
        classes |= {f"{row.scheme}:{row.code}": Family(row.family) for row in rows}
    seasons = frozenset(tx.scalars(select(season.c.key)))
    fitted = select(device.c.serial).where(device.c.serial.in_(serials), device.c.removed_at.is_(None))
    return Known(
        seasons=seasons or None,  # a city that keeps none has nothing to compare with
        classes=classes,
        areas=frozenset(each for each in areas if _has_area(tx, each)),
        assets=frozenset(tx.scalars(select(asset.c.id).where(asset.c.id.in_(assets)))) if assets else frozenset(),
        devices=frozenset(tx.scalars(fitted)) if serials else frozenset(),
        kinds=standard_in_force(tx).lines,
    )


def with_tagged(tx: Connection, rule: Rule, tags: Sequence[str]) -> tuple[Rule, tuple[InvalidInput, ...]]:
    """The rule with the assets of ``tags`` (plates' tokens, component codes) beside its own, and what names none."""
    if not tags:
        return rule, ()
    codes, tokens, problems = _read_tags(tags)
    found = {row.code: row.id for row in tx.execute(select(asset.c.code, asset.c.id).where(asset.c.code.in_(codes)))}
    active = select(tag.c.token, tag.c.asset_id).where(tag.c.token.in_(tokens), tag.c.state == TagState.ACTIVE)
    found |= {row.token: row.asset_id for row in tx.execute(active)}
    for place, name in {**codes, **tokens}.items():
        if place not in found:
            problems.append(InvalidInput(f"watches.tags[{name}]", "{given!r} names no asset on file", given=place))
    assets = tuple(dict.fromkeys((*rule.watches.assets, *found.values())))
    return msgspec.structs.replace(rule, watches=msgspec.structs.replace(rule.watches, assets=assets)), tuple(problems)


def codes_of(tx: Connection, assets: Iterable[int]) -> dict[int, str]:
    """The component codes of assets that have one: what a file names them by."""
    wanted = set(assets)
    if not wanted:
        return {}
    rows = tx.execute(select(asset.c.id, asset.c.code).where(asset.c.id.in_(wanted), asset.c.code.is_not(None)))
    return {row.id: row.code for row in rows if row.code}


def _read_tags(tags: Sequence[str]) -> tuple[dict[str, int], dict[str, int], list[InvalidInput]]:
    """Codes and tokens with their places in the list, and what is neither."""
    codes: dict[str, int] = {}
    tokens: dict[str, int] = {}
    problems: list[InvalidInput] = []
    for place, given in enumerate(tags):
        bare = "".join(given.split()).replace("-", "")
        if bare.isdigit() and len(bare) == _CODE_DIGITS:
            codes[bare] = place
            continue
        try:
            tokens[read_token(given)] = place
        except InvalidInput as error:
            problems.append(error.at(f"watches.tags[{place}]"))
    return codes, tokens, problems


def _has_area(tx: Connection, code: str) -> bool:
    """Whether an area of the city begins so, or, in a city without outlines, the area code of some asset."""
    for column in (area.c.code, asset.c.area_code):
        if tx.execute(select(column).where(column.startswith(code, autoescape=True)).limit(1)).first() is not None:
            return True
    return False
