"""Shapes that several threads need for the first time at once."""

from __future__ import annotations

import threading

import msgspec
import pytest

from registry.shapes import shaped, shaped_json

asked, answer = threading.Event(), threading.Event()


def _slow() -> type[int]:
    """An annotation that takes a while to look at, as one does when another thread gets its turn just then."""
    asked.set()
    assert answer.wait(60)
    return int


class _Inner(msgspec.Struct):
    depth: _slow()  # type: ignore[valid-type] # evaluated when msgspec learns the shape


class _Outer(msgspec.Struct):
    name: str
    inner: _Inner
    size: int


def test_nobody_reads_into_a_shape_that_another_thread_is_still_learning():
    plain = {"size": 3, "inner": {"depth": 2}, "name": "cover"}
    got: list[_Outer] = []
    first = threading.Thread(target=lambda: got.append(shaped(plain, _Outer)))
    second = threading.Thread(target=lambda: got.append(shaped(plain, _Outer)))
    first.start()
    assert asked.wait(60)
    second.start()  # msgspec alone would follow a null pointer here
    second.join(0.2)
    assert second.is_alive(), "it must wait"
    answer.set()
    first.join(60)
    second.join(60)
    assert got == [_Outer("cover", _Inner(2), 3)] * 2


def test_what_does_not_fit_is_named():
    with pytest.raises(msgspec.ValidationError, match="int"):
        shaped(["one"], list[int])
    assert shaped(["1"], list[int], strict=False) == [1]


def test_json_is_read_the_same_way():
    assert shaped_json(b"[[1, 2]]", list[tuple[int, int]]) == [(1, 2)]
    with pytest.raises(msgspec.DecodeError, match="truncated"):
        shaped_json("[1", list[int])
