"""CoverCode's front door: the command line. It wires the rooms together, importing each only when its command runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path, dir_okay=False)
_CONFIG = click.option("--config", type=_FILE, help="covercode.toml; default: the one in this folder, else defaults.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")


class _Friendly(click.Group):
    """Turns the errors we raise on purpose into one clear message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        from operate.failures import readable

        try:
            return super().invoke(ctx)
        except Exception as error:
            message = readable(error)
            if message is None:
                raise
            click.echo(f"covercode: {message}", err=True)
            sys.exit(2)


@click.group(cls=_Friendly, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="covercode")
def main() -> None:
    """CoverCode 一盖一码: one code, one file and one closed loop of care for every cover and lamp of a city."""


@main.command()
@click.option("--duration", type=click.FloatRange(min=5), metavar="S", help="Stop after S seconds and print the tally.")
@click.option("--sensors", type=click.IntRange(2, 2000), default=60, show_default=True, help="How many sensor units.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed plays the same city.")
@click.option("--faults", default="all", show_default=True, help="all, none, or names separated by commas.")
@click.option("--inventory", type=_FILE, help="GeoJSON of real lamp posts to fit the sensors to.")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), default=Path("var/demo"), show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port of the pages.")
@_JSON
def demo(as_json: bool, **wishes: Any) -> None:
    """The whole city in one go: simulator, cabinets, broker, ingest, worker, web. Ctrl-C stops it all."""
    from operate.demo import run_demo
    from operate.demo_plan import Wishes

    sys.exit(run_demo(Wishes(**wishes), as_json=as_json))


@main.command()
@click.option("--config", type=_FILE, required=True, help="cabinet.toml")
def edge(config: Path) -> None:
    """The cabinet: poll the serial lines, spool every reading, send it until the city has it."""
    from operate.processes import run_edge

    run_edge(config)


@main.command()
@click.option("--fleet", type=_FILE, required=True, help="fleet.toml: the lines and their units.")
@click.option("--truth", type=_FILE, required=True, help="Where to write what was answered (JSON lines).")
@click.option("--scenario", type=_FILE, help="Timed events; they may also stand in the fleet file.")
@click.option("--seed", type=int, help="Instead of the fleet file's.")
def sim(fleet: Path, truth: Path, scenario: Path | None, seed: int | None) -> None:
    """The simulated street: sensor units that answer Modbus RTU on pseudo-terminals, faults included."""
    from operate.processes import run_sim

    run_sim(fleet, truth, scenario=scenario, seed=seed)


@main.command()
@_CONFIG
def broker(config: Path | None) -> None:
    """The embedded MQTT broker, for a city without one of its own."""
    from operate.processes import run_broker

    run_broker(config)


@main.command()
@_CONFIG
def ingest(config: Path | None) -> None:
    """The city's intake: packs to readings, alerts and cases; acks what is committed."""
    from operate.processes import run_ingest

    run_ingest(config)


@main.command()
@_CONFIG
def worker(config: Path | None) -> None:
    """The only scheduler: no-data watch, deadlines, clean-up."""
    from operate.processes import run_worker

    run_worker(config)


@main.command()
@_CONFIG
def serve(config: Path | None) -> None:
    """The pages, the API and the live stream."""
    from operate.processes import run_web

    run_web(config)


@main.group()
def db() -> None:
    """The records database."""


@db.command("upgrade")
@_CONFIG
def db_upgrade(config: Path | None) -> None:
    """Create or migrate the tables; install the shipped classes and rules that are missing."""
    from operate.administration import upgrade_database

    click.echo(upgrade_database(config))


@main.group()
def users() -> None:
    """People who may log in."""


@users.command("add")
@click.argument("login")
@click.option("--name", required=True, help="The person's name.")
@click.option(
    "--role",
    required=True,
    type=click.Choice(["administrator", "dispatcher", "crew", "viewer"]),
    help="What the person may do.",
)
@click.password_option(help="Asked for when not given.")
@_CONFIG
def users_add(login: str, name: str, role: str, password: str, config: Path | None) -> None:
    """Add a person."""
    from operate.administration import add_person

    click.echo(add_person(config, login=login, name=name, role=role, password=password))


@main.group()
def assets() -> None:
    """The registry's assets."""


@assets.command("import")
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Report only; change nothing.")
@_CONFIG
@_JSON
def assets_import(file: Path, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Import lamp posts from GeoJSON; every row that can't be used is listed with its reason."""
    from operate.administration import import_assets

    for line in import_assets(config, file, dry_run=dry_run, as_json=as_json):
        click.echo(line)


@main.group("config")
def configuration() -> None:
    """Settings."""


@configuration.command("show")
@_CONFIG
def config_show(config: Path | None) -> None:
    """The effective settings, secrets masked."""
    from operate.administration import show_settings

    for line in show_settings(config):
        click.echo(line)


@configuration.command("docs")
def config_docs() -> None:
    """The table of all settings, as it stands in docs/settings.md."""
    from operate.setting_docs import settings_page

    click.echo(settings_page(), nl=False)


@main.command()
@_CONFIG
@_JSON
def doctor(config: Path | None, as_json: bool) -> None:
    """Check every configured part and say what to do."""
    from operate.doctor import examine

    sys.exit(examine(config, as_json=as_json))


@main.command()
@click.argument("name")
@click.option("--seconds", type=click.FloatRange(min=1), help="Length of each measured part.")
@_JSON
def bench(name: str, seconds: float | None, as_json: bool) -> None:
    """Run benchmark NAME from the checkout; prints its figures beside a baseline of the same run."""
    from operate.benches import run_bench

    sys.exit(run_bench(name, seconds=seconds, as_json=as_json))


if __name__ == "__main__":
    main()
