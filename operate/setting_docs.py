"""docs/settings.md, made from the settings themselves; a test fails when the page and the program differ."""

from __future__ import annotations

import dataclasses

from gateway.settings import BusSettings, CabinetSettings, SourceDevice, SourceSettings, UnitSettings
from operate.city_file import CityFile
from operate.settings import PREFIX, setting_rows

_HEAD = f"""# Settings

Made by `covercode config docs`; do not edit by hand. A setting of `[section]` can also be given in the environment as
`{PREFIX}SECTION_NAME`. Unknown names are refused, and every problem of a file is reported at once.
"""

_REPEATED: tuple[tuple[str, type], ...] = (
    ("bus", BusSettings),
    ("bus.unit", UnitSettings),
    ("source", SourceSettings),
    ("source.device", SourceDevice),
)


def settings_page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, kind in (("The city: `covercode.toml`", CityFile), ("The cabinet: `cabinet.toml`", CabinetSettings)):
        parts.append(f"\n## {title}\n\n| setting | default | unit | what |\n|---|---|---|---|\n")
        parts += [
            f"| `{row.section}.{row.name}` | {f'`{row.default}`' if row.default else ''} | {row.unit} | {row.help} |\n"
            for row in setting_rows(kind)
        ]
    parts.append(
        "\nTables that may stand several times; `docs/cabinet.md` and `docs/sources.md` show them in whole files.\n"
        "\n| setting | default | unit | what |\n|---|---|---|---|\n"
    )
    parts += [_row(table, item) for table, kind in _REPEATED for item in dataclasses.fields(kind)]
    return "".join(parts)


def _row(table: str, item: dataclasses.Field[object]) -> str:
    default = item.default
    if default is dataclasses.MISSING:
        default = "(must be given)" if item.default_factory is dataclasses.MISSING else item.default_factory()
    shown = "" if default in ("", (), {}, None) else f"`{default}`"
    return f"| `[[{table}]].{item.name}` | {shown} | {item.metadata['unit']} | {item.metadata['help']} |\n"
