"""CoverCode's front door: the command line. It wires the rooms together, importing each only when its command runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        # a thousand modules come next: looking every few objects for garbage among them is a tenth of a start
        gc.set_threshold(20_000)
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


@main.group(invoke_without_command=True)
@click.option("--config", type=_FILE, default=Path("cabinet.toml"), show_default=True, help="The cabinet's settings.")
@click.pass_context
def edge(ctx: click.Context, config: Path) -> None:
    """The cabinet: poll the serial lines, spool every reading, send it until the city has it."""
    from operate.processes import run_edge

    ctx.obj = config
    if ctx.invoked_subcommand is None:
        run_edge(config)


@edge.command("enrol")
@click.option("--city", required=True, metavar="URL", help="The city's address, https://….")
@click.option("--code", required=True, help="The one-time code from the cabinet's page.")
@click.option("--ca", type=_FILE, help="CA certificate of the city's pages, if no public one vouches for them.")
@click.pass_obj
def edge_enrol(config: Path, city: str, code: str, ca: Path | None) -> None:
    """Get this cabinet's right to connect: its own password, which only its hash leaves, and the way to the broker."""
    from gateway.enrolment import enrol

    cabinet = enrol(city, code, config, ca=ca)
    click.echo(f"cabinet {cabinet} is enrolled; now: covercode edge --config {config}")


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


@db.command("views")
def db_views() -> None:
    """What other programs may read of PostgreSQL, as the page docs/views.md."""
    from operate.view_docs import views_page

    click.echo(views_page(), nl=False)


@main.group()
def grafana() -> None:
    """Boards for those who have Grafana."""


@grafana.command("write")
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), default=Path("grafana"), show_default=True, help="Folder."
)
@click.option("--plain", is_flag=True, help="With example addresses instead of this city's.")
@click.option("--lang", "languages", type=click.Choice(["zh", "en"]), multiple=True, help="Language; default: both.")
@_CONFIG
def grafana_write(config: Path | None, to: Path, plain: bool, languages: tuple[str, ...]) -> None:
    """Write the files Grafana reads: data sources, folders, and the shipped boards."""
    from operate.grafana import write_grafana

    for line in write_grafana(config, to, plain=plain, languages=languages):
        click.echo(line)


@main.group()
def users() -> None:
    """People who may log in."""


@users.command("add")
@click.argument("login")
@click.option("--name", required=True, help="The person's name.")
@click.option(
    "--role",
    required=True,
    type=click.Choice(["administrator", "registrar", "dispatcher", "crew", "viewer"]),
    help="What the person may do.",
)
@click.option("--area", default="", metavar="CODE", help="Area code the person is bound to; default: the whole city.")
@click.option("--unit", default="", metavar="NAME", help="The unit the person belongs to.")
@click.password_option(help="Asked for when not given.")
@_CONFIG
def users_add(config: Path | None, **person: str) -> None:
    """Add a person."""
    from operate.people import add_person

    click.echo(add_person(config, **person))


@users.command("list")
@_CONFIG
@_JSON
def users_list(config: Path | None, as_json: bool) -> None:
    """Everybody who may log in: login, role, area (* is the whole city), state, name."""
    from operate.people import show_people

    for line in show_people(config, as_json=as_json):
        click.echo(line)


@users.command("set-password")
@click.argument("login")
@click.password_option(help="Asked for when not given; the person must change it at the next sign-in.")
@_CONFIG
def users_set_password(login: str, password: str, config: Path | None) -> None:
    """Give somebody another password; unlocks the account and ends its sessions."""
    from operate.people import set_password

    click.echo(set_password(config, login=login, password=password))


@users.command("close")
@click.argument("login")
@click.option("--reopen", is_flag=True, help="Open it again instead.")
@_CONFIG
def users_close(login: str, reopen: bool, config: Path | None) -> None:
    """Close somebody's account: signed out at once; what they did stays on record."""
    from operate.people import close_person

    click.echo(close_person(config, login=login, reopen=reopen))


@main.group()
def assets() -> None:
    """The registry's assets."""


@assets.command("import")
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Report only; change nothing.")
@click.option("--division", default="", help="County division of the rows; default: the city's own.")
@click.option("--class", "class_code", default="", metavar="CODE", help="Class of every row without one of its own.")
@click.option("--scheme", default="", help="Class table; default: cjt214-2007.")
@click.option("--map", "columns", multiple=True, metavar="COLUMN=TARGET", help="What a column is; may be repeated.")
@click.option("--profile", default="", help="A saved or shipped column mapping.")
@click.option("--save-profile", default="", metavar="NAME", help="Keep this mapping under a name.")
@click.option("--crs", type=click.Choice(["wgs84", "cgcs2000", "gcj02", "bd09"]), help="The file's coordinate system.")
@click.option("--key", help="How rows are known again: code, alias:KIND, or empty for never.")
@click.option("--swap", is_flag=True, help="Longitude and latitude stand in each other's column.")
@click.option("--sheet", default="", help="Sheet of a workbook; default: the first with rows.")
@click.option("--encoding", default="", help="Encoding of a CSV; default: UTF-8, else GB18030.")
@click.option("--hold-duplicates", "duplicates", flag_value="hold", help="Likely duplicates wait for a decision.")
@click.option("--merge-duplicates", "duplicates", flag_value="merge", help="Likely duplicates change what is there.")
@click.option(
    "--keep-duplicates", "duplicates", flag_value="keep", help="Likely duplicates become assets of their own."
)
@click.option("--duplicates-m", type=click.FloatRange(0, 50), metavar="M", help="How near is likely the same.")
@click.option("--add-units", is_flag=True, help="Put unknown units on file.")
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the report."
)
@_CONFIG
@_JSON
def assets_import(file: Path, config: Path | None, as_json: bool, **wishes: Any) -> None:
    """Import CSV, XLSX or GeoJSON; every row that can't be used is listed with its column, reason and fix."""
    from operate.registry_files import ImportWish, import_file

    wishes = {name: value for name, value in wishes.items() if value is not None or name == "key"}
    with _progress(as_json) as progress:
        for line in import_file(config, file, ImportWish(**wishes), as_json=as_json, progress=progress):
            click.echo(line)


@assets.command("resume")
@click.argument("run", type=int)
@_CONFIG
@_JSON
def assets_resume(run: int, config: Path | None, as_json: bool) -> None:
    """Go on with an import that was stopped or killed, at the first row that is not in the registry."""
    from operate.registry_files import resume_run

    with _progress(as_json) as progress:
        for line in resume_run(config, run, as_json=as_json, progress=progress):
            click.echo(line)


@assets.command("imports")
@_CONFIG
@_JSON
def assets_imports(config: Path | None, as_json: bool) -> None:
    """The latest imports and what became of their rows."""
    from operate.registry_files import list_runs

    for line in list_runs(config, as_json=as_json):
        click.echo(line)


@assets.command("undo")
@click.argument("run", type=int)
@_CONFIG
def assets_undo(run: int, config: Path | None) -> None:
    """Undo an import as a whole, while nothing else has touched its assets."""
    from operate.registry_files import undo_run

    click.echo(undo_run(config, run))


@assets.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, writable=True))
@click.option("--format", type=click.Choice(["csv", "xlsx", "geojson"]), help="Default: by the file's name.")
@click.option("--crs", type=click.Choice(["wgs84", "cgcs2000", "gcj02", "bd09"]), default="wgs84", help="Its system.")
@click.option("--gbk", is_flag=True, help="CSV in GB18030 rather than UTF-8.")
@click.option("--class", "class_code", metavar="CODE", help="Assets of one class.")
@click.option("--area", metavar="CODE", help="Assets of one area.")
@click.option("--state", type=click.Choice(["intact", "damaged", "lost", "abandoned"]), help="Assets in one state.")
@_CONFIG
@_JSON
def assets_export(file: Path, config: Path | None, as_json: bool, **wishes: Any) -> None:
    """Write the assets as CSV, XLSX or GeoJSON, with the columns that an import understands."""
    from operate.registry_files import export_file

    click.echo(export_file(config, file, wishes, as_json=as_json))


@contextmanager
def _progress(as_json: bool, label: str = "rows") -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal; nothing where a program reads along."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1, label=label, show_pos=True, file=sys.stderr) as bar:

        def tell(done: int, expected: int) -> None:
            # a second pass (the import after its check) begins anew
            bar.length, bar.pos, bar.finished = max(expected, 1), min(done, max(expected, 1)), False
            bar.update(0)
            bar.render_progress()

        yield tell


@main.group()
def labels() -> None:
    """Print runs: labels for many assets, or blank plates."""


def _making(fmt: str) -> Any:
    """A progress bar that print runs feed."""
    bar = click.progressbar(length=1, label=fmt, file=sys.stderr, show_pos=True)

    def told(made: int, failed: int, total: int) -> None:
        bar.length = total
        bar.update(made + failed - bar.pos)

    return bar, told


@labels.command("run")
@click.option("--template", default="plate-60x90", show_default=True, help="Key of the label template.")
@click.option("--format", "fmt", type=click.Choice(["pdf", "svg", "png", "zpl", "dxf"]), default="pdf", help="Format.")
@click.option("--name", default="", help="Name of the run; default: the moment.")
@click.option("--blank", type=click.IntRange(min=1), metavar="N", help="N blank plates instead of plates for assets.")
@click.option("--area", default="", metavar="CODE", help="Only assets whose area code begins so.")
@click.option("--class", "class_code", default="", metavar="CODE", help="Only assets of this class.")
@click.option("--scheme", default="cjt214-2007", show_default=True, help="The class table of --class.")
@click.option("--again", is_flag=True, help="Also assets that have a plate: its label is printed again.")
@click.option("--dpi", type=click.IntRange(100, 1200), help="Resolution of PNG and ZPL.")
@click.option("--start-position", type=click.IntRange(min=1), default=1, help="First free label of the first sheet.")
@_CONFIG
def labels_run(config: Path | None, fmt: str, **wishes: Any) -> None:
    """Plan a print run and make it here. Ctrl-C stops it; `labels resume` goes on."""
    from operate.plates import plan_and_make

    bar, told = _making(fmt)
    with bar:
        said = plan_and_make(config, wishes | {"fmt": fmt}, told)
    click.echo(said)


@labels.command("resume")
@click.argument("run_id", type=int)
@_CONFIG
def labels_resume(run_id: int, config: Path | None) -> None:
    """Go on with a run that was stopped, failed or killed, here."""
    from operate.plates import resume_and_make

    bar, told = _making(f"run {run_id}")
    with bar:
        said = resume_and_make(config, run_id, told)
    click.echo(said)


@labels.command("stop")
@click.argument("run_id", type=int)
@_CONFIG
def labels_stop(run_id: int, config: Path | None) -> None:
    """Stop a run, whichever process makes it."""
    from operate.plates import stop_print_run

    click.echo(stop_print_run(config, run_id))


@labels.command("list")
@_CONFIG
def labels_list(config: Path | None) -> None:
    """Every run, newest first."""
    from operate.plates import print_runs

    for line in print_runs(config):
        click.echo(line)


@labels.command("make")
@click.argument("names", metavar="TOKEN|CODE...", nargs=-1, required=True)
@click.option("--template", default="plate-60x90", show_default=True, help="Key of the label template.")
@click.option("--format", "fmt", type=click.Choice(["svg", "png", "pdf", "zpl", "dxf"]), default="pdf", help="Format.")
@click.option(
    "--dpi", type=click.IntRange(100, 1200), help="Resolution of PNG and ZPL; default: the printer's, or 300."
)
@click.option("--start-position", type=click.IntRange(min=1), default=1, help="First free label of the first sheet.")
@click.option("-o", "out", type=click.Path(path_type=Path), help="File (one label, PDF, ZPL) or folder.")
@_CONFIG
def labels_make(names: tuple[str, ...], start_position: int, config: Path | None, **wishes: Any) -> None:
    """Make labels for tokens and component codes, without a print run; each is decoded again."""
    from operate.labels import make_single_labels

    for line in make_single_labels(config, names, start=start_position, **wishes):
        click.echo(line)


@labels.group("templates")
def label_templates() -> None:
    """What labels look like."""


@label_templates.command("list")
@_CONFIG
def label_templates_list(config: Path | None) -> None:
    """Every template in use."""
    from operate.labels import list_label_templates

    for line in list_label_templates(config):
        click.echo(line)


@label_templates.command("export")
@click.argument("key")
@click.option("--version", type=click.IntRange(min=1), help="An older version.")
@click.option("-o", "out", type=_FILE, help="File; default: print it.")
@_CONFIG
def label_templates_export(key: str, version: int | None, out: Path | None, config: Path | None) -> None:
    """A template as JSON, to be edited or carried to another city."""
    from operate.labels import export_label_template

    body = export_label_template(config, key, version)
    if out is None:
        click.echo(body.decode())
    else:
        out.write_bytes(body + b"\n")
        click.echo(f"{out}: {len(body)} bytes")


@label_templates.command("import")
@click.argument("file", type=_FILE)
@_CONFIG
def label_templates_import(file: Path, config: Path | None) -> None:
    """Keep the template in FILE as the newest version of its key."""
    from operate.labels import import_label_template

    click.echo(import_label_template(config, file))


@main.group()
def tags() -> None:
    """Plates and their history."""


@tags.command("show")
@click.argument("token")
@_CONFIG
def tags_show(token: str, config: Path | None) -> None:
    """What became of one plate, and who did it."""
    from operate.plates import tag_history

    for line in tag_history(config, token):
        click.echo(line)


@main.group()
def classes() -> None:
    """Class tables and codes."""


@classes.command("list")
@_CONFIG
def classes_list(config: Path | None) -> None:
    """Every class table."""
    from operate.plates import class_schemes

    for line in class_schemes(config):
        click.echo(line)


@classes.command("import")
@click.argument("file", type=_FILE)
@click.option("--scheme", required=True, metavar="KEY", help="Key of the table, e.g. suzhou-2026.")
@click.option("--name", default="", help="Its Chinese name; default: the key.")
@click.option("--dry-run", is_flag=True, help="Report only; change nothing.")
@_CONFIG
def classes_import(file: Path, scheme: str, name: str, dry_run: bool, config: Path | None) -> None:
    """Load the city's own class table (CSV or XLSX; columns code, name_zh, name_en, family)."""
    from operate.plates import import_classes

    for line in import_classes(config, file, scheme, name, check_only=dry_run):
        click.echo(line)


@classes.command("add")
@click.argument("scheme")
@click.argument("name_zh")
@click.option("--name-en", default="", help="English name.")
@click.option(
    "--family", type=click.Choice(["cover", "light", "other"]), required=True, help="What sort of thing it is."
)
@click.option("--major", default="", metavar="NN", help="Major class; its numbers are counted down from 99.")
@_CONFIG
def classes_add(scheme: str, name_zh: str, name_en: str, family: str, major: str, config: Path | None) -> None:
    """Add a class of the city's own to a table."""
    from operate.plates import add_class

    click.echo(add_class(config, scheme, name_zh, name_en, family, major))


@classes.command("explain")
@click.argument("code")
@_CONFIG
def classes_explain(code: str, config: Path | None) -> None:
    """What each digit of a component code means, and what is wrong with it."""
    from operate.plates import explain

    for line in explain(config, code):
        click.echo(line)


@assets.command("find")
@click.argument("text")
@_CONFIG
@_JSON
def assets_find(text: str, config: Path | None, as_json: bool) -> None:
    """Find an asset by the token on its plate, its code, an older code or an alias."""
    from operate.plates import find

    for line in find(config, text, as_json=as_json):
        click.echo(line)


@main.group()
def areas() -> None:
    """Districts, streets, communities, grid cells; who answers for what in them; what a census lacks."""


@areas.command("import")
@click.argument("file", type=_FILE)
@click.option(
    "--level",
    type=click.Choice(["city", "district", "street", "community", "cell", "duty"]),
    help="Level of every feature; default: by its code's length.",
)
@click.option(
    "--crs",
    type=click.Choice(["wgs84", "cgcs2000", "gcj02", "bd09"]),
    default="wgs84",
    show_default=True,
    help="The file's coordinate system.",
)
@click.option("--map", "columns", multiple=True, metavar="FIELD=PROPERTY", help="Which property is what.")
@click.option("--mend", is_flag=True, help="Take the proposed mends of outlines that cross themselves.")
@click.option("--dry-run", is_flag=True, help="Report only; change nothing.")
@click.option(
    "--relocate/--no-relocate", default=True, help="Find the assets' areas anew here, or leave it to the worker."
)
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the report."
)
@_CONFIG
@_JSON
def areas_import(file: Path, config: Path | None, as_json: bool, **wishes: Any) -> None:
    """Import areas from GeoJSON; every flaw of a feature is listed with what to do."""
    from operate.places import AreaWish, import_area_file

    with _progress(as_json) as progress:
        for line in import_area_file(config, file, AreaWish(**wishes), as_json=as_json, progress=progress):
            click.echo(line)


@areas.command("list")
@click.option(
    "--level", type=click.Choice(["city", "district", "street", "community", "cell", "duty"]), help="List one level."
)
@_CONFIG
@_JSON
def areas_list(level: str | None, config: Path | None, as_json: bool) -> None:
    """How many areas of each level are on file, or one level's areas."""
    from operate.places import list_area_levels

    for line in list_area_levels(config, level=level, as_json=as_json):
        click.echo(line)


@areas.command("relocate")
@_CONFIG
@_JSON
def areas_relocate(config: Path | None, as_json: bool) -> None:
    """Find the area and the grid cell of every asset anew."""
    from operate.places import relocate

    with _progress(as_json) as progress:
        click.echo(relocate(config, as_json=as_json, progress=progress))


@areas.command("gaps")
@_CONFIG
@_JSON
def areas_gaps(config: Path | None, as_json: bool) -> None:
    """Count what the files of the census lack, and which positions are doubtful."""
    from operate.places import count_gaps

    with _progress(as_json) as progress:
        for line in count_gaps(config, as_json=as_json, progress=progress):
            click.echo(line)


@areas.command("apply-duties")
@click.option("--dry-run", is_flag=True, help="Only say how many; change nothing.")
@_CONFIG
@_JSON
def areas_apply_duties(dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Name the parties that assets lack, from the duty list."""
    from operate.places import apply_duties

    with _progress(as_json) as progress:
        click.echo(apply_duties(config, dry_run=dry_run, as_json=as_json, progress=progress))


_PROFILES = click.option(
    "--profiles",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with profiles of your own (cabinet.profiles).",
)


@main.command("decode")
@click.argument("payload", nargs=-1, required=True)
@click.option("--profile", required=True, metavar="NAME", help="Kind of device; `covercode profiles list` names them.")
@click.option("--port", type=click.IntRange(0, 255), default=0, help="LoRaWAN port; 0: none.")
@click.option("--base64", "is_base64", is_flag=True, help="The payload is base64; seen by itself where it is not hex.")
@_PROFILES
@_JSON
def decode_payload(
    payload: tuple[str, ...], profile: str, port: int, is_base64: bool, folder: Path | None, as_json: bool
) -> None:
    """Show what PAYLOAD (hex, base64, or a JSON document) means; exit code 1 and the reason when it can't be used."""
    from operate.decoding import show_decoded

    text = " ".join(payload)
    lines, is_good = show_decoded(profile, text, port=port, is_base64=is_base64, folder=folder, as_json=as_json)
    click.echo("\n".join(lines))
    sys.exit(0 if is_good else 1)


@main.group()
def profiles() -> None:
    """Device profiles: what kinds of device send, as data."""


@profiles.command("list")
@_PROFILES
@_JSON
def profiles_list(folder: Path | None, as_json: bool) -> None:
    """Every profile: shipped ones and your own."""
    from operate.decoding import list_profiles

    click.echo("\n".join(list_profiles(folder, as_json=as_json)))


@profiles.command("check")
@click.argument("files", type=_FILE, nargs=-1)
@_PROFILES
@_JSON
def profiles_check(files: tuple[Path, ...], folder: Path | None, as_json: bool) -> None:
    """Say everything that is wrong with FILES (default: all profiles), each with field, value and fix."""
    from operate.decoding import check_profiles

    lines, is_well = check_profiles(files, folder, as_json=as_json)
    click.echo("\n".join(lines))
    sys.exit(0 if is_well else 1)


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


@main.group()
def series() -> None:
    """The series store: every reading ever taken."""


@series.command("copy")
@click.option("--from", "source", default="", metavar="STORE", help="Default: the store of the settings.")
@click.option("--to", "target", default="", metavar="STORE", help="Default: the store of the settings.")
@_CONFIG
@_JSON
def series_copy(source: str, target: str, config: Path | None, as_json: bool) -> None:
    """Copy all history into another store: a file, or influxdb+http://HOST:8086/DATABASE.

    Both may be in use. Ctrl-C leaves off, the same command goes on; at the end both are counted: 1 when any is missing.
    """
    from operate.series import copy, said

    with _progress(as_json, "points") as progress:
        done = copy(config, source, target, tell=progress)
    for line in said(done, as_json=as_json):
        click.echo(line)
    sys.exit(1 if done.missing else 0)


@main.group()
def letters() -> None:
    """Dead letters: what arrived and could not be used."""


def _narrowed(command: Any) -> Any:
    """The filters of dead letters."""
    for option in (
        click.option("--reason", default="", help="For example unknown_device."),
        click.option("--cabinet", default="", metavar="ID", help="Of one cabinet."),
        click.option("--device", default="", metavar="SERIAL", help="Of one device."),
        click.option("--search", default="", metavar="TEXT", help="With this text in the detail or the original."),
    ):
        command = option(command)
    return command


_NUMBERS = click.argument("numbers", nargs=-1, type=click.IntRange(min=1))
_ALL = click.option("--all", "everything", is_flag=True, help="All of them.")


@letters.command("list")
@_narrowed
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many of the newest.")
@_CONFIG
@_JSON
def letters_list(config: Path | None, as_json: bool, limit: int, **narrow: str) -> None:
    """The causes, the worst first, and the newest letters."""
    from operate.letters import show_letters

    for line in show_letters(config, limit=limit, as_json=as_json, **narrow):
        click.echo(line)


@letters.command("show")
@click.argument("number", type=click.IntRange(min=1))
@_CONFIG
@_JSON
def letters_show(number: int, config: Path | None, as_json: bool) -> None:
    """One letter whole."""
    from operate.letters import show_letter

    click.echo(show_letter(config, number, as_json=as_json))


@letters.command("replay")
@_NUMBERS
@_narrowed
@_ALL
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=0, metavar="S", help="See it done, S at most.")
@_CONFIG
def letters_replay(
    numbers: tuple[int, ...], everything: bool, wait_s: float, config: Path | None, **narrow: str
) -> None:
    """Have letters taken in again by the running ingest, once their cause is mended."""
    from operate.letters import replay

    click.echo(replay(config, numbers, everything=everything, wait_s=wait_s, **narrow))


@letters.command("drop")
@_NUMBERS
@_narrowed
@_ALL
@_CONFIG
def letters_drop(numbers: tuple[int, ...], everything: bool, config: Path | None, **narrow: str) -> None:
    """Let go of letters for good."""
    from operate.letters import drop

    click.echo(drop(config, numbers, everything=everything, **narrow))


@main.group()
def seasons() -> None:
    """Seasons: flood, typhoon, frost, night market. While one is in force, rules' numbers and time limits follow it."""


@seasons.command("list")
@_CONFIG
@_JSON
def seasons_list(config: Path | None, as_json: bool) -> None:
    """Every season: whether it is in force (*), its switch, its dates."""
    from operate.seasons import list_city_seasons

    for line in list_city_seasons(config, as_json=as_json):
        click.echo(line)


@seasons.command("switch")
@click.argument("key")
@click.argument("switch", type=click.Choice(["auto", "on", "off"]))
@_CONFIG
def seasons_switch(key: str, switch: str, config: Path | None) -> None:
    """Put the season KEY in force (on), out of force (off), or leave it to its dates (auto)."""
    from operate.seasons import switch_city_season

    click.echo(switch_city_season(config, key, switch))


@main.group()
def standard() -> None:
    """The case standard: what counts as a case, when it is closed, how long each step may take."""


@standard.command("list")
@click.option("--all", "with_retired", is_flag=True, help="Also lines that were taken out of use.")
@_CONFIG
@_JSON
def standard_list(with_retired: bool, config: Path | None, as_json: bool) -> None:
    """Every kind of case with its limits."""
    from operate.standard import list_standard

    for line in list_standard(config, with_retired=with_retired, as_json=as_json):
        click.echo(line)


@standard.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@_CONFIG
@_JSON
def standard_import(file: Path, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Load FILE (CSV or XLSX): every row, or on any mistake none. Lines that it does not have stay as they are."""
    from operate.standard import load_standard_file

    lines, well = load_standard_file(config, file, dry_run=dry_run, as_json=as_json)
    for line in lines:
        click.echo(line)
    if not well:
        sys.exit(1)


@standard.command("export")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False, writable=True))
@_CONFIG
def standard_export(out: Path, config: Path | None) -> None:
    """Write the standard to OUT, CSV or (by its ending) XLSX; `standard import` reads it back."""
    from operate.standard import write_standard

    click.echo(write_standard(config, out))


@main.group()
def month() -> None:
    """Month ends: figures, scores and ranking of a month, counted from the timelines of its cases."""


@month.command("close")
@click.argument("key", metavar="YYYY-MM")
@click.option("--scheme", help="What it is scored with; as the month before.")
@_CONFIG
@_JSON
def month_close(key: str, scheme: str | None, config: Path | None, as_json: bool) -> None:
    """Count the month here and freeze it; it is approved and published in the browser."""
    from operate.months import close_city_month

    def progress(seen: int, total: int) -> None:
        if not as_json:
            click.echo(f"{seen} of {total} cases", err=True)

    for line in close_city_month(config, key, scheme, as_json=as_json, progress=progress):
        click.echo(line)


@month.command("show")
@click.argument("key", metavar="YYYY-MM")
@_CONFIG
@_JSON
def month_show(key: str, config: Path | None, as_json: bool) -> None:
    """The bulletin of a closed month: totals, rates, the ranking of each group."""
    from operate.months import show_city_month

    for line in show_city_month(config, key, as_json=as_json):
        click.echo(line)


@main.group()
def rules() -> None:
    """Rules: what is wrong, and when. Edited in the browser, or as YAML files with these commands."""


@rules.command("list")
@click.option("--all", "with_retired", is_flag=True, help="Also rules that were taken out of use.")
@_CONFIG
@_JSON
def rules_list(with_retired: bool, config: Path | None, as_json: bool) -> None:
    """The rules, the worst first, with their live alerts and how often each fired in 30 days."""
    from operate.rules import list_city_rules

    for line in list_city_rules(config, with_retired=with_retired, as_json=as_json):
        click.echo(line)


@rules.command("export")
@click.argument("keys", nargs=-1)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="A file, not stdout.")
@_CONFIG
def rules_export(keys: tuple[str, ...], out: Path | None, config: Path | None) -> None:
    """Write rules as YAML: all in use, or those of KEYS."""
    from operate.rules import export_rules

    text = export_rules(config, keys)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


@rules.command("check")
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option(
    "--alone", is_flag=True, help="Without the city: whether classes, areas or plates exist is not looked at."
)
@_CONFIG
@_JSON
def rules_check(files: tuple[Path, ...], alone: bool, config: Path | None, as_json: bool) -> None:
    """Say everything that is wrong in FILES: file:line: rule: field: what to do. Exit code 1 when anything is."""
    from operate.rules import check_rule_files

    lines, is_well = check_rule_files(config, files, alone=alone, as_json=as_json)
    click.echo("\n".join(lines))
    sys.exit(0 if is_well else 1)


_PRUNE = click.option("--prune", is_flag=True, help="Take rules that FILE leaves out of use.")


@rules.command("diff")
@click.argument("file", type=_FILE)
@_PRUNE
@_CONFIG
@_JSON
def rules_diff(file: Path, prune: bool, config: Path | None, as_json: bool) -> None:
    """Show what applying FILE would change, rule by rule, field by field. Exit code 1 when it would change anything."""
    from operate.rules import compare_rule_file

    lines, differs = compare_rule_file(config, file, prune=prune, as_json=as_json)
    click.echo("\n".join(lines))
    sys.exit(1 if differs else 0)


@rules.command("apply")
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@_PRUNE
@click.option("--note", default="", metavar="TEXT", help="Why; kept with each version that this makes.")
@_CONFIG
@_JSON
def rules_apply(file: Path, dry_run: bool, prune: bool, note: str, config: Path | None, as_json: bool) -> None:
    """Make the city's rules those of FILE: all of it, or on any mistake nothing. Takes effect within seconds."""
    from operate.rules import apply_rule_file

    told = apply_rule_file(config, file, prune=prune, dry_run=dry_run, note=note, as_json=as_json)
    click.echo("\n".join(told))


@rules.command("backtest")
@click.argument("key")
@click.option("--file", type=_FILE, help="Take the rule KEY from this YAML file rather than from the city.")
@click.option("--set", "numbers", multiple=True, metavar="NAME=NUMBER", help="Try another number, as fire=12.")
@click.option("--days", type=click.IntRange(1, 732), default=30, show_default=True, help="So many days up to now.")
@click.option("--since", default="", metavar="DATE", help="From this day or moment on instead.")
@click.option("--until", default="", metavar="DATE", help="Up to this day or moment instead of now.")
@click.option("--area", default="", metavar="CODE", help="Only assets whose area code begins so.")
@click.option("--alone", is_flag=True, help="Not beside the version in force.")
@_CONFIG
@_JSON
def rules_backtest(config: Path | None, as_json: bool, **wishes: Any) -> None:
    """Say what rule KEY would have done: alerts by day and area, which were real, which cases it would have missed."""
    from operate.backtests import BacktestAsk, run_backtest

    with _progress(as_json, "assets") as progress:
        told = list(run_backtest(config, BacktestAsk(**wishes), as_json=as_json, progress=progress))
    click.echo("\n".join(told))


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
@click.option("--rows", type=click.IntRange(min=1), help="How many rows, where a benchmark works on a file.")
@click.option("--size", type=click.Choice(["embedded", "one-server"]), help="Which stores, where a benchmark has both.")
@click.option("--minutes", type=click.FloatRange(min=0.5), help="How long torture lasts; as long again without it.")
@click.option("--seed", type=int, help="What torture draws its torments from, year its year, month its cases.")
@click.option("--sensors", type=click.IntRange(min=3), help="How many sensors each cabinet of torture has; year: all.")
@click.option("--days", type=click.IntRange(min=10), help="How many days of the year are played.")
@click.option("--viewers", type=click.IntRange(min=1), help="How many pages listen, in live.")
@click.option("--page", is_flag=True, default=None, help="live: keep the wall open in Chromium too.")
@_JSON
def bench(name: str, as_json: bool, **options: Any) -> None:
    """Run benchmark NAME from the checkout; prints its figures beside a baseline of the same run."""
    from operate.benches import run_bench

    sys.exit(run_bench(name, as_json=as_json, **options))


if __name__ == "__main__":
    main()
