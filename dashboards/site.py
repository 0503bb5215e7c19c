"""What every route needs: the settings, the city, the stores and the words, handed to the app when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, request
from sqlalchemy import Engine

from dashboards.assets_manifest import AssetsManifest
from dashboards.cabinet_door import CabinetDoor
from dashboards.settings import City, WebSettings
from dashboards.stream import FeedHub
from dashboards.stream_sender import Sender
from dashboards.texts import DEFAULT_LANGUAGE, LANGUAGES, Texts
from registry.domain.case_standard import CaseLine, Standard
from registry.queries.standard import standard_of
from registry.queries.units import english_names

if TYPE_CHECKING:
    from dashboards.cabinet_words import CabinetWords
    from dashboards.kept_sentences import KeptSentences

EXTENSION = "covercode"
_PROGRAMS = ("/api/", "/open311/")
_OF_THE_STANDARD = ("kind.", "crew.what.")
"""Words about kinds of cases: the city's standard has them, since it changes lines and adds its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One running web part. ``store`` is a series store, only handed on to ``registry.queries.series``.

    ``refusals`` holds each English sentence of a refusal with the Chinese one (``dashboards.refusals``),
    ``kept_refusals`` finds them again in text, and ``cabinet_words`` what cabinets say (``dashboards.cabinet_words``).
    """

    settings: WebSettings
    city: City
    engine: Engine
    store: Any
    clock: Callable[[], datetime]
    zone: ZoneInfo
    texts: Texts
    refusals: Mapping[str, str]
    kept_refusals: KeptSentences
    cabinet_words: CabinetWords
    manifest: AssetsManifest
    hub: FeedHub
    sender: Sender
    cabinets: CabinetDoor


def site() -> Site:
    """The site of the app that answers this request."""
    return cast("Site", current_app.extensions[EXTENSION])


def site_of(app: Flask) -> Site:
    """The site behind ``app``."""
    found = app.extensions[EXTENSION]
    if not isinstance(found, Site):
        raise TypeError("this Flask app was not made by create_app")
    return found


def now() -> datetime:
    """The moment this request began: one page shows one moment."""
    if "now" not in g:
        g.now = site().clock()
    return cast("datetime", g.now)


def lang() -> str:
    """The language of this request: Chinese unless the visitor chose another.

    A program has no cookie to choose with; to the API it may say so in ``Accept-Language``.
    """
    # a page asks for each of its hundreds of words
    if "lang" not in g:
        g.lang = _chosen_language()
    return cast("str", g.lang)


def _chosen_language() -> str:
    chosen = request.cookies.get("lang")
    if chosen is None and request.path.startswith(_PROGRAMS):
        chosen = request.accept_languages.best_match(LANGUAGES)
    chosen = chosen or DEFAULT_LANGUAGE
    return chosen if chosen in LANGUAGES else DEFAULT_LANGUAGE


def t(key: str, **args: object) -> str:
    """Words in the language of this request."""
    if args:
        return _said(key, args)
    # a list asks for the same words in each of its rows
    said: dict[str, str] | None = g.get("said")
    if said is None:
        said = g.said = {}
    if key not in said:
        said[key] = _said(key, {})
    return said[key]


def _said(key: str, args: Mapping[str, object]) -> str:
    words, language = site().texts, lang()
    if key.startswith(_OF_THE_STANDARD) and (line := standard().lines.get(key.rpartition(".")[2])) is not None:
        return _said_of(line, key, words, language)
    return words.t(language, key, **args)


def _said_of(line: CaseLine, key: str, words: Texts, language: str) -> str:
    if key.startswith("kind."):
        return line.said("name", language)
    return words.t(language, key) if words.has(language, key) else line.said("closing", language)


def unit_called(name: str | None) -> str | None:
    """A unit's name in the language of this request: its English one where it has one."""
    if not name or lang() == DEFAULT_LANGUAGE:
        return name
    if "units" not in g:
        g.units = english_names(site().engine)
    return cast("str", g.units.get(name, name))


def standard() -> Standard:
    """The case standard in force, as this request found it."""
    if "standard" not in g:
        g.standard = standard_of(site().engine)
    return cast("Standard", g.standard)
