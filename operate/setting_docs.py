"""docs/settings.md, made from the settings themselves; a test fails when the page and the program differ."""

from __future__ import annotations

from gateway.settings import CabinetSettings
from operate.city_file import CityFile
from operate.settings import PREFIX, setting_rows

_HEAD = f"""# Settings

Made by `covercode config docs`; do not edit by hand. A setting of `[section]` can also be given in the environment as
`{PREFIX}SECTION_NAME`. Unknown names are refused, and every problem of a file is reported at once.
"""


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
        "\nA cabinet's serial lines are `[[bus]]` tables with `[[bus.unit]]` tables inside; `docs/cabinet.md` shows a"
        " whole file.\n"
    )
    return "".join(parts)
