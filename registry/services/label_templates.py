"""Keeping label templates: shipped ones are installed once; an edit is a new version, never a change in place.

A version that plates were printed with can always be looked at again; a retired template only leaves the lists.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, insert, select, update

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.people import Actor
from registry.labels.shipped import shipped_templates
from registry.labels.template import LabelTemplate, read_template, template_body
from registry.labels.template_check import check_template
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import label_template


def ship_templates(tx: Connection, *, now: datetime) -> int:
    """Add the shipped templates that the city does not have yet; answers how many. Those that people edited stay."""
    known = set(tx.execute(select(label_template.c.key)).scalars())
    missing = [template for template in shipped_templates() if template.key not in known]
    if missing:
        rows = [_row(template, 1, now=now) | {"shipped": True, "created_by": None} for template in missing]
        tx.execute(insert(label_template), rows)
    return len(missing)


def save_template(engine: Engine, template: LabelTemplate, *, by: Actor, now: datetime) -> int:
    """Keep ``template`` as the newest version of its key, which is also what brings a retired one back; the version.

    Saving what is in use already changes nothing. Raises ``InvalidInput`` for the first thing that is wrong with it.
    """
    for problem in check_template(template):
        raise problem
    with writing(engine) as tx:
        newest = tx.execute(_versions(template.key).limit(1)).first()
        if newest is not None and not newest.retired and read_template(newest.body) == template:
            return int(newest.version)
        version = 1 if newest is None else newest.version + 1
        row = _row(template, version, now=now) | {"shipped": False, "created_by": by.user_id}
        tx.execute(insert(label_template).values(row))
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


def _row(template: LabelTemplate, version: int, *, now: datetime) -> dict[str, Any]:
    return {
        "key": template.key,
        "version": version,
        "name_zh": template.name_zh,
        "name_en": template.name_en,
        "body": template_body(template),
        "created_at": now,
    }
