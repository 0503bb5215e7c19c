"""The registry's work from the shell: tables, people, settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from operate.processes import city, open_records
from operate.settings import shown


def upgrade_database(config: Path | None) -> str:
    """Tables at this version, shipped classes, rules, seasons and label templates in place."""
    from registry.services.boards import install_shipped_boards
    from registry.services.classes import load_classes
    from registry.services.label_templates import ship_templates
    from registry.services.rules import install_shipped_rules
    from registry.services.seasons import install_shipped_seasons
    from registry.storage.database import writing
    from registry.storage.schema import upgrade

    place = city(config)
    engine, _ = open_records(place)
    upgrade(engine)
    with writing(engine) as tx:
        load_classes(tx)
        now = datetime.now(UTC)
        rules, templates = install_shipped_rules(tx, now=now), ship_templates(tx, now=now)
        seasons, boards = install_shipped_seasons(tx), install_shipped_boards(tx, now=now)
    engine.dispose()
    added = f"{rules} rules, {seasons} seasons, {boards} boards and {templates} label templates added or renewed"
    return f"records database is up to date ({added}): {engine.url.render_as_string(hide_password=True)}"


def show_settings(config: Path | None) -> Iterator[str]:
    """Every effective setting of the city's processes."""
    place = city(config)
    yield f"# from {config or 'the defaults'}, relative paths start at {place.home}"
    for name, value in shown(place.settings):
        yield f"{name} = {value}"
