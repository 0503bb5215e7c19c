"""Keeping label templates: shipped ones come with each release; an edit is a new version, never a change in place.

A version that plates were printed with can always be looked at again; a retired template only leaves the lists.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, insert, select, tuple_, update

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.people import SYSTEM, Actor
from registry.labels.shipped import shipped_template, shipped_templates
from registry.labels.template import LabelTemplate, same_template, template_body
from registry.labels.template_check import check_template
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import label_template


def ship_templates(tx: Connection, *, now: datetime) -> int:
    """Add the shipped templates that the city does not have yet, and the better ones of this release; answers how many.

    A template gets a new version only if the one in use is as an earlier release shipped it: what people edited or
    retired stays as it is (``queries.label_templates`` tells them that there is a newer one).
    """
    newest = {row.key: row for row in tx.execute(_newest())}
    better = []
    for template in shipped_templates():
        row = newest.get(template.key)
        if row is None or (row.shipped and not row.retired and not same_template(row.body, template)):
            better.append((template, 1 if row is None else row.version + 1))
    if better:
        tx.execute(insert(label_template), [_row(each, version, None, now=now) for each, version in better])
    for template, version in better:
        if version > 1:
            subject, detail = f"template:{template.key}", {"version": version}
            audit.record(tx, by=SYSTEM, action="template.renew", subject=subject, detail=detail, now=now)
    return len(better)


def save_template(engine: Engine, template: LabelTemplate, *, by: Actor, now: datetime) -> int:
    """Keep ``template`` as the newest version of its key, which is also what brings a retired one back; the version.

    One that is as this release ships it counts as unedited again: the next release may renew it. Saving what is in use
    already changes nothing. Raises ``InvalidInput`` for the first thing that is wrong with it.
    """
    for problem in check_template(template):
        raise problem
    with writing(engine) as tx:
        newest = tx.execute(_versions(template.key).limit(1)).first()
        if newest is not None and not newest.retired and same_template(newest.body, template):
            return int(newest.version)
        version = 1 if newest is None else newest.version + 1
        tx.execute(insert(label_template).values(_row(template, version, by.user_id, now=now)))
        subject, detail = f"template:{template.key}", {"version": version}
        audit.record(tx, by=by, action="template.save", subject=subject, detail=detail, now=now)
    return version


def retire_template(engine: Engine, key: str, *, by: Actor, now: datetime) -> None:
    """Take a template out of the lists. Raises ``NotFound``, and ``InvalidInput`` for the last one that is left."""
    with writing(engine) as tx:
        newest = tx.execute(_versions(key).limit(1)).first()
        if newest is None or newest.retired:
            raise NotFound("label template", key)
        others = tx.execute(
            select(label_template.c.key)
            .where(label_template.c.key != key, label_template.c.retired.is_(False))
            .limit(1)
        ).first()
        if others is None:
            raise InvalidInput("key", "is the last template in use; make another one first")
        tx.execute(update(label_template).where(label_template.c.key == key).values(retired=True))
        audit.record(tx, by=by, action="template.retire", subject=f"template:{key}", now=now)


def _versions(key: str) -> Select[Any]:
    return select(label_template).where(label_template.c.key == key).order_by(label_template.c.version.desc())


def _newest() -> Select[Any]:
    newest = select(label_template.c.key, func.max(label_template.c.version)).group_by(label_template.c.key)
    return select(label_template).where(tuple_(label_template.c.key, label_template.c.version).in_(newest))


def _row(template: LabelTemplate, version: int, created_by: int | None, *, now: datetime) -> dict[str, Any]:
    return {
        "key": template.key,
        "version": version,
        "name_zh": template.name_zh,
        "name_en": template.name_en,
        "body": template_body(template),
        "shipped": template == shipped_template(template.key),
        "created_at": now,
        "created_by": created_by,
    }
