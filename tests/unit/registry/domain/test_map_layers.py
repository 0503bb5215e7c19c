"""What an entry of the map's catalogue must hold, and what its address stands for."""

from __future__ import annotations

import pytest

from registry.domain.geo import Crs
from registry.domain.map_layers import hosts_of, sub_domains, system_of


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("https://tiles.example/{z}/{x}/{y}", ()),
        ("https://{s}.tiles.example/{z}/{x}/{y}", ("a", "b", "c")),
        ("https://tiles{s}.example:8443/{z}/{x}/{y}", ("a", "b", "c")),
        ("https://{s}.tianditu.gov.cn/vec_w/wmts", tuple(f"t{n}" for n in range(8))),
        ("https://t{s}.tianditu.gov.cn/vec_w/wmts", tuple("01234567")),
        ("https://webrd{s}.is.autonavi.com/appmaptile", ("01", "02", "03", "04")),
        ("https://wprd0{s}.is.autonavi.com/appmaptile", ("1", "2", "3", "4")),
    ],
)
def test_the_open_part_of_an_address_stands_for_the_sub_domains_of_its_server(
    address: str, names: tuple[str, ...]
) -> None:
    assert sub_domains(address) == names


def test_every_sub_domain_is_a_host_of_its_own() -> None:
    assert hosts_of("https://tiles{s}.example:8443/{z}") == [f"https://tiles{s}.example:8443" for s in "abc"]
    assert hosts_of("https://tiles.example/{s}/{z}") == ["https://tiles.example"]
    assert hosts_of("/map/tiles/{z}") == []


def test_an_address_says_at_its_end_when_its_tiles_are_shifted() -> None:
    assert system_of("https://t.example/{z}#gcj02") == ("https://t.example/{z}", Crs.GCJ02)
    assert system_of("https://t.example/{z}") == ("https://t.example/{z}", Crs.WGS84)
