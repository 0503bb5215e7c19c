"""However a picture was damaged on the way, it is kept as a whole picture or refused; nothing else ever happens."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from registry.domain.errors import InvalidInput
from registry.services.photos import redraw


def sample(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 18.0, 0.0)})
    out = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(out, kind, exif=exif)
    return out.getvalue()


SAMPLES = {kind: sample(kind) for kind in ("JPEG", "PNG", "WEBP")}
damage = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


@pytest.mark.filterwarnings("ignore")  # Pillow also says in words what is wrong with the file
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), damage, st.floats(0.2, 1))
def test_a_damaged_picture_is_kept_whole_or_refused(kind: str, blows: list[tuple[float, int]], left: float):
    content = bytearray(SAMPLES[kind])
    for place, value in blows:
        content[int(place * len(content))] = value
    try:
        picture = redraw(bytes(content[: int(left * len(content))]))
    except InvalidInput:
        return
    with Image.open(io.BytesIO(picture.jpeg)) as kept:
        kept.load()
        assert kept.size == (picture.width_px, picture.height_px)
