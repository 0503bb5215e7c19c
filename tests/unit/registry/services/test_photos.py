"""Photos: pixels are kept, metadata and everything that is no picture are not."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, event, insert, select

from registry.domain.errors import InvalidInput, NotFound, StoreDown
from registry.services.assets import NewAsset, register_asset
from registry.services.photos import MAX_BYTES, NewPhoto, find_photo, keep_photo
from registry.storage.database import reading, writing
from registry.storage.tables import case, photo

GPS, ORIENTATION, MAKER = 0x8825, 0x0112, 0x010F


@pytest.fixture
def cover(engine: Engine, now: datetime) -> NewPhoto:
    with writing(engine) as tx:
        asset_id = register_asset(tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3), now=now)
    return NewPhoto(asset_id=asset_id)


def a_picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert(mode)


def encoded(picture: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def with_gps(picture: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[MAKER] = "SecretPhone"
    exif[ORIENTATION] = 6
    exif.get_ifd(GPS).update({1: "N", 2: (31.0, 18.0, 0.0), 3: "E", 4: (120.0, 36.0, 0.0)})
    return encoded(picture, exif=exif, comment=b"taken at home")


def a_png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_photo_keeps_its_pixels_and_loses_its_metadata(
    engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime
):
    content = with_gps(a_picture(64, 48))
    with Image.open(io.BytesIO(content)) as before:
        assert before.getexif().get_ifd(GPS)[2] == (31.0, 18.0, 0.0)
    kept = find_photo(engine, tmp_path, keep_photo(engine, tmp_path, content, cover, now=now))
    with Image.open(kept.path) as after:
        assert after.format == "JPEG"
        assert dict(after.getexif()) == {}
        assert not {"exif", "comment", "xmp", "icc_profile"} & set(after.info)
        assert after.size == (48, 64)  # turned upright as orientation 6 asks
    raw = kept.path.read_bytes()
    assert b"SecretPhone" not in raw
    assert b"taken at home" not in raw


def test_a_photo_is_named_by_what_it_holds_and_indexed(engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime):
    photo_id = keep_photo(engine, tmp_path, io.BytesIO(encoded(a_picture())), cover, now=now)
    (path,) = files_in(tmp_path / "photos")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path == tmp_path / "photos" / digest[:2] / f"{digest}.jpg"
    with reading(engine) as tx:
        row = tx.execute(select(photo)).one()
    assert (row.id, row.sha256, row.size_bytes) == (photo_id, digest, path.stat().st_size)
    assert (row.width_px, row.height_px, row.recorded_at) == (64, 48, now)


def test_the_same_photo_twice_is_one_file_and_two_rows(engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime):
    first, second = (keep_photo(engine, tmp_path, encoded(a_picture()), cover, now=now) for _ in range(2))
    assert first != second
    assert len(files_in(tmp_path / "photos")) == 1


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("WEBP", "RGB"), ("PNG", "P"), ("PNG", "L"), ("JPEG", "CMYK")]
)
def test_pictures_of_other_kinds_become_jpeg(
    engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime, kind: str, mode: str
):
    content = encoded(a_picture(mode=mode), kind)
    kept = find_photo(engine, tmp_path, keep_photo(engine, tmp_path, content, cover, now=now))
    with Image.open(kept.path) as after:
        assert (after.format, after.mode, after.size) == ("JPEG", "RGB", (64, 48))


def test_a_very_large_photo_is_kept_at_a_size_that_serves(
    engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime
):
    kept = find_photo(engine, tmp_path, keep_photo(engine, tmp_path, encoded(a_picture(5120, 2000)), cover, now=now))
    assert (kept.width_px, kept.height_px) == (2560, 1000)


def test_how_far_from_the_asset_it_was_taken_is_kept(engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime):
    there = NewPhoto(asset_id=cover.asset_id, lon=120.6, lat=31.3009)
    keep_photo(engine, tmp_path, encoded(a_picture()), there, now=now)
    with reading(engine) as tx:
        assert tx.execute(select(photo.c.distance_m)).scalar_one() == pytest.approx(100, abs=1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"this is a text file named photo.jpg\n" * 50, "is not a picture; send a JPEG", id="text"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture", id="svg"),
        pytest.param(encoded(a_picture(), "GIF"), "is not a picture", id="another format"),
        pytest.param(encoded(a_picture(400, 300))[:-2000], "is damaged or cut off", id="truncated jpeg"),
        pytest.param(encoded(a_picture(400, 300), "PNG")[:-60], "is damaged or cut off", id="truncated png"),
        pytest.param(a_png_that_claims(60_000, 60_000), "more than 40 megapixels", id="bomb"),
        pytest.param(a_png_that_claims(8_000, 6_000), "more than 40 megapixels", id="48 megapixels"),
        pytest.param(encoded(a_picture(8, 8)), "only 8×8 pixels", id="one dot"),
        pytest.param(encoded(a_picture()) + b"\0" * MAX_BYTES, "larger than 10 MB; choose", id="oversized"),
    ],
)
def test_what_is_no_usable_picture_is_refused_with_the_fix_and_leaves_nothing(
    engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime, content: bytes, problem: str
):
    for form in (content, io.BytesIO(content)):
        with pytest.raises(InvalidInput, match=problem) as refused:
            keep_photo(engine, tmp_path / "data", form, cover, now=now)
        assert refused.value.field == "photo"
    assert files_in(tmp_path / "data") == []
    with reading(engine) as tx:
        assert tx.execute(select(photo)).all() == []


def test_an_endless_upload_is_not_read_to_its_end(engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime):
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            assert size > 0, "would never return"
            self.taken += size
            return b"\0" * size

    upload = Endless()
    with pytest.raises(InvalidInput, match="larger than 10 MB"):
        keep_photo(engine, tmp_path, upload, cover, now=now)  # type: ignore[arg-type]
    assert upload.taken == MAX_BYTES + 1


def test_a_photo_of_nothing_is_refused(engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime):
    content = encoded(a_picture())
    with pytest.raises(NotFound, match="asset 99"):
        keep_photo(engine, tmp_path / "data", content, NewPhoto(asset_id=99), now=now)
    with pytest.raises(NotFound, match="case of this asset 7"):
        keep_photo(engine, tmp_path / "data", content, NewPhoto(asset_id=cover.asset_id, case_id=7), now=now)
    with pytest.raises(InvalidInput, match="or neither"):
        keep_photo(engine, tmp_path / "data", content, NewPhoto(asset_id=cover.asset_id, lon=120.6), now=now)
    assert files_in(tmp_path / "data") == []


def test_a_photo_belongs_to_a_case_of_its_own_asset(engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime):
    with writing(engine) as tx:
        other = register_asset(tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3), now=now)
        case_id = tx.execute(
            insert(case)
            .values(
                number="1",
                asset_id=other,
                kind="reported",
                stage="filed",
                severity=1,
                source="citizen",
                opened_at=now,
                deadline_at=now,
                version=1,
            )
            .returning(case.c.id)
        ).scalar_one()
    content = encoded(a_picture())
    kept = find_photo(
        engine,
        tmp_path,
        keep_photo(engine, tmp_path, content, NewPhoto(asset_id=other, case_id=case_id), now=now),
    )
    assert kept.case_id == case_id
    with pytest.raises(NotFound):
        keep_photo(engine, tmp_path, content, NewPhoto(asset_id=cover.asset_id, case_id=case_id), now=now)


def test_a_photo_whose_row_can_not_be_written_leaves_no_file(
    engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime
):
    def refuse(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("INSERT INTO photo"):
            raise StoreDown("the disk is full")

    event.listen(engine, "before_cursor_execute", refuse)
    with pytest.raises(StoreDown):
        keep_photo(engine, tmp_path / "data", encoded(a_picture()), cover, now=now)
    assert files_in(tmp_path / "data") == []


def test_a_folder_that_can_not_be_written_is_a_store_that_is_down(
    engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime
):
    (tmp_path / "photos").write_text("a file where the folder should be")
    with pytest.raises(StoreDown, match="photo folder"):
        keep_photo(engine, tmp_path, encoded(a_picture()), cover, now=now)
    with reading(engine) as tx:
        assert tx.execute(select(photo)).all() == []


def test_a_photo_that_is_gone_is_not_found(engine: Engine, cover: NewPhoto, tmp_path: Path, now: datetime):
    with pytest.raises(NotFound, match="photo 5"):
        find_photo(engine, tmp_path, 5)
    photo_id = keep_photo(engine, tmp_path, encoded(a_picture()), cover, now=now)
    files_in(tmp_path / "photos")[0].unlink()
    with pytest.raises(NotFound, match="photo file"):
        find_photo(engine, tmp_path, photo_id)
