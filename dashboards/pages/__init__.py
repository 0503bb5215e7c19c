"""The pages: one module per subject, each with ``register(app)``. A page reads queries, calls services, renders.

May not hold SQL or rules of the registry, and may not look into a request's fields except through ``dashboards.forms``.
"""

from __future__ import annotations

from flask import Flask

from dashboards.pages import (
    account,
    alerts,
    areas,
    asset_edit,
    assets,
    audit,
    cabinets,
    cases,
    classes,
    devices,
    duties,
    enrolment,
    exports,
    gaps,
    import_columns,
    import_duplicates,
    imports,
    label_templates,
    letters,
    notice_routes,
    notice_ways,
    notices,
    overview,
    people,
    permits,
    photos,
    posts,
    print_runs,
    repairs,
    rules,
    scan,
    seasons,
    session,
    silences,
    system,
    tags,
    units,
    watching,
)


def register(app: Flask) -> None:
    """Add every page to ``app``. An endpoint is named like its function."""
    for module in (
        session,
        account,
        people,
        audit,
        overview,
        alerts,
        cases,
        assets,
        asset_edit,
        devices,
        imports,
        import_columns,
        import_duplicates,
        exports,
        label_templates,
        photos,
        areas,
        duties,
        posts,
        units,
        gaps,
        scan,
        system,
        letters,
        cabinets,
        enrolment,
        classes,
        tags,
        print_runs,
        watching,
        repairs,
        rules,
        notices,
        notice_ways,
        notice_routes,
        permits,
        silences,
        seasons,
    ):
        module.register(app)
