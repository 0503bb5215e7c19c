"""What SQLAlchemy works out about statements and types, kept for all SQLite engines of a test process."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Engine, create_engine, util
from sqlalchemy.engine import Dialect

# each test has an engine of its own, and each engine would put the same few hundred statements into words again
_compiled: util.LRUCache[object, object] = util.LRUCache(4000)


def share_statements(engine: Engine) -> Engine:
    """The engine; what it works out serves the engines of later tests, which have other files and other connections."""
    engine.dialect = _dialect()
    engine.update_execution_options(compiled_cache=_compiled)
    return engine


@cache
def _dialect() -> Dialect:
    """SQLite's, as the first connection leaves it: it knows the library's version, and nothing of any one database."""
    engine = create_engine("sqlite://")
    engine.connect().close()
    engine.dispose()
    return engine.dialect
