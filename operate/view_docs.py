"""``docs/views.md``: the views that other programs may read, from where they are defined."""

from __future__ import annotations

from registry.storage.read_view_columns import VIEWS
from registry.storage.read_views import READER, SCHEMA, VERSION

_HEAD = f"""# Views for other programs

<!-- made by `covercode db views`; change registry/storage/read_view_columns.py instead -->

Version {VERSION} of the schema `{SCHEMA}` in PostgreSQL, made and kept by `covercode db upgrade`. Tables change from
release to release, these views don't: columns may be added; one is taken away or given another meaning only with a new
version, which the changelog tells. They hold no names, telephone numbers or words of people. SQLite has none.

- The role `{READER}` (made by `deploy/set-up-stores.sh`) may read them and nothing else. Another role of your own:
  `GRANT USAGE ON SCHEMA {SCHEMA} TO bi; GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO bi;` and, so that it stays so
  after an upgrade, `ALTER DEFAULT PRIVILEGES FOR ROLE covercode IN SCHEMA {SCHEMA} GRANT SELECT ON TABLES TO bi;`
- Build no views of your own on them in this database (PostgreSQL refuses to renew what another view stands on, and
  `covercode db upgrade` fails): ask them, or copy what they say.
- Moments are `timestamptz`. Where the same stands beside it as `…_ms`, cut by that: `WHERE opened_at_ms >= $__from`.
- An area holds what its code begins: `WHERE area_code LIKE '440803%'`.
- The readings themselves are in the series store (`docs/series.md`); `points.id` is the tag `point` there.
"""


def views_page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for view in VIEWS:
        parts.append(f"\n## {view.name}\n\n{view.says}\n\n| column | what |\n|---|---|\n")
        parts += [f"| `{column.name}` | {column.says} |\n" for column in view.columns]
    return "".join(parts)
