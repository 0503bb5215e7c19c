"""Documents: real text that can be searched and copied, whatever their length."""

from datetime import UTC, datetime

import pypdfium2
import pytest

from registry.labels.fonts import can_write_chinese
from registry.papers.blocks import Column, Facts, Gap, Grid, Heading, Masthead, Paragraph, Signature, Title
from registry.papers.lines import broken
from registry.papers.paper import printed

MADE = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not can_write_chinese(), reason="no Chinese font on this machine")


def _text(pdf: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]


def test_what_is_printed_is_what_is_read_back():
    blocks = [
        Masthead("示范市城市管理委员会办公室", "督〔2026〕17号"),
        Title("督查通知单"),
        Facts((("责任单位", "市水务集团"), ("反馈期限", "2026年3月9日17:00前"))),
        Heading("一、督查事项"),
        Paragraph("请于规定时限内完成整改，并将整改情况（附整改前、后照片）书面反馈。"),
        Grid((Column("序号", 1, "center"), Column("问题", 5)), (("1", "海滨大道5号雨水箅子缺失"),)),
        Gap(),
        Signature(("示范市城市管理委员会办公室", "2026年3月2日")),
    ]
    (page,) = _text(printed(blocks, title="督〔2026〕17号", made_at=MADE, footer="CoverCode"))
    joined = "".join(page.split())
    for words in ("督〔2026〕17号", "督查通知单", "市水务集团", "海滨大道5号雨水箅子缺失", "第1页"):
        assert words in joined


def test_the_same_document_is_the_same_file():
    blocks = [Title("会议纪要"), Paragraph("同一份文件。")]
    assert printed(blocks, title="x", made_at=MADE) == printed(blocks, title="x", made_at=MADE)


def test_a_long_table_says_its_head_on_every_page():
    rows = tuple((str(number), f"第{number}处井盖松动") for number in range(1, 121))
    pages = _text(printed([Grid((Column("序号"), Column("存在问题", 4)), rows)], title="x", made_at=MADE))
    assert len(pages) > 2
    assert all("存在问题" in page for page in pages)
    assert all(f"第{number}处井盖松动" in "".join(pages) for number in range(1, 121))


def test_a_letter_that_no_font_has_does_not_stop_the_document():
    assert _text(printed([Paragraph("路灯\U000f0000\x00不亮")], title="x", made_at=MADE))


def test_no_line_begins_with_a_closing_mark_and_none_ends_with_an_opening_one():
    text = "井盖缺失，须立即围护（两小时内）；修复后“回头看”，合格方可销号。" * 6
    for width in range(4, 30):
        lines = broken(text, width, len)
        assert "".join(lines) == text
        assert not any(line[0] in "，。；）”" for line in lines)
        assert not any(line[-1] in "（“" for line in lines)


def test_latin_words_stay_whole_unless_a_line_is_too_short_for_them():
    assert broken("path of the COVERCODE", 9, len) == ["path of", "the", "COVERCODE"]
    assert broken("0123456789", 4, len) == ["0123", "4567", "89"]
