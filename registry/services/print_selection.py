"""Which assets a print run is for, and what stands on their plates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from registry.domain.errors import InvalidInput
from registry.domain.kinds import AssetState, Family, PrintItemState, TagState
from registry.domain.people import Actor
from registry.domain.scopes import read_area_code
from registry.storage.tables import asset, asset_class, print_item, tag, unit

MOST_IDS = 10_000
_LAST_DIGITS = "9" * 15


class RunSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Assets that need labels: those of ``asset_ids``, or all that fit every filter given.

    ``area_code`` is the beginning of their area's code; ``class_code`` is of ``scheme``. Without ids, abandoned assets
    are left out. With ``without_plate`` only assets that have no active plate are taken.
    """

    asset_ids: tuple[int, ...] = ()
    without_plate: bool = True
    area_code: str = ""
    family: Family | None = None
    scheme: str = ""
    class_code: str = ""

    def checked(self) -> RunSelection:
        """Itself; raises ``InvalidInput`` for values that can't be meant."""
        read_area_code(self.area_code)
        if len(self.asset_ids) > MOST_IDS:
            raise InvalidInput(
                "asset_ids",
                "{count} assets by number; at most {most}, use filters",
                count=len(self.asset_ids),
                most=MOST_IDS,
            )
        if self.class_code and not self.scheme:
            raise InvalidInput("scheme", "say of which class table the class is")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How many assets fit, and how many of them have a plate already, which is printed again."""

    assets: int
    with_plate: int


def count_chosen(tx: Connection, selection: RunSelection, by: Actor) -> Chosen:
    """How many labels a run for ``selection`` would have."""
    rows: Any = select(func.count(), func.count(tag.c.id)).select_from(asset)
    counted = tx.execute(_narrowed(rows, selection, by)).one()
    return Chosen(assets=counted[0], with_plate=counted[1])


def chosen_assets(tx: Connection, selection: RunSelection, by: Actor, most: int) -> Sequence[tuple[int, int | None]]:
    """(asset id, id of its active plate or None) of at most ``most`` assets, street by street as a crew walks."""
    rows: Select[Any] = select(asset.c.id, tag.c.id).select_from(asset)
    query = _narrowed(rows, selection, by).order_by(asset.c.road, asset.c.code).limit(most)
    return [(row[0], row[1]) for row in tx.execute(query)]


def _narrowed(query: Select[Any], selection: RunSelection, by: Actor) -> Select[Any]:
    active = and_(tag.c.asset_id == asset.c.id, tag.c.state == TagState.ACTIVE.value)
    query = query.outerjoin(tag, active).where(asset.c.merged_into_id.is_(None))
    if selection.asset_ids:
        query = query.where(asset.c.id.in_(selection.asset_ids))
    else:
        query = query.where(asset.c.state != AssetState.ABANDONED.value)
    for code in {selection.area_code, by.area_code} - {""}:
        query = query.where(within(asset.c.area_code, code))
    if selection.without_plate:
        query = query.where(tag.c.id.is_(None))
    if selection.family is not None:
        query = query.where(asset.c.family == selection.family.value)
    if selection.scheme:
        query = query.where(asset.c.scheme == selection.scheme)
    if selection.class_code:
        query = query.where(asset.c.class_code == selection.class_code)
    return query


def within(column: ColumnElement[str], code: str) -> ColumnElement[bool]:
    """That an area code begins with ``code``; as a range, which an index serves on every database."""
    return column.between(code, code + _LAST_DIGITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateFacts:
    """What may stand on one plate of a run; all empty but ``token`` for a blank one."""

    position: int
    item_state: str
    tag_id: int
    token: str
    code: str
    name: str
    road: str
    family: Family
    class_name_zh: str
    class_name_en: str
    maintainer: str
    phone: str
    owner: str


def plate_facts(tx: Connection, run_id: int, first: int, last: int) -> list[PlateFacts]:
    """The plates of a run from position ``first`` to ``last``, in order."""
    query = _facts().join(print_item, print_item.c.tag_id == tag.c.id)
    query = query.add_columns(print_item.c.position, print_item.c.state.label("item_state"))
    wanted = (print_item.c.run_id == run_id, print_item.c.position.between(first, last))
    rows = tx.execute(query.where(*wanted).order_by(print_item.c.position)).mappings()
    return [_read(row) for row in rows]


def plates_named(tx: Connection, tokens: Sequence[str], codes: Sequence[str]) -> list[PlateFacts]:
    """The plates with these tokens, and the active plates of the assets with these codes; some may be missing."""
    active = and_(asset.c.code.in_(codes), tag.c.state == TagState.ACTIVE.value)
    rows = tx.execute(_facts().where(or_(tag.c.token.in_(tokens), active)).order_by(tag.c.id)).mappings()
    return [
        _read({**row, "position": number, "item_state": PrintItemState.WAITING.value})
        for number, row in enumerate(rows, 1)
    ]


def sample_facts(tx: Connection, selection: RunSelection, by: Actor, token: str) -> PlateFacts | None:
    """What the first plate of a run for ``selection`` would say, with ``token`` on it; None when nothing fits."""
    first = chosen_assets(tx, selection, by, 1)
    if not first:
        return None
    query = _facts(of_asset=True).where(asset.c.id == first[0][0])
    row = tx.execute(query).mappings().one()
    return _read({**row, "position": 1, "item_state": "waiting", "tag_id": 0, "token": token})


def _facts(*, of_asset: bool = False) -> Select[Any]:
    maintainer, owner = unit.alias("maintainer"), unit.alias("owner")
    same_class = and_(asset_class.c.scheme == asset.c.scheme, asset_class.c.code == asset.c.class_code)
    columns: list[ColumnElement[Any]] = [
        func.coalesce(asset.c.code, "").label("code"),
        func.coalesce(asset.c.name, "").label("name"),
        func.coalesce(asset.c.road, "").label("road"),
        func.coalesce(asset.c.family, Family.OTHER.value).label("family"),
        func.coalesce(asset_class.c.name_zh, "").label("class_name_zh"),
        func.coalesce(asset_class.c.name_en, "").label("class_name_en"),
        func.coalesce(maintainer.c.name, "").label("maintainer"),
        func.coalesce(maintainer.c.phone, "").label("phone"),
        func.coalesce(owner.c.name, "").label("owner"),
    ]
    if of_asset:
        query = select(*columns).select_from(asset)
    else:
        query = select(*columns, tag.c.id.label("tag_id"), tag.c.token).select_from(tag)
        query = query.outerjoin(asset, asset.c.id == tag.c.asset_id)
    return (
        query.outerjoin(asset_class, same_class)
        .outerjoin(maintainer, maintainer.c.id == asset.c.maintainer_unit_id)
        .outerjoin(owner, owner.c.id == asset.c.owner_unit_id)
    )


def _read(row: Any) -> PlateFacts:
    values = {str(name): value for name, value in row.items()}
    return PlateFacts(**{**values, "family": Family(values["family"])})


def blank_facts(token: str) -> PlateFacts:
    """What stands on a blank plate: its token."""
    empty = dict.fromkeys(
        ("code", "name", "road", "class_name_zh", "class_name_en", "maintainer", "phone", "owner"), ""
    )
    return PlateFacts(position=1, item_state="waiting", tag_id=0, token=token, family=Family.OTHER, **empty)
