"""Nothing for people is written anywhere but in the catalogues, in both languages, and an English page is English."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from sqlalchemy import JSON, Text, select, update

import dashboards
from registry.domain.kinds import Role
from registry.storage.database import reading, writing
from registry.storage.tables import metadata, unit
from tests.things import Where, one_of_each, page_addresses
from tests.web.conftest import NOON, Web

HERE = Path(dashboards.__file__).parent
ROOT = HERE.parent
HAN = re.compile(r"[\u3400-\u9fff]+")
SHOWN = frozenset({"title", "aria-label", "alt", "placeholder", "label", "data-own-words"})
# figures that count something, and a line that needs no reason
WITHOUT_WORDS = {"unit.1", "unit.None", "why.absolute"}
# 督〔2026〕17号: what an official paper is called, in any language
PAPER = re.compile(r"[\u3400-\u9fff]?〔\d{4}〕\d+ ?号")
# names of the house, of formats and of standards are the same in every language
SAME_EVERYWHERE = {"CoverCode", "CSV", "XLSX", "SVG", "PNG", "PDF", "JSON", "GeoJSON", "MVT", "WMTS", "PMTiles"}


def catalogue(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((HERE / "words" / name).read_text("utf-8"))
    return found


@pytest.mark.parametrize("kind", ["", "messages."])
def test_both_languages_have_the_same_words_with_the_same_blanks(kind: str) -> None:
    zh, en = (catalogue(f"{kind}{lang}.json") for lang in ("zh", "en"))
    assert zh.keys() == en.keys()
    assert {key: blanks(words) for key, words in zh.items()} == {key: blanks(words) for key, words in en.items()}
    assert {key for key, words in (zh | en).items() if not words.strip()} <= WITHOUT_WORDS


def test_english_words_are_english_and_chinese_ones_chinese() -> None:
    zh, en = catalogue("zh.json"), catalogue("en.json")
    assert [key for key, words in en.items() if HAN.search(words) and not meant_to_be_chinese(key)] == []
    # words of more than a name or a unit, which are the same in both
    same = [key for key, words in zh.items() if words == en[key] and not HAN.search(words)]
    assert [key for key in same if len(re.findall(r"[a-z]{3,}", re.sub(r"\{\w*\}", "", zh[key]))) > 3] == []


def meant_to_be_chinese(key: str) -> bool:
    """What a page in English shows in Chinese on purpose: the way back, and headings that a file must have."""
    return key in {
        "nav.language_title",
        "nav.other_language",
        "nav.other_language_short",
        "duties.import_help",
        "hotline.columns",
        "mandates.file_help",
        "mobile.number_help",
    }


def blanks(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name is not None}


@cache
def sources() -> dict[str, str]:
    """Everything that may name a word: Python, templates, scripts."""
    folders = [(HERE, "*.py"), (HERE / "templates", "*.html"), (HERE / "frontend" / "src", "*.ts")]
    folders += [(ROOT / "registry", "*.py"), (ROOT / "registry" / "data", "*.json")]
    found = [path for folder, pattern in folders for path in folder.rglob(pattern) if ".test." not in path.name]
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in found}


def test_every_word_is_used() -> None:
    text = "\n".join(sources().values())
    literals = set(re.findall(r"""["'`]([a-z]\w*(?:\.\w+)+)["'`]""", text))
    beginnings = tuple(set(re.findall(r"""["'`]([a-z]\w*\.(?:[\w.]*[._])?)(?=["'`]|\$?\{)""", text)))
    middles = set(re.findall(r"""["'}`]\.(\w+)["'`]""", text))
    unused = [
        key
        for key in catalogue("zh.json").keys() | catalogue("messages.zh.json").keys()
        if not {key, key.rpartition(".")[0]} & literals
        and not key.startswith(beginnings)
        and key.rpartition(".")[2] not in middles
    ]
    assert sorted(unused) == []


def test_everything_the_trail_records_is_said_in_words() -> None:
    services = "\n".join(text for path, text in sources().items() if path.startswith("registry/services/"))
    recorded = set(re.findall(r'(?:action=|audited=|_record\(tx, |_note\(tx, )"(\w+\.[\w.]+)"', services))
    assert len(recorded) > 100
    words = catalogue("zh.json")
    assert sorted(action for action in recorded if f"audit_action.{action}" not in words) == []
    kinds = set(re.findall(r'subject=f?"(\w+)[:"]', services))
    assert sorted(kind for kind in kinds if f"audit_of.{kind}" not in words) == []


# comments of Jinja, of HTML, of CSS and TypeScript, of Python
COMMENTS = {
    ".html": re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL),
    ".ts": re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL),
}


# blocks and variables of templates that hold an attribute's worth, and no words
NO_WORDS = re.compile(r"\{%-? ?block (?:body_data|body_class|page_class)\b.*?endblock.*?%\}", re.DOTALL)


@pytest.mark.parametrize("ending", [".html", ".ts"])
def test_no_chinese_is_typed_into_a_page_or_a_script(ending: str) -> None:
    typed = {
        name: found
        for name, text in sources().items()
        if name.endswith(ending) and (found := HAN.findall(COMMENTS[ending].sub("", text)))
    }
    assert typed == {}


def test_no_english_is_typed_into_a_page() -> None:
    typed: dict[str, list[str]] = {}
    for name, text in sources().items():
        if not name.endswith(".html"):
            continue
        text = re.sub(r"\{% if [^%]*%\}aria-invalid=.*?\{% endif %\}", "", text)
        text = re.sub(r"<(/?)\{\{.*?\}\}", r"<\1span", text)  # an element that a macro chooses
        text = NO_WORDS.sub("", COMMENTS[".html"].sub("", text))
        reader = Reader(shown=frozenset({"title", "aria-label", "alt", "placeholder"}))
        reader.feed(re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL))
        words = [word for said in reader.said for word in re.findall(r"[A-Za-z][A-Za-z]+", said)]
        if found := [word for word in words if word not in SAME_EVERYWHERE]:
            typed[name] = found
    assert typed == {}


class Reader(HTMLParser):
    """Collects what a page says in its own language: its text, and the attributes that are shown or read out."""

    VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})

    def __init__(self, shown: frozenset[str] = SHOWN) -> None:
        super().__init__()
        self._shown = shown
        self.said: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        foreign = self._foreign() or tag in ("script", "style", "textarea")
        # what is written in another language says so
        foreign = foreign or (tag != "html" and "lang" in given)
        if not foreign:
            self.said += [value for name, value in attrs if value and name in self._shown and tag != "meta"]
        if tag not in self.VOID:
            self._open.append((tag, foreign))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._foreign() and data.strip():
            self.said.append(data.strip())

    def _foreign(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def test_an_english_page_says_nothing_in_chinese_but_the_citys_own_names(web: Web) -> None:
    city = web.city
    things = one_of_each(
        Where(
            engine=city.engine,
            asset_id=city.asset_id,
            unit_id=city.water,
            crew=city.crew,
            dispatcher=city.dispatcher,
            area_code="440803",
            now=NOON,
        )
    )
    with writing(city.engine) as tx:
        tx.execute(update(unit).where(unit.c.id == city.water).values(name="供水三所", name_en="Third Water Works"))
    own = own_names(web)
    client = web.as_(Role.ADMINISTRATOR)
    client.set_cookie("lang", "en")
    client.get("/account").close()  # the welcome of signing in, which was in Chinese
    foreign: dict[str, list[str]] = {}
    pages = 0
    for endpoint, address in page_addresses(web.app, things).items():
        with client.get(address) as answer:
            assert answer.status_code < 500, f"{endpoint} {address} answers {answer.status}"
            if answer.mimetype != "text/html" or answer.status_code >= 300:
                continue
            pages += 1
            reader = Reader()
            reader.feed(answer.text)
        said = [words for text in reader.said for words in HAN.findall(PAPER.sub("", text)) if words not in own]
        if said:
            foreign[f"{endpoint} {address}"] = said
    assert foreign == {}, foreign
    assert pages > 100


def own_names(web: Web) -> str:
    """Everything Chinese that the city wrote itself, and for which there is no English beside it."""
    found = [web.place.name, *catalogue("en.json").values()]
    with reading(web.city.engine) as tx:
        for table in metadata.sorted_tables:
            texts = [column for column in table.columns if isinstance(column.type, (Text, JSON)) or is_text(column)]
            if texts:
                for row in tx.execute(select(*texts)).mappings():
                    found += [word for column in texts for word in chinese_of(column.name, row)]
    return "\n".join(found)


def is_text(column: Any) -> bool:
    return column.type.python_type is str if hasattr(column.type, "python_type") else False


def chinese_of(name: str, row: Any) -> Iterator[str]:
    """The Chinese texts in a column, without those that stand in English beside it."""
    beside = f"{name.removesuffix('_zh')}_en"
    if row.get(beside):
        return
    yield from chinese_in(row[name])


def chinese_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if HAN.search(value):
            yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not (key.endswith("zh") and value.get(f"{key.removesuffix('zh')}en")):
                yield from chinese_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from chinese_in(inner)
