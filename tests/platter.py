"""What a power cut would leave of an SQLite file: its content at the last moment SQLite had it flushed, and no later.

``python -m tests.platter FOLDER SCRIPT …`` runs a script in which every flush of a database (or of its log) that SQLite
orders also copies the file into ``FOLDER``. What the kernel merely holds, and a killed process leaves behind, does not
get there. The hook sits in SQLite's own table of file operations, below everything the product does.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The name as an address, not as bytes: SQLite keeps the pointer.
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_METHODS_BYTES = 19 * ctypes.sizeof(ctypes.c_void_p)  # sqlite3_io_methods, version 3
_SYNC_AT = 5 * ctypes.sizeof(ctypes.c_void_p)  # iVersion, xClose, xRead, xWrite, xTruncate, xSync
_kept: list[Any] = []  # whatever SQLite points to must not be collected


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", _OPEN),
    )


def sqlite_library() -> ctypes.CDLL | None:
    """The library behind ``sqlite3``; None where it is built into the module and can't be reached."""
    import _sqlite3

    try:
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    except (AttributeError, OSError):
        return None
    return library


def copy_what_is_flushed(platter: Path) -> None:
    """From now on every flush in this process copies what was flushed into ``platter``."""
    library = sqlite_library()
    assert library is not None
    vfs = library.sqlite3_vfs_find(None).contents
    plain_open = _OPEN(ctypes.cast(vfs.open, ctypes.c_void_p).value or 0)  # the function; the field will be another's

    def opened(vfs_at: int, name_at: int | None, file: int, flags: int, out: int) -> int:
        code = int(plain_open(vfs_at, name_at, file, flags, out))
        if code == 0 and name_at:
            _watch(file, Path(os.fsdecode(ctypes.string_at(name_at))), platter)
        return code

    vfs.open = _keep(_OPEN(opened))


def _watch(file: int, path: Path, platter: Path) -> None:
    methods_at = ctypes.c_void_p.from_address(file)  # sqlite3_file begins with a pointer to its methods
    methods = ctypes.create_string_buffer(ctypes.string_at(methods_at.value or 0, _METHODS_BYTES))
    sync_at = ctypes.c_void_p.from_buffer(methods, _SYNC_AT)
    plain_sync = _SYNC(sync_at.value or 0)
    source = os.open(path, os.O_RDONLY)  # stays open: closing it would give up SQLite's locks

    def synced(its_file: int, flags: int) -> int:
        code = int(plain_sync(its_file, flags))
        fresh = platter / f"{path.name}.new"
        fresh.write_bytes(os.pread(source, os.fstat(source).st_size, 0))
        fresh.replace(platter / path.name)
        return code

    sync_at.value = ctypes.cast(_keep(_SYNC(synced)), ctypes.c_void_p).value
    methods_at.value = ctypes.addressof(_keep(methods))


def _keep(thing: Any) -> Any:
    _kept.append((thing,))
    return thing


def main(arguments: list[str]) -> None:
    """Runs the script given as text."""
    folder, script, *rest = arguments
    copy_what_is_flushed(Path(folder))
    sys.argv = ["-", *rest]
    run: Callable[[str, dict[str, Any]], None] = exec
    run(script, {"__name__": "__main__"})


if __name__ == "__main__":
    main(sys.argv[1:])
