"""A plate is read by strangers' phones: Debian's zbarimg, which shares no code with us, reads what we print."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from registry.domain.kinds import Family
from registry.domain.tokens import new_token
from registry.labels import LabelFacts, label_png, label_svg, tag_address


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
        [program("zbarimg", "zbar-tools"), "--quiet", "--raw", str(path)], capture_output=True, text=True, timeout=30
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
