"""A serial line on a pseudo-terminal: what was written counts as written, however long this process was held up."""

from __future__ import annotations

import os
import tty

import pytest

from gateway.channel import LineDown, open_channel
from gateway.ports import read_port

pytestmark = pytest.mark.network


@pytest.fixture
def terminal():
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    os.close(slave)
    yield master, path
    os.close(master)


def test_a_request_that_was_written_late_is_written(terminal):
    """On a busy machine the thread may sleep for longer than the timeout between writing and looking at the clock."""
    master, path = terminal
    channel = open_channel(read_port(path), baud=9600, timeout_s=1e-9)
    try:
        channel.write(b"eight by")
        assert os.read(master, 100) == b"eight by"
    finally:
        channel.close()


def test_a_line_that_takes_nothing_is_down(terminal):
    _, path = terminal
    channel = open_channel(read_port(path), baud=9600, timeout_s=0.05)
    try:
        with pytest.raises(LineDown, match="takes nothing"):
            channel.write(bytes(1_000_000))
    finally:
        channel.close()
