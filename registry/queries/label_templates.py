"""Reading label templates: what can be printed with, one template, and the versions it has had."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, func, select

from registry.domain.errors import NotFound
from registry.labels.shipped import shipped_templates
from registry.labels.template import LabelTemplate, read_template, same_template
from registry.queries.rows import all_views
from registry.storage.database import reading
from registry.storage.tables import label_template, user


class TemplateRow(msgspec.Struct, frozen=True, kw_only=True):
    """A template in the list: its newest version. Sizes are millimetres; ``on_sheet`` labels stand on one page.

    ``newer_shipped``: this release ships a design of the template that the city, having edited its own, never used.
    """

    key: str
    version: int
    name_zh: str
    name_en: str
    width_mm: float
    height_mm: float
    on_sheet: int
    roll_dpi: int | None
    engraving: bool
    shipped: bool
    newer_shipped: bool
    retired: bool
    created_at: datetime


class TemplateVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version: when it was saved and by whom (None: it came with the program)."""

    version: int
    shipped: bool
    created_at: datetime
    created_by_name: str | None


def list_templates(engine: Engine, *, with_retired: bool = False) -> list[TemplateRow]:
    """The newest version of each template, by key."""
    newest = (
        select(label_template.c.key, func.max(label_template.c.version).label("version"))
        .group_by(label_template.c.key)
        .subquery()
    )
    query = (
        select(label_template)
        .join(newest, (newest.c.key == label_template.c.key) & (newest.c.version == label_template.c.version))
        .order_by(label_template.c.key)
    )
    if not with_retired:
        query = query.where(label_template.c.retired.is_(False))
    with reading(engine) as tx:
        rows = tx.execute(query).all()
        used = tx.execute(select(label_template.c.key, label_template.c.body).where(label_template.c.shipped)).all()
    unused = {template.key: template for template in shipped_templates()}
    for row in used:
        if row.key in unused and same_template(row.body, unused[row.key]):
            del unused[row.key]
    found = []
    for row in rows:
        template = read_template(row.body)
        found.append(
            TemplateRow(
                key=row.key,
                version=row.version,
                name_zh=row.name_zh,
                name_en=row.name_en,
                width_mm=template.width_mm,
                height_mm=template.height_mm,
                on_sheet=template.sheet.columns * template.sheet.rows if template.sheet else 0,
                roll_dpi=template.roll.dpi if template.roll else None,
                engraving=template.engraving,
                shipped=row.shipped,
                newer_shipped=row.key in unused,
                retired=row.retired,
                created_at=row.created_at,
            )
        )
    return found


def template_in_use(engine: Engine, key: str, version: int | None = None) -> LabelTemplate:
    """The newest version of a template, or ``version`` of it (also of a retired one). Raises ``NotFound``."""
    query = select(label_template.c.body).where(label_template.c.key == key)
    query = query.order_by(label_template.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(label_template.c.version == version)
    with reading(engine) as tx:
        body = tx.execute(query).scalar()
    if body is None:
        raise NotFound("label template", key if version is None else f"{key} version {version}")
    return read_template(body)


def template_versions(engine: Engine, key: str) -> list[TemplateVersion]:
    """Every version of a template, the newest first. Raises ``NotFound``."""
    query = (
        select(label_template, user.c.name.label("created_by_name"))
        .outerjoin(user, user.c.id == label_template.c.created_by)
        .where(label_template.c.key == key)
        .order_by(label_template.c.version.desc())
    )
    with reading(engine) as tx:
        found = all_views(tx, query, TemplateVersion)
    if not found:
        raise NotFound("label template", key)
    return found
