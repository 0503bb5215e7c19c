"""The files of a print run: parts as they are made, and from them the files that are handed to the printer.

A part holds the labels of one batch and stands under its name only when it is whole on the disk; making a batch again
replaces its part. So a run that was killed goes on without a label missing or doubled.
"""

from __future__ import annotations

import csv
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from registry.labels import LabelFacts, LabelTemplate
from registry.labels.layout import draw
from registry.labels.pdf import PdfBook
from registry.services.print_selection import PlateFacts

LIST_NAME = "list.csv"
_PARTS = "parts"
_PACKED = frozenset({"png"})  # packed already: packing again costs time and saves nothing
_MOMENT = (1980, 1, 1, 0, 0, 0)  # zip files have no other way to say "no date"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """One finished file of a run."""

    name: str
    size_bytes: int


def folder_of(data_dir: Path, run_id: int) -> Path:
    """Where the files of a run lie."""
    return data_dir / "print" / str(run_id)


def finished_files(data_dir: Path, run_id: int) -> list[RunFile]:
    """What can be downloaded of a run, by name; [] while nothing is finished."""
    folder = folder_of(data_dir, run_id)
    if not folder.is_dir():
        return []
    found = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return [RunFile(name=path.name, size_bytes=path.stat().st_size) for path in found]


def finished_file(data_dir: Path, run_id: int, name: str) -> Path | None:
    """The path of one finished file; None when the run has none of that name."""
    known = {file.name for file in finished_files(data_dir, run_id)}
    return folder_of(data_dir, run_id) / name if name in known else None


class PartFiles:
    """The parts of one run. ``first`` is the position of a part's first label and names it."""

    def __init__(self, folder: Path, extension: str) -> None:
        self.folder = folder
        self.extension = extension

    def keep(self, first: int, labels: Iterable[tuple[PlateFacts, bytes]]) -> None:
        """Write one part, whole or not at all."""
        path = self._path(first)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as part:
            for facts, content in labels:
                part.writestr(zipfile.ZipInfo(label_name(facts, self.extension), _MOMENT), content)

    def has(self, first: int) -> bool:
        """Whether that part is there."""
        return self._path(first).is_file()

    def forget(self) -> None:
        """Remove all parts, once the run is finished."""
        shutil.rmtree(self.folder / _PARTS, ignore_errors=True)

    def labels(self, firsts: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Name and content of every label of the parts ``firsts``, in their order."""
        for first in firsts:
            with zipfile.ZipFile(self._path(first)) as part:
                for name in part.namelist():
                    yield name, part.read(name)

    def _path(self, first: int) -> Path:
        return self.folder / _PARTS / f"{first:07d}.zip"


def label_name(facts: PlateFacts, extension: str) -> str:
    """The name of one label in a zip: its place in the run, the code (or ``blank``) and the token."""
    return f"{facts.position:06d}_{facts.code or 'blank'}_{facts.token}.{extension}"


def zip_labels(folder: Path, labels: Iterable[tuple[str, bytes]], *, extension: str, beat: Callable[[], None]) -> None:
    """``labels.zip`` of all ``labels``; ``beat`` is called now and then, since this can take a minute."""
    method = zipfile.ZIP_STORED if extension in _PACKED else zipfile.ZIP_DEFLATED
    with _whole(folder / "labels.zip") as file, zipfile.ZipFile(file, "w", method, compresslevel=6) as packed:
        for count, (name, content) in enumerate(labels):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = method
            packed.writestr(entry, content)
            if count % 500 == 499:
                beat()


def join_labels(folder: Path, labels: Iterable[tuple[str, bytes]], *, extension: str, beat: Callable[[], None]) -> None:
    """``labels.zpl`` and the like: one label after the other in one file."""
    with _whole(folder / f"labels.{extension}") as file:
        for count, (_, content) in enumerate(labels):
            file.write(content if content.endswith(b"\n") else content + b"\n")
            if count % 500 == 499:
                beat()


def write_pdf(
    folder: Path,
    template: LabelTemplate,
    labels: Iterable[LabelFacts],
    *,
    start_position: int,
    beat: Callable[[], None],
) -> None:
    """``labels.pdf`` with a label on each page, or sheets that begin at ``start_position``; each is decoded again."""
    with _whole(folder / "labels.pdf") as file:
        book = PdfBook(file, sheet=template.sheet, start_position=start_position)
        for count, facts in enumerate(labels):
            book.add(draw(template, facts))
            if count % 500 == 499:
                beat()
        book.close()


def write_list(folder: Path, plates: Iterable[tuple[PlateFacts, str]]) -> None:
    """``list.csv``: what was printed in which place, and what failed why; opens in any spreadsheet."""
    with _whole(folder / LIST_NAME) as file:
        file.write("\ufeff".encode())
        lines = _Lines(file)
        writer = csv.writer(lines)
        writer.writerow(
            ["序号 position", "标牌 token", "编码 code", "分类 class", "道路 road", "状态 state", "问题 problem"]
        )
        for facts, problem in plates:
            cells = [facts.code, facts.class_name_zh, facts.road, facts.item_state, problem]
            writer.writerow([facts.position, facts.token, *(_harmless(cell) for cell in cells)])


class _Lines:
    """What ``csv`` writes to: text in, UTF-8 out."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is shown as text."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name only when everything is on the disk; a power cut leaves the old one or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
