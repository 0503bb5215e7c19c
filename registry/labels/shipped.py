"""The templates a new city starts with. Each can be edited; an edit is a new version, which an upgrade leaves alone.

Unedited ones are renewed by the upgrade to a release that ships better ones.

Where plates get scratched and dirty the error level is H (30 % of the symbol may be lost), elsewhere Q or M with larger
modules. Sizes follow what is sold: 3 × 8 labels of 70 × 37 mm on A4, thermal rolls of 50 × 30 and 40 × 30 mm.
"""

from __future__ import annotations

from registry.labels.template import (
    FAMILY_COLOUR,
    ArcElement,
    BoxElement,
    Hole,
    LabelTemplate,
    LineElement,
    QrPlace,
    Roll,
    Sheet,
    TextElement,
)

STANDARD_KEY = "plate-60x90"
SMALLEST_KEY = "small-25x25"

_INK = "#16202c"
_FAINT = "#55606e"
_PAPER = "#ffffff"
_BLACK = "#000000"
_SCAN = "扫码查看 · 报修   Scan to see and report"


def standard_plate() -> LabelTemplate:
    """A coloured plate of 60 × 90 mm, for covers and lamps alike; what the asset's page shows."""
    return LabelTemplate(
        key=STANDARD_KEY,
        name_zh="标准标牌 60×90",
        name_en="Standard plate 60×90",
        width_mm=60,
        height_mm=90,
        shape="rounded",
        corner_mm=4,
        ground=FAMILY_COLOUR,
        error_level="Q",
        qr_version=3,
        qr=QrPlace(x_mm=4, y_mm=16.2, side_mm=52),
        elements=(
            BoxElement(x_mm=1.2, y_mm=16.2, width_mm=57.6, height_mm=66, corner_mm=2.6, fill=_PAPER),
            TextElement(
                field="name",
                x_mm=3,
                y_mm=3.0,
                width_mm=54,
                size_mm=7,
                least_mm=3,
                weight="bold",
                spacing_mm=0.4,
                colour=_PAPER,
            ),
            TextElement(
                field="name", language="en", x_mm=3, y_mm=10.9, width_mm=54, size_mm=3.4, least_mm=2, colour=_PAPER
            ),
            TextElement(
                field="code", x_mm=3, y_mm=68.3, width_mm=54, size_mm=4.4, weight="bold", spacing_mm=0.15, colour=_INK
            ),
            TextElement(field="token", x_mm=3, y_mm=73.5, width_mm=54, size_mm=3.4, spacing_mm=0.4, colour=_INK),
            TextElement(field="text", text=_SCAN, x_mm=3, y_mm=78.1, width_mm=54, size_mm=2.3, colour=_FAINT),
            TextElement(field="maintainer", x_mm=3, y_mm=82.9, width_mm=54, size_mm=2.8, colour=_PAPER),
            TextElement(field="phone", x_mm=3, y_mm=86.0, width_mm=54, size_mm=2.9, weight="bold", colour=_PAPER),
        ),
    )


def cover_disc() -> LabelTemplate:
    """A disc of 60 mm, laser-engraved in stainless steel, let into the cover and held by two screws."""
    return LabelTemplate(
        key="cover-disc-60",
        name_zh="井盖激光圆牌 Ø60",
        name_en="Laser-engraved cover disc Ø60",
        width_mm=60,
        height_mm=60,
        shape="round",
        engraving=True,
        error_level="H",
        qr_version=4,
        qr=QrPlace(x_mm=13, y_mm=13, side_mm=34),
        holes=(Hole(x_mm=6, y_mm=30, diameter_mm=4.2), Hole(x_mm=54, y_mm=30, diameter_mm=4.2)),
        elements=(
            ArcElement(
                field="name",
                radius_mm=24.9,
                size_mm=4.0,
                span_deg=82,
                least_mm=2.2,
                weight="bold",
                spacing_mm=1.2,
                colour=_BLACK,
            ),
            TextElement(field="name", language="en", x_mm=19, y_mm=9.9, width_mm=22, size_mm=2.2, colour=_BLACK),
            TextElement(
                field="token",
                x_mm=17,
                y_mm=47.2,
                width_mm=26,
                size_mm=2.9,
                weight="bold",
                spacing_mm=0.4,
                colour=_BLACK,
            ),
            TextElement(field="phone", x_mm=21, y_mm=50.7, width_mm=18, size_mm=2.1, colour=_BLACK),
            ArcElement(
                field="code",
                at="bottom",
                radius_mm=28.3,
                size_mm=3.1,
                span_deg=100,
                weight="bold",
                spacing_mm=0.35,
                colour=_BLACK,
            ),
        ),
    )


def lamp_post_plate() -> LabelTemplate:
    """A narrow plate for a round post, screwed or banded on: its number is to be read from across the pavement."""
    return LabelTemplate(
        key="lamp-post-50x120",
        name_zh="灯杆标牌 50×120",
        name_en="Lamp-post plate 50×120",
        width_mm=50,
        height_mm=120,
        shape="rounded",
        corner_mm=5,
        bleed_mm=2,
        ground=FAMILY_COLOUR,
        error_level="Q",
        qr_version=3,
        qr=QrPlace(x_mm=4, y_mm=31, side_mm=42),
        holes=(Hole(x_mm=25, y_mm=5.5, diameter_mm=4.5), Hole(x_mm=25, y_mm=114.5, diameter_mm=4.5)),
        elements=(
            BoxElement(x_mm=1.6, y_mm=29.5, width_mm=46.8, height_mm=66.5, corner_mm=2.4, fill=_PAPER),
            TextElement(
                field="city", x_mm=4, y_mm=9.4, width_mm=42, size_mm=3.2, least_mm=2, spacing_mm=0.3, colour=_PAPER
            ),
            TextElement(
                field="name",
                x_mm=4,
                y_mm=13.6,
                width_mm=42,
                size_mm=8.4,
                least_mm=3,
                weight="bold",
                spacing_mm=0.8,
                colour=_PAPER,
            ),
            TextElement(
                field="name", language="en", x_mm=4, y_mm=23.4, width_mm=42, size_mm=3.6, least_mm=2, colour=_PAPER
            ),
            TextElement(field="code", x_mm=4, y_mm=74, width_mm=42, size_mm=4.4, weight="bold", colour=_INK),
            TextElement(field="token", x_mm=4, y_mm=79.2, width_mm=42, size_mm=4.0, spacing_mm=0.5, colour=_INK),
            LineElement(x1_mm=6, y1_mm=84.8, x2_mm=44, y2_mm=84.8, stroke_mm=0.2, colour="#c3cad3"),
            TextElement(field="road", x_mm=4, y_mm=86.2, width_mm=42, size_mm=3.4, least_mm=2, colour=_INK),
            TextElement(
                field="text", text="扫码查看 · 报修", x_mm=4, y_mm=90.8, width_mm=42, size_mm=2.8, colour=_FAINT
            ),
            TextElement(field="maintainer", x_mm=4, y_mm=98.4, width_mm=42, size_mm=3.4, least_mm=2, colour=_PAPER),
            TextElement(
                field="phone", x_mm=4, y_mm=103, width_mm=42, size_mm=5.2, weight="bold", spacing_mm=0.2, colour=_PAPER
            ),
        ),
    )


def a4_sheet() -> LabelTemplate:
    """Self-adhesive labels of 70 × 37 mm, 3 × 8 on A4, for an office printer."""
    return LabelTemplate(
        key="sheet-a4-70x37",
        name_zh="A4 不干胶 3×8（70×37）",
        name_en="A4 sheet 3×8 (70×37)",
        width_mm=70,
        height_mm=37,
        error_level="Q",
        qr_version=3,
        qr=QrPlace(x_mm=2.5, y_mm=3, side_mm=31),
        sheet=Sheet(page="A4", columns=3, rows=8, left_mm=0, top_mm=0.5, pitch_x_mm=70, pitch_y_mm=37),
        elements=(
            TextElement(
                field="name", x_mm=35, y_mm=4.6, width_mm=32, size_mm=5, least_mm=2.4, weight="bold", align="left"
            ),
            TextElement(
                field="name", language="en", x_mm=35, y_mm=10.2, width_mm=32, size_mm=2.4, align="left", colour=_FAINT
            ),
            LineElement(x1_mm=35, y1_mm=14, x2_mm=67, y2_mm=14, stroke_mm=0.25, colour="#c3cad3"),
            TextElement(field="code", x_mm=35, y_mm=15.2, width_mm=32, size_mm=3.1, weight="bold", align="left"),
            TextElement(field="token", x_mm=35, y_mm=19.2, width_mm=32, size_mm=3.1, align="left", spacing_mm=0.3),
            TextElement(field="road", x_mm=35, y_mm=23.4, width_mm=32, size_mm=2.5, align="left"),
            TextElement(field="maintainer", x_mm=35, y_mm=26.8, width_mm=32, size_mm=2.5, align="left"),
            TextElement(field="phone", x_mm=35, y_mm=30.1, width_mm=32, size_mm=2.7, weight="bold", align="left"),
        ),
    )


def roll_50x30() -> LabelTemplate:
    """Thermal labels of 50 × 30 mm for a printer of 203 dots an inch."""
    return LabelTemplate(
        key="roll-50x30",
        name_zh="热敏卷标 50×30（203 dpi）",
        name_en="Thermal roll 50×30 (203 dpi)",
        width_mm=50,
        height_mm=30,
        error_level="Q",
        qr_version=3,
        qr=QrPlace(x_mm=0.5, y_mm=1.5, side_mm=27),
        roll=Roll(dpi=203, gap_mm=2),
        elements=(
            TextElement(
                field="name",
                x_mm=28,
                y_mm=3.6,
                width_mm=21,
                size_mm=4.2,
                least_mm=2,
                weight="bold",
                align="left",
                colour=_BLACK,
            ),
            TextElement(
                field="name", language="en", x_mm=28, y_mm=8.4, width_mm=21, size_mm=2.2, align="left", colour=_BLACK
            ),
            TextElement(
                field="code", x_mm=28, y_mm=12.2, width_mm=21, size_mm=2.4, weight="bold", align="left", colour=_BLACK
            ),
            TextElement(field="token", x_mm=28, y_mm=15.6, width_mm=21, size_mm=2.9, align="left", colour=_BLACK),
            TextElement(field="road", x_mm=28, y_mm=19.6, width_mm=21, size_mm=2.3, align="left", colour=_BLACK),
            TextElement(
                field="phone", x_mm=28, y_mm=23, width_mm=21, size_mm=2.6, weight="bold", align="left", colour=_BLACK
            ),
        ),
    )


def roll_40x30() -> LabelTemplate:
    """Thermal labels of 40 × 30 mm for a printer of 300 dots an inch."""
    return LabelTemplate(
        key="roll-40x30",
        name_zh="热敏卷标 40×30（300 dpi）",
        name_en="Thermal roll 40×30 (300 dpi)",
        width_mm=40,
        height_mm=30,
        error_level="M",
        qr_version=3,
        qr=QrPlace(x_mm=0.5, y_mm=2.4, side_mm=23),
        roll=Roll(dpi=300, gap_mm=2),
        elements=(
            TextElement(
                field="name",
                x_mm=23.5,
                y_mm=4.8,
                width_mm=15.5,
                size_mm=3.6,
                least_mm=2,
                weight="bold",
                align="left",
                colour=_BLACK,
            ),
            TextElement(
                field="name",
                language="en",
                x_mm=23.5,
                y_mm=9.0,
                width_mm=15.5,
                size_mm=1.9,
                align="left",
                colour=_BLACK,
            ),
            TextElement(
                field="token",
                x_mm=23.5,
                y_mm=13,
                width_mm=15.5,
                size_mm=2.4,
                weight="bold",
                align="left",
                colour=_BLACK,
            ),
            TextElement(field="road", x_mm=23.5, y_mm=16.6, width_mm=15.5, size_mm=2.1, align="left", colour=_BLACK),
            TextElement(field="phone", x_mm=23.5, y_mm=20, width_mm=15.5, size_mm=2.2, align="left", colour=_BLACK),
            TextElement(field="code", x_mm=1, y_mm=26.4, width_mm=38, size_mm=2.6, weight="bold", colour=_BLACK),
        ),
    )


def smallest() -> LabelTemplate:
    """25 × 25 mm, for sensors, cabinets and narrow frames: the token, and a symbol that forgives much."""
    return LabelTemplate(
        key=SMALLEST_KEY,
        name_zh="小标签 25×25",
        name_en="Small label 25×25",
        width_mm=25,
        height_mm=25,
        shape="rounded",
        corner_mm=1.5,
        error_level="H",
        qr_version=4,
        qr=QrPlace(x_mm=1.7, y_mm=0.5, side_mm=21.6),
        elements=(
            TextElement(
                field="token", x_mm=2, y_mm=22.1, width_mm=21, size_mm=2.5, weight="bold", spacing_mm=0.2, colour=_BLACK
            ),
        ),
    )


def shipped_templates() -> tuple[LabelTemplate, ...]:
    """All of them, the standard plate first."""
    return (standard_plate(), cover_disc(), lamp_post_plate(), a4_sheet(), roll_50x30(), roll_40x30(), smallest())


def shipped_template(key: str) -> LabelTemplate | None:
    """The one of this key as this release ships it; None for a city's own."""
    return next((template for template in shipped_templates() if template.key == key), None)
