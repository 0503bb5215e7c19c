"""Plain values read into our shapes (msgspec's Structs, dataclasses, lists of them), safely from several threads.

msgspec learns a shape when it is first asked for, and shows what it has learnt so far to every thread: two pages that
are the first to need the same shape can end the whole process with a segmentation fault (seen with msgspec 0.22,
``StructInfo_Convert`` and ``DataclassInfo_Convert`` put the record into the cache before its fields are filled). Here
one thread at a time learns.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

Shape = TypeVar("Shape")

_known: set[Any] = set()
_learning = Lock()


def shaped(plain: Any, shape: type[Shape], *, strict: bool = True) -> Shape:
    """``plain`` as a ``shape``; unless ``strict``, words are taken for the numbers and the like that they say.

    Raises ``msgspec.ValidationError``, which names the first field that doesn't fit.
    """
    learn(shape)
    return msgspec.convert(plain, shape, strict=strict)


def shaped_json(text: str | bytes, shape: type[Shape]) -> Shape:
    """JSON as a ``shape``. Raises ``msgspec.DecodeError``; of them ``ValidationError`` when only the shape is wrong."""
    learn(shape)
    return msgspec.json.decode(text, type=shape)


def shaped_pack(packed: bytes, shape: type[Shape]) -> Shape:
    """MessagePack as a ``shape``. Raises as ``shaped_json`` does."""
    learn(shape)
    return msgspec.msgpack.decode(packed, type=shape)


def learn(shape: Any) -> None:
    """Let msgspec look at ``shape`` and at all it holds, unless it has done so already."""
    if shape in _known:
        return
    with _learning:
        msgspec.json.Decoder(shape)
        _known.add(shape)
