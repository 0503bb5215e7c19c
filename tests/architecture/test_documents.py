"""Documents that must agree with the program."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import covercode
from operate.setting_docs import settings_page
from operate.view_docs import views_page

ROOT = Path(__file__).parents[2]


def test_the_settings_page_is_the_program_s_own():
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run: covercode config docs >docs/settings.md"


def test_the_page_of_views_is_the_program_s_own():
    page = (ROOT / "docs/views.md").read_text(encoding="utf-8")
    assert page == views_page(), "run: covercode db views >docs/views.md"


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in covercode.main.commands if f"covercode {name}" not in readme]
    assert missing == []


def _commands(group: click.Group, path: str = ""):
    for name, command in group.commands.items():
        yield f"{path} {name}".strip(), command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")


@pytest.mark.parametrize(("name", "command"), list(_commands(covercode.main)))
def test_every_command_and_option_explains_itself(name: str, command: click.Command):
    assert command.help, name
    silent = [
        option.name
        for option in command.params
        if isinstance(option, click.Option) and not option.help and option.name not in {"home"}
    ]
    assert silent == []


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_command_a_document_names_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`(covercode [a-z][^`]*)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    named += re.findall(r"^(covercode [a-z].*)$", text, flags=re.MULTILINE)
    assert [line for line in named if not _exists(line.partition("  #")[0].split()[1:])] == []


def _exists(words: list[str]) -> bool:
    """Whether ``words`` lead to a command, and each command on the way has the options that follow it."""
    command: click.Command = covercode.main
    while isinstance(command, click.Group) and words:
        options = {option: parameter for parameter in command.params for option in parameter.opts}
        if words[0] in options:  # a group's own option, with its value
            words = words[2 if not getattr(options[words[0]], "is_flag", False) else 1 :]
        elif words[0].startswith("-"):
            break
        elif (found := command.commands.get(words[0])) is not None:
            command, words = found, words[1:]
        else:
            return False
    known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
    return {word for word in words if word.startswith("-")} <= known


def test_every_direct_dependency_is_explained():
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    body = (ROOT / "setup.cfg").read_text(encoding="utf-8").split("[options.packages.find]")[0]
    names = set(re.findall(r"^    ([a-z0-9-]+)(?:[>=<]|$)", body, flags=re.MULTILINE)) - {"covercode"}
    assert sorted(name for name in names if name not in text) == []


def test_every_room_of_the_map_in_the_readme_exists():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| `([a-z_./]+)/` \|", readme, flags=re.MULTILINE)
    assert len(rooms) >= 6
    assert [room for room in rooms if not (ROOT / room).is_dir()] == []


def test_links_between_documents_lead_somewhere():
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")) and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []
