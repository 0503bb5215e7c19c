"""Before a workbook is opened: is it a sound zip archive, and does it stay small when it is unpacked?

The sizes an archive declares are the attacker's word, so every member is unpacked here once, in pieces, and counted.

An old .xls is refused although the library reads it: it takes every sheet into memory when it opens the file, as far as
the last cell that is used. Four sheets with one value in the last corner are 6 kB on disk and 2 GB in memory.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from registry.domain.errors import InvalidInput

MOST_BYTES = 256 * 1024 * 1024
"""What a workbook may hold unpacked; a sheet of 5 million cells has about this size."""

_MOST_MEMBERS = 2_000
_CHUNK = 1 << 20
# sheets of real registers shrink to a thirtieth at best; deflate's limit, and a bomb, is a thousandth
_HIGHEST_RATIO = 200
_RATIO_MATTERS_FROM = 16 * 1024 * 1024
_LOCAL_HEADER = 30
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"


def check_archive(path: Path) -> None:
    """Raises ``InvalidInput`` for what is no zip, is a bomb, or says one size and holds another."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if head == _COMPOUND_FILE:
                raise InvalidInput(
                    "file",
                    "{file} is an old .xls, or has a password; open it in a spreadsheet and save it as .xlsx "
                    "without one",
                    file=path.name,
                )
            with zipfile.ZipFile(file) as archive:
                _check_members(path, file, archive.infolist())
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InvalidInput(
            "file", "{file} is no workbook, or damaged: {why}; save it again as .xlsx", file=path.name, why=error
        ) from error


def _check_members(path: Path, file: IO[bytes], members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_MEMBERS:
        raise InvalidInput(
            "file", "{file} has {count} parts inside; a workbook has far fewer", file=path.name, count=len(members)
        )
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise _too_large(path)
    total = 0
    for member in members:
        if member.flag_bits & 1:
            raise InvalidInput("file", "{file} is encrypted; save it as .xlsx without a password", file=path.name)
        size = 0
        for piece in unpack(file, member):
            size += len(piece)
            if size > member.file_size:
                raise InvalidInput(
                    "file",
                    "{file} holds more than it declares ({filename}); it was made to do harm",
                    file=path.name,
                    filename=member.filename,
                )
            if size > _RATIO_MATTERS_FROM and size > _HIGHEST_RATIO * max(member.compress_size, 1):
                raise InvalidInput(
                    "file",
                    "{file} unpacks to more than {times} times its size ({filename}), like a zip bomb; "
                    "save the sheet as CSV",
                    file=path.name,
                    times=_HIGHEST_RATIO,
                    filename=member.filename,
                )
        total += size
        if total > MOST_BYTES:
            raise _too_large(path)


def unpack(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The real bytes of a member in pieces, whatever size it declares."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no header where {member.filename} begins")
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    left = member.compress_size
    if member.compress_type == zipfile.ZIP_STORED:
        while left and (piece := file.read(min(_CHUNK, left))):
            left -= len(piece)
            yield piece
        return
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile(f"{member.filename} is packed in an unusual way")
    inflate = zlib.decompressobj(-15)
    while left and not inflate.eof:
        packed = file.read(min(_CHUNK // 16, left))
        if not packed:
            raise EOFError(f"{member.filename} is cut off")
        left -= len(packed)
        while packed and not inflate.eof:
            piece = inflate.decompress(packed, _CHUNK)
            packed = inflate.unconsumed_tail
            if piece:
                yield piece
            elif not packed:
                break


def _too_large(path: Path) -> InvalidInput:
    return InvalidInput(
        "file",
        "{file} unpacks to more than {most} MB; save the sheet as CSV, which has no limit",
        file=path.name,
        most=MOST_BYTES // 1024 // 1024,
    )
