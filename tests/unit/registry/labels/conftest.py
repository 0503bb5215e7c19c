"""Facts of the plates that the tests of this folder draw."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from registry.domain.kinds import Family
from registry.domain.tokens import new_token
from registry.labels import LabelFacts

FactsOf = Callable[..., LabelFacts]


@pytest.fixture
def facts_of() -> FactsOf:
    """Facts of plate number ``seed``; ``changes`` replace single ones."""

    def make(seed: int = 7, **changes: object) -> LabelFacts:
        given: dict[str, object] = {
            "token": new_token(Random(seed)),
            "code": f"3205080103{seed + 1:06d}",
            "name_zh": "雨水井盖",
            "name_en": "Storm drain cover",
            "public_url": "https://covers.example.cn",
            "family": Family.COVER,
            "maintainer": "市政设施养护处",
            "phone": "0512-6500-0101",
            "road": "人民路",
            "city_zh": "姑苏区城市管理局",
        }
        return LabelFacts(**(given | changes))  # type: ignore[arg-type]

    return make
