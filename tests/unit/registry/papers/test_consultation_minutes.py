"""The minutes of a consultation: one A4 page of real Chinese text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pypdfium2

from registry.papers.consultation_minutes import MinutesLine, MinutesPaper, minutes_pdf

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PAPER = MinutesPaper(
    number="会商〔2026〕3号",
    issuer="示范市会商纪要",
    subject="人民大道积水会商",
    held_at=NOON,
    place="",
    chair="陈主任",
    members=["张科长", "李工"],
    minutes="各单位通报情况。\n\n会议认为须分别处置。",
    lines=[
        MinutesLine(
            subject="箅子堵塞",
            decision="三日内清掏",
            who="水务",
            due_on=date(2026, 3, 5),
            cases=["2026030200001"],
            done_at=NOON,
            done_note="已清掏",
        ),
        MinutesLine(subject="路面沉降", decision="", who=""),
    ],
)


def test_the_minutes_say_who_decided_what_and_what_was_carried_out() -> None:
    document = pypdfium2.PdfDocument(minutes_pdf(PAPER, zone=ZoneInfo("Asia/Shanghai")))
    try:
        text = document[0].get_textpage().get_text_range()
    finally:
        document.close()
    for words in ("会商〔2026〕3号", "2026年3月2日 12:00", "张科长、李工", "三日内清掏", "2026030200001", "第1项"):
        assert words in text.replace("\r\n", "")
    assert "地点" not in text  # nobody wrote it down


def test_the_same_consultation_gives_the_same_file() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert minutes_pdf(PAPER, zone=zone) == minutes_pdf(PAPER, zone=zone)
