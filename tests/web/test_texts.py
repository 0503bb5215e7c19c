from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboards.texts import MissingWord, Texts, ago, duration, load_catalogues, local_time, number

NOW = datetime(2026, 3, 2, 4, 0, 30, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("second", "2026-03-02 12:00:30"),
        ("minute", "2026-03-02 12:00"),
        ("date", "2026-03-02"),
        ("clock", "12:00:30"),
    ],
)
def test_a_time_is_written_in_the_citys_zone(form: str, written: str) -> None:
    assert written == local_time(NOW, SHANGHAI, form)


def test_a_time_that_never_came_is_a_dash() -> None:
    assert local_time(None, SHANGHAI) == "–"
    assert ago(None, "zh", now=NOW) == "–"
    assert duration(None, "zh") == "–"
    assert number(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (2, "刚刚", "just now"),
        (-2, "刚刚", "just now"),
        (59, "59 秒前", "59 s ago"),
        (180, "3 分钟前", "3 min ago"),
        (7200, "2 小时前", "2 h ago"),
        (5 * 86400, "5 天前", "5 d ago"),
        (-180, "3 分钟后", "in 3 min"),
    ],
)
def test_how_long_ago_is_told_in_the_largest_unit(seconds: int, zh: str, en: str) -> None:
    moment = NOW - timedelta(seconds=seconds)
    assert zh == ago(moment, "zh", now=NOW)
    assert en == ago(moment, "en", now=NOW)


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "0 秒", "0 s"),
        (65, "1 分钟 5 秒", "1 min 5 s"),
        (3900, "1 小时 5 分钟", "1 h 5 min"),
        (86400 + 30, "1 天", "1 d"),
        (-3600, "−1 小时", "−1 h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, zh: str, en: str) -> None:
    assert zh == duration(seconds, "zh")
    assert en == duration(seconds, "en")


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [(1234567.0, None, "1,234,567"), (1.25, 2, "1.25"), (1.2, None, "1.2"), (-0.001, 1, "0.0"), (-3.5, 1, "−3.5")],
)
def test_numbers_have_thousands_and_no_negative_zero(value: float, decimals: int | None, written: str) -> None:
    assert written == number(value, decimals)


def test_a_missing_word_is_an_error_in_tests_and_its_key_in_production() -> None:
    catalogues: dict[str, dict[str, str]] = {"zh": {"a": "甲 {name}"}, "en": {}}
    assert Texts(catalogues, strict=True).t("zh", "a", name="乙") == "甲 乙"
    with pytest.raises(MissingWord, match=r"en: stage\.closed"):
        Texts(catalogues, strict=True).t("en", "stage.closed")
    with pytest.raises(MissingWord, match="name"):
        Texts(catalogues, strict=True).t("zh", "a")
    assert Texts(catalogues, strict=False).t("en", "stage.closed") == "stage.closed"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 cases are late"), (1, "1 case is late"), ("1,001", "1,001 cases are late")]
)
def test_a_word_goes_by_the_number_before_it(count: object, said: str) -> None:
    texts = Texts({"zh": {}, "en": {"late": "{n} {n:case is|cases are} late", "bare": "{n:case|cases}"}}, strict=True)
    assert texts.t("en", "late", n=count) == said
    with pytest.raises(MissingWord, match="n"):
        texts.t("en", "bare")


def test_a_key_in_both_files_of_a_language_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zh.json").write_text('{"a": "1"}', encoding="utf-8")
    (tmp_path / "messages.zh.json").write_text('{"a": "2"}', encoding="utf-8")
    with pytest.raises(ValueError, match="another file"):
        load_catalogues(tmp_path)


def test_a_catalogue_that_is_not_flat_is_refused(tmp_path: Path) -> None:
    (tmp_path / "en.json").write_text(json.dumps({"a": {"b": "c"}}), encoding="utf-8")
    with pytest.raises(ValueError, match="flat"):
        load_catalogues(tmp_path)


def test_both_languages_have_the_same_server_messages_with_the_same_blanks() -> None:
    folder = Path(__file__).parents[2] / "dashboards" / "words"
    zh, en = (json.loads((folder / f"messages.{lang}.json").read_text(encoding="utf-8")) for lang in ("zh", "en"))
    assert zh.keys() == en.keys()

    def blanks(words: str) -> set[str]:
        return {part.split("}")[0].split(":")[0] for part in words.split("{")[1:]}

    assert {key: blanks(words) for key, words in zh.items()} == {key: blanks(words) for key, words in en.items()}
