"""Evidence that comes with an answer: pictures without their metadata, and PDF documents, kept by their sha256.

A file is whole on the disk before its row is committed; a file whose row never came is harmless and is found again when
the same content is sent once more.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from registry.domain.errors import InvalidInput, StoreDown
from registry.services.photos import redraw

MOST_BYTES = 20 * 1024 * 1024
MOST_FILES = 9
PDF, JPEG = "application/pdf", "image/jpeg"
_ENDINGS = {PDF: ".pdf", JPEG: ".jpg"}
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A file as it is kept."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str


def keep_evidence(data_dir: Path, name: str, content: bytes) -> Evidence:
    """Keep a picture (JPEG, PNG, WebP; without its metadata) or a PDF of at most 20 MB; what it is called then.

    Raises ``InvalidInput("file", …)`` for anything else, ``StoreDown`` when the folder can't be written.
    """
    if not content:
        raise InvalidInput("file", "the file is empty; choose it again")
    if len(content) > MOST_BYTES:
        raise InvalidInput("file", "is larger than {most} MB; send it in parts", most=MOST_BYTES // 1024 // 1024)
    media_type, kept = PDF, content
    if not content.startswith(b"%PDF-"):
        try:
            media_type, kept = JPEG, redraw(content).jpeg
        except InvalidInput as error:
            raise error.at("file") from None
    sha256 = hashlib.sha256(kept).hexdigest()
    _write(evidence_path(data_dir, sha256, media_type), kept)
    return Evidence(name=_plain(name, media_type), media_type=media_type, size_bytes=len(kept), sha256=sha256)


def evidence_path(data_dir: Path, sha256: str, media_type: str) -> Path:
    """Where the file of that content is."""
    return data_dir / "evidence" / sha256[:2] / f"{sha256}{_ENDINGS[media_type]}"


def _plain(name: str, media_type: str) -> str:
    """The name without folders and control characters, with the ending of what is really in the file."""
    stem = Path(name.replace("\\", "/")).stem
    shown = "".join(letter for letter in stem if letter.isprintable()).strip(". ") or "file"
    ending = _ENDINGS[media_type]
    return shown[: _LONGEST_NAME - len(ending)] + ending


def _write(path: Path, content: bytes) -> None:
    if path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreDown(f"evidence folder {path.parent}: {error.strerror}") from error
