"""Where the registry keeps things: SQLAlchemy tables, Alembic migrations, the series stores.

May import ``registry.domain`` and libraries. Only ``registry.services``, ``registry.queries``, ``registry.intake`` and
``registry.worker`` may use it.
"""
