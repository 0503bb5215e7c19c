"""what people watch

Works with the previous release's code: add, fill, then (a release later) remove.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import registry.storage.times

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _map()
    _boards()
    _wall()
    _views()


def _map() -> None:
    pass


def _boards() -> None:
    pass


def _wall() -> None:
    pass


def _views() -> None:
    pass
