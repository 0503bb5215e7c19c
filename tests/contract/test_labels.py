"""A plate is read by strangers' phones: Debian's zbarimg, which shares no code with us, reads what we print."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
from pathlib import Path
from random import Random

import ezdxf
import ezdxf.bbox
import ezdxf.units
import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.tokens import new_token
from registry.labels import (
    LabelFacts,
    LabelTemplate,
    label_png,
    label_svg,
    make_label,
    shipped_templates,
    tag_address,
)
from registry.labels.making import sheet_pdf


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is missing; install Debian's {package}"
    return found


def facts(seed: int, family: Family = Family.COVER, public_url: str = "https://covers.example.cn") -> LabelFacts:
    return LabelFacts(
        token=new_token(Random(seed)),
        code=f"3205080101{seed + 1:06d}",
        name_zh="上水井盖",
        name_en="Water supply cover",
        public_url=public_url,
        family=family,
        maintainer="市政设施养护处",
        phone="0512-6500-0101",
    )


def zbar_reads(path: Path) -> list[str]:
    done = subprocess.run(
        [program("zbarimg", "zbar-tools"), "--quiet", "--raw", str(path)], capture_output=True, text=True, timeout=120
    )
    return done.stdout.split()


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("dpi", [150, 300])
def test_zbar_reads_a_printed_plate(tmp_path: Path, family: Family, dpi: int):
    given = facts(7, family)
    path = tmp_path / "plate.png"
    path.write_bytes(label_png(given, dpi))
    assert zbar_reads(path) == [tag_address(given.public_url, given.token)]


def test_zbar_reads_the_plates_of_the_demo_city(tmp_path: Path):
    for seed in range(5):
        given = facts(seed, Family.LIGHT, "http://127.0.0.1:8080")
        path = tmp_path / f"{seed}.png"
        path.write_bytes(label_png(given, 200))
        assert zbar_reads(path) == [f"HTTP://127.0.0.1:8080/Q/{given.token}"]


def test_zbar_reads_a_plate_drawn_from_its_svg_by_a_browser(tmp_path: Path):
    given = facts(7)
    drawing, picture = tmp_path / "plate.svg", tmp_path / "plate.png"
    drawing.write_text(label_svg(given), encoding="utf-8")
    subprocess.run(
        [
            program("chromium", "chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-device-scale-factor=2",
            "--window-size=300,400",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={picture}",
            drawing.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert zbar_reads(picture) == [tag_address(given.public_url, given.token)]


TEMPLATES = {template.key: template for template in shipped_templates()}


def test_a_printed_a4_sheet_scanned_at_300_dpi_gives_every_token(tmp_path: Path):
    sheet = TEMPLATES["sheet-a4-70x37"]
    given = [facts(seed) for seed in range(30)]
    document = pypdfium2.PdfDocument(sheet_pdf(sheet, given, start_position=5))
    read: list[str] = []
    for number in range(len(document)):
        path = tmp_path / f"{number}.png"
        document[number].render(scale=300 / 72).to_pil().convert("L").save(path)
        read += zbar_reads(path)
    assert len(document) == 2  # 20 places are left on the first sheet
    assert sorted(read) == sorted(tag_address(each.public_url, each.token) for each in given)


@pytest.mark.parametrize("template", shipped_templates(), ids=lambda template: template.key)
def test_zbar_reads_every_shipped_template_from_its_pdf(tmp_path: Path, template: LabelTemplate):
    given = facts(11)
    path = tmp_path / "label.png"
    page = pypdfium2.PdfDocument(make_label(template, given, "pdf"))[0]
    page.render(scale=300 / 72).to_pil().convert("L").save(path)
    assert zbar_reads(path) == [tag_address(given.public_url, given.token)]


def test_the_text_of_a_pdf_is_chinese_text_in_embedded_letters():
    given = facts(7)
    content = make_label(TEMPLATES["lamp-post-50x120"], given, "pdf")
    document = pypdfium2.PdfDocument(content)
    said = document[0].get_textpage().get_text_bounded()
    assert "上水井盖" in said
    assert "市政设施养护处" in said
    assert content.count(b"/FontFile2") == 2  # regular and bold
    assert document[0].get_size() == pytest.approx((54 * 72 / 25.4, 124 * 72 / 25.4), abs=0.01)  # with 2 mm of bleed
    assert document[0].get_trimbox() == pytest.approx(
        (2 * 72 / 25.4, 2 * 72 / 25.4, 52 * 72 / 25.4, 122 * 72 / 25.4), abs=0.01
    )


def test_the_same_labels_give_the_same_pdf_byte_for_byte():
    assert make_label(TEMPLATES["plate-60x90"], facts(7), "pdf") == make_label(
        TEMPLATES["plate-60x90"], facts(7), "pdf"
    )


@pytest.mark.parametrize("start_position", [0, 25])
def test_a_position_that_the_sheet_does_not_have_is_refused(start_position: int):
    with pytest.raises(InvalidInput, match=r"start_position: .* between 1 and 24"):
        sheet_pdf(TEMPLATES["sheet-a4-70x37"], [facts(1)], start_position)


def test_an_engraver_finds_closed_lines_in_millimetres_on_three_layers():
    drawing = ezdxf.read(io.StringIO(make_label(TEMPLATES["cover-disc-60"], facts(7), "dxf").decode()))
    assert (drawing.units, drawing.audit().errors, drawing.audit().fixes) == (ezdxf.units.MM, [], [])
    lines = list(drawing.modelspace())
    assert {line.dxftype() for line in lines} == {"LWPOLYLINE"}
    assert all(line.closed for line in lines)
    layers = {layer: [line for line in lines if line.dxf.layer == layer] for layer in ("CUT", "ENGRAVE", "TEXT")}
    assert [len(layers["CUT"]), sum(map(len, layers.values()))] == [3, len(lines)]  # the edge and two screw holes
    box = ezdxf.bbox.extents(lines)
    assert (box.extmin.x, box.extmin.y, box.extmax.x, box.extmax.y) == pytest.approx((0, 0, 60, 60), abs=1e-3)


def test_an_engraved_svg_needs_no_font():
    document = make_label(TEMPLATES["cover-disc-60"], facts(7), "svg").decode()
    assert "<text" not in document
    assert "上水井盖" in document  # as its description


# Fine scratches (grit, brushes, shovels) that take the black off the metal, until a fifth of the symbol is gone.
# Each is drawn at 20 dots a millimetre; a phone sees the plate through its lens from a few distances.
_SEEDS = range(50)
_SHARE = 0.2
_DPI = 508
_METAL = (176, 200, 216)
_LOOKS = ((4, 0.3), (3, 0.2), (5, 0.4), (4, 0.2), (3, 0.3), (5, 0.2), (5, 0.3), (4, 0.4))  # pixels a module, blur


@pytest.mark.parametrize("tenth", range(10))
def test_the_smallest_plate_is_read_with_a_fifth_of_its_symbol_scratched_away(tenth: int):
    template = TEMPLATES["small-25x25"]
    assert template.error_level == "H"
    assert template.width_mm * template.height_mm == min(each.width_mm * each.height_mm for each in TEMPLATES.values())
    module_px = template.qr.side_mm / 41 * _DPI / 25.4
    for seed in list(_SEEDS)[tenth::10]:
        given = facts(seed)
        plate = Image.open(io.BytesIO(make_label(template, given, "png", _DPI))).convert("L")
        worn = scratched(plate, template, Random(seed))
        address = tag_address(given.public_url, given.token)
        assert any(address in seen(worn, module_px, *look) for look in _LOOKS), f"seed {seed}"


def scratched(plate: Image.Image, template: LabelTemplate, rng: Random) -> Image.Image:
    """``plate`` with scratches, most of them in one direction, over ``_SHARE`` of its symbol."""
    scale = _DPI / 25.4
    edge = template.qr.side_mm * 4 / 41
    left, top = (template.qr.x_mm + edge) * scale, (template.qr.y_mm + edge) * scale
    side = (template.qr.side_mm - 2 * edge) * scale
    box = (round(left), round(top), round(left + side), round(top + side))
    worn, gone = plate.copy(), Image.new("1", plate.size, 0)
    direction = rng.uniform(0, math.pi)
    while gone.crop(box).convert("L").histogram()[255] < _SHARE * side * side:
        for _ in range(5):
            angle = rng.gauss(direction, 0.35) if rng.random() < 0.7 else rng.uniform(0, math.pi)
            x, y = rng.uniform(left, left + side), rng.uniform(top, top + side)
            reach = rng.uniform(0.08, 0.45) * side
            ends = (
                x - math.cos(angle) * reach,
                y - math.sin(angle) * reach,
                x + math.cos(angle) * reach,
                y + math.sin(angle) * reach,
            )
            width = max(1, round(rng.uniform(0.03, 0.15) * scale))
            ImageDraw.Draw(worn).line(ends, fill=rng.choice(_METAL), width=width)
            ImageDraw.Draw(gone).line(ends, fill=1, width=width)
    return worn


def seen(worn: Image.Image, module_px: float, pixels: float, blur: float) -> list[str]:
    """What a phone reads that sees each module ``pixels`` wide through a lens that blurs ``blur`` of a module."""
    size = (round(worn.width * pixels / module_px), round(worn.height * pixels / module_px))
    picture = worn.filter(ImageFilter.GaussianBlur(blur * module_px)).resize(size, Image.Resampling.BOX)
    qr = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    binarizers = (zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram)
    return [found.text for each in binarizers for found in zxingcpp.read_barcodes(picture, formats=qr, binarizer=each)]
