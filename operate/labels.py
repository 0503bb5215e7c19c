"""Single labels and label templates from the shell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from operate.plates import at_the_shell, now, records
from operate.processes import city_on_plates

if TYPE_CHECKING:
    from registry.labels import Format, LabelFacts, LabelTemplate
    from registry.services.print_selection import PlateFacts


def make_single_labels(
    config: Path | None,
    names: Sequence[str],
    *,
    template: str,
    fmt: Format,
    dpi: int | None,
    start: int,
    out: Path | None,
) -> Iterator[str]:
    """Labels for tokens and component codes: a file, or a folder of files for several that can't share one."""
    from registry.labels.making import join_labels
    from registry.queries.label_templates import template_in_use
    from registry.services.print_making import label_facts

    engine, place = records(config)
    chosen = template_in_use(engine, template)
    on_plates = city_on_plates(place)
    facts = [label_facts(plate, on_plates) for plate in _plates(config, names)]
    engine.dispose()
    if fmt in ("pdf", "zpl") or len(facts) == 1:
        path = out or Path(f"{facts[0].code or facts[0].token}.{fmt}" if len(facts) == 1 else f"labels.{fmt}")
        path.write_bytes(join_labels(chosen, facts, fmt, dpi, start_position=start))
        yield f"{path}: {len(facts)} labels, each decoded again"
        return
    yield from _one_by_one(chosen, facts, fmt, dpi, out or Path("labels"))


def _one_by_one(
    template: LabelTemplate, facts: Sequence[LabelFacts], fmt: Format, dpi: int | None, folder: Path
) -> Iterator[str]:
    from registry.labels import make_labels

    folder.mkdir(parents=True, exist_ok=True)
    for each, made in zip(facts, make_labels(template, facts, fmt, dpi), strict=True):
        if made.problem:
            yield f"{each.token}: {made.problem}"
            continue
        path = folder / f"{each.code or 'blank'}-{each.token}.{fmt}"
        path.write_bytes(made.content)
        yield f"{path}: QR version {made.qr_version}, error level {made.error_level}, decoded again"


def _plates(config: Path | None, names: Sequence[str]) -> list[PlateFacts]:
    """A plate for each name, in their order. Raises ``NotFound`` for one that has none."""
    from registry.domain.codes import read_code
    from registry.domain.errors import NotFound
    from registry.domain.tokens import TOKEN_LENGTH, read_token
    from registry.services.print_selection import plates_named
    from registry.storage.database import reading

    short = {name: "".join(name.split()).replace("-", "") for name in names}
    tokens = {name: read_token(name) for name, bare in short.items() if len(bare) <= TOKEN_LENGTH}
    codes = {name: str(read_code(name)) for name in names if name not in tokens}
    engine, _ = records(config)
    with reading(engine) as tx:
        found = plates_named(tx, list(tokens.values()), list(codes.values()))
    engine.dispose()
    by_name = {plate.token: plate for plate in found} | {plate.code: plate for plate in found if plate.code}
    for name in names:
        if (tokens.get(name) or codes[name]) not in by_name:
            raise NotFound("plate" if name in tokens else "active plate of asset", name)
    return [by_name[tokens.get(name) or codes[name]] for name in names]


def list_label_templates(config: Path | None) -> Iterator[str]:
    """Every template in use: key, version, size, name."""
    from registry.queries.label_templates import list_templates

    engine, _ = records(config)
    rows = list_templates(engine)
    engine.dispose()
    if not rows:
        yield "no label templates; `covercode db upgrade` installs the shipped ones"
    for row in rows:
        edited = "" if row.shipped else "  (edited)"
        size = f"{row.width_mm:g} × {row.height_mm:g} mm"
        yield f"{row.key:<20} v{row.version:<3} {size:<16} {row.name_zh}  {row.name_en}{edited}"


def export_label_template(config: Path | None, key: str, version: int | None) -> bytes:
    """A template as JSON, to be edited or carried to another city."""
    from registry.labels import template_json
    from registry.queries.label_templates import template_in_use

    engine, _ = records(config)
    body = template_json(template_in_use(engine, key, version))
    engine.dispose()
    return body


def import_label_template(config: Path | None, file: Path) -> str:
    """Keep the template in ``file`` as the newest version of its key; all that is wrong with it is told at once."""
    from registry.domain.errors import InvalidInput
    from registry.labels import check_template, read_template
    from registry.services.label_templates import save_template

    template = read_template(file.read_bytes())
    problems = check_template(template)
    if problems:
        told = "\n".join(f"  {each.field}: {each.problem}" for each in problems)
        raise InvalidInput(file.name, f"this template can't be used:\n{told}")
    engine, _ = records(config)
    version = save_template(engine, template, by=at_the_shell(), now=now())
    engine.dispose()
    return f"{template.key} is now at version {version}"
