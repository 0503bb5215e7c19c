"""Whatever the code, token or place: what was written is read again, and one slip is always found."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_37_2

from registry.domain.codes import ComponentCode, read_code
from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs, Place, distance_m, from_wgs84, to_wgs84
from registry.domain.tokens import ALPHABET, TOKEN_LENGTH, grouped, new_token, read_token

divisions = st.integers(100_000, 999_999).map(str)
pairs = st.integers(1, 99).map("{:02d}".format)
codes = st.builds(
    lambda division, major, minor, serial: ComponentCode(division=division, class_code=major + minor, serial=serial),
    divisions,
    pairs,
    pairs,
    st.integers(1, 999_999),
)
tokens = st.integers(0, 2**32).map(lambda seed: new_token(Random(seed)))


@given(codes)
def test_a_code_written_plain_or_grouped_is_read_back(code: ComponentCode):
    assert read_code(str(code)) == code
    assert read_code(code.grouped) == code
    assert len(str(code)) == 16


@given(tokens)
def test_a_token_is_read_back_and_the_library_agrees_with_its_check(token: str):
    assert read_token(grouped(token).lower()) == token
    assert mod_37_2.checksum(token, ALPHABET) == 1


@given(tokens, st.integers(0, TOKEN_LENGTH - 1), st.sampled_from(ALPHABET))
def test_every_single_wrong_symbol_is_found(token: str, place: int, symbol: str):
    assume(token[place] != symbol)
    with pytest.raises(InvalidInput):
        read_token(token[:place] + symbol + token[place + 1 :])


@given(tokens, st.integers(0, TOKEN_LENGTH - 2))
def test_every_swap_of_neighbours_is_found(token: str, place: int):
    assume(token[place] != token[place + 1])
    with pytest.raises(InvalidInput):
        read_token(token[:place] + token[place + 1] + token[place] + token[place + 2 :])


@given(st.text(max_size=20))
def test_any_text_is_a_token_or_refused_by_name(text: str):
    try:
        token = read_token(text)
    except InvalidInput:
        return
    assert len(token) == TOKEN_LENGTH
    assert set(token) <= set(ALPHABET)


@given(st.floats(74, 135), st.floats(19, 53), st.sampled_from(list(Crs)))
def test_any_place_in_china_survives_every_map_system(lon: float, lat: float, crs: Crs):
    place = Place(lon, lat)
    assert distance_m(place, to_wgs84(from_wgs84(place, crs), crs)) < 0.001
