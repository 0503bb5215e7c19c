"""Alembic migrations of the records database. A migration must work while the previous release's code still runs."""
