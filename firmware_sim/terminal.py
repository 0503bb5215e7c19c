"""One end of a serial line: a pseudo-terminal whose other end is an ordinary tty that any Modbus master can open.

The simulator holds only the master side. While nobody has the other side open, reading gives EIO and polling reports a
hang-up all the time, so the owner must not poll a silent line in a tight loop: ask ``is_open_elsewhere`` now and then.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from dataclasses import dataclass
from pathlib import Path

_READ_SIZE = 4096


class LinkProblem(Exception):
    """The symlink can't be made; the message says what is in the way and what to do."""


@dataclass(slots=True)
class Terminal:
    """A pseudo-terminal behind the symlink ``link``. ``open`` makes both, ``close`` removes both."""

    link: Path
    fd: int = -1
    device: str = ""

    def open(self) -> None:
        """Make the pseudo-terminal, raw and silent, and lead the symlink to it. Raises ``LinkProblem``."""
        master, slave = os.openpty()
        try:
            # Raw from the start: a cooked line would echo requests back and swallow bytes until a master sets it up.
            tty.setraw(slave)
            self.device = os.ttyname(slave)
            os.set_blocking(master, False)
            self._point_link()
        except BaseException:
            os.close(master)
            raise
        finally:
            # Keeping it open would hide that the real master has gone.
            os.close(slave)
        self.fd = master

    def close(self) -> None:
        """Remove the symlink if it is still ours, and the pseudo-terminal."""
        if self.fd < 0:
            return
        with contextlib.suppress(OSError):
            if str(self.link.readlink()) == self.device:
                self.link.unlink()
        os.close(self.fd)
        self.fd = -1

    def is_open_elsewhere(self) -> bool:
        """Whether some process has the other end open."""
        watch = select.poll()
        watch.register(self.fd, select.POLLIN)
        return not any(events & (select.POLLHUP | select.POLLERR) for _, events in watch.poll(0))

    def read(self) -> tuple[bytes, bool]:
        """Everything that has arrived, and whether the other end is still open."""
        chunks: list[bytes] = []
        while True:
            try:
                chunk = os.read(self.fd, _READ_SIZE)
            except BlockingIOError:
                return b"".join(chunks), True
            except OSError:  # EIO: the last process on the other end has closed it
                return b"".join(chunks), False
            if not chunk:
                return b"".join(chunks), False
            chunks.append(chunk)

    def write(self, payload: bytes) -> bool:
        """Put ``payload`` on the line; False when the other end has no room for all of it."""
        try:
            return os.write(self.fd, payload) == len(payload)
        except OSError:  # full (EAGAIN) or just hung up (EIO): a line loses what nobody listens to
            return False

    def forget_unread(self) -> None:
        """Drop what the last listener never read, or the next one would take it for an answer of its own."""
        with contextlib.suppress(OSError, termios.error):
            # Only the other end's own side can empty its input; opened for a moment, while nobody else has it open.
            slave = os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                termios.tcflush(slave, termios.TCIFLUSH)
            finally:
                os.close(slave)

    def _point_link(self) -> None:
        if self.link.exists() and not self.link.is_symlink():
            raise LinkProblem(f"link: {self.link} exists and is not a symlink; name another path or remove the file")
        fresh = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        try:
            self.link.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.device)
            fresh.replace(self.link)
        except OSError as error:
            raise LinkProblem(
                f"link: {self.link} can't be made ({error.strerror}); name a path in a folder that may be written to"
            ) from error
