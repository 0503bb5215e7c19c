"""Every operation of the API, in the order that readers meet them."""

from __future__ import annotations

from dashboards.api import (
    account,
    areas,
    asset_changing,
    asset_finding,
    asset_registering,
    classes,
    duties,
    exports,
    figures,
    fittings,
    gaps,
    import_profiles,
    imports,
    jobs,
    labels,
    live,
    people,
    photos,
    plates,
    print_runs,
    units,
    work,
)
from dashboards.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *asset_finding.OPERATIONS,
    *asset_registering.OPERATIONS,
    *asset_changing.OPERATIONS,
    *plates.OPERATIONS,
    *fittings.OPERATIONS,
    *photos.OPERATIONS,
    *work.OPERATIONS,
    *classes.OPERATIONS,
    *areas.OPERATIONS,
    *units.OPERATIONS,
    *duties.OPERATIONS,
    *gaps.OPERATIONS,
    *jobs.OPERATIONS,
    *imports.OPERATIONS,
    *import_profiles.OPERATIONS,
    *exports.OPERATIONS,
    *labels.OPERATIONS,
    *print_runs.OPERATIONS,
    *people.OPERATIONS,
    *account.OPERATIONS,
    *figures.OPERATIONS,
    *live.OPERATIONS,
)
