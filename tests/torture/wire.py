"""The link between one cabinet and the broker, and whoever spoils it: a TCP proxy that knows where MQTT packets end.

It cuts connections in mid-packet (a part of a packet arrives, then nothing), swallows bytes as a SIM card without
signal does, sends recorded packs again and changes their order. Everything happens in one thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Literal, TypeVar

_PUBLISH_QOS1 = 0x32
_PUBACK = 0x40
_DUP = 0x08
_RECORDED = 400
_MOST_HELD = 6
_TORN_WITHIN_S = 1.5
_LEND_IDS_FROM = 60_000
_RESET = struct.pack("ii", 1, 0)

Answer = TypeVar("Answer")
State = Literal["whole", "tearing", "cut", "silent"]


class _Torn(Exception):
    """The link is over."""


@dataclass(eq=False)
class _Link:
    """One connection of the cabinet. ``lent``: packet ids of copies, whose PUBACKs the cabinet must not see."""

    cabinet: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    held: list[bytes] = field(default_factory=list)
    in_flight: set[int] = field(default_factory=set)
    lent: list[int] = field(default_factory=list)

    def end(self, rng: Random) -> None:
        for writer in (self.cabinet, self.broker):
            if rng.random() < 0.5:
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
            else:
                writer.close()


class Wire:
    """Listens on ``port`` between ``__enter__`` and ``__exit__``. ``counts``: what was done to the packets.

    ``cuts``, ``torn`` (packets of which a part arrived), ``swallowed`` bytes, packs ``repeated`` and ``reordered``.
    """

    def __init__(self, broker_port: int, rng: Random) -> None:
        self.port = 0
        self.counts: Counter[str] = Counter()
        self._broker_port = broker_port
        self._rng = rng
        self._state: State = "whole"
        self._mixing = False
        self._links: set[_Link] = set()
        self._recorded: deque[bytes] = deque(maxlen=_RECORDED)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), name="wire", daemon=True)

    def __enter__(self) -> Wire:
        self._thread.start()
        assert self._ready.wait(60), "the wire was not ready in time"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)

    def cut(self, *, silent: bool = False) -> None:
        """No connection until ``mend``. ``silent``: nobody is told, bytes vanish; else the next packet is torn."""
        self._do(self._cut(silent))

    def mend(self) -> None:
        """New connections go through; what was silent is reset."""
        self._do(self._mend())

    def mix(self, on: bool) -> None:
        """Whether packs come in another order, a few at a time."""
        self._do(self._mix(on))

    def repeat(self, count: int) -> int:
        """Send up to so many recorded packs again, in any order; answers how many."""
        return self._do(self._repeat(count))

    def _do(self, wish: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(wish, self._loop).result(60)

    # --- in the loop ------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for link in list(self._links):
            link.end(self._rng)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while self._is("silent"):
                await asyncio.sleep(0.05)
            if not self._is("whole"):
                return
            try:
                from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker_port)
            except OSError:
                return
            await self._join(_Link(writer, to_broker), reader, from_broker)
        finally:
            writer.transport.abort()

    async def _join(self, link: _Link, cabinet: asyncio.StreamReader, broker: asyncio.StreamReader) -> None:
        self._links.add(link)
        pumps = [asyncio.create_task(self._up(link, cabinet)), asyncio.create_task(self._down(link, broker))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            link.broker.close()

    async def _up(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while True:
            packet = await _packet(reader)
            if not _is_pack(packet):
                await self._forward(link, link.broker, packet)
                continue
            self._recorded.append(packet)
            link.in_flight.add(_id_of(packet))
            link.held.append(packet)
            if not self._mixing or len(link.held) >= self._rng.randint(2, _MOST_HELD):
                await self._let_go(link)

    async def _let_go(self, link: _Link) -> None:
        """What was held back, in another order if that was the wish."""
        held, link.held = link.held, []
        if len(held) > 1:
            before = list(held)
            self._rng.shuffle(held)
            self.counts["reordered"] += sum(one is not other for one, other in zip(before, held, strict=True))
        for packet in held:
            await self._forward(link, link.broker, packet)

    async def _down(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while True:
            packet = await _packet(reader)
            if packet[0] == _PUBACK:
                number = int.from_bytes(packet[2:4], "big")
                if number in link.lent:
                    link.lent.remove(number)
                    continue
                link.in_flight.discard(number)
            await self._forward(link, link.cabinet, packet)

    async def _forward(self, link: _Link, writer: asyncio.StreamWriter, packet: bytes) -> None:
        if self._state == "silent":
            self.counts["swallowed"] += len(packet)
            return
        if self._state == "whole":
            writer.write(packet)
            await writer.drain()
            return
        if len(packet) > 2:
            writer.write(packet[: self._rng.randint(1, len(packet) - 1)])
            await writer.drain()
            self.counts["torn"] += 1
            self._state = "cut"
        link.end(self._rng)
        raise _Torn

    async def _cut(self, silent: bool) -> None:
        self.counts["cuts"] += 1
        if silent:
            self._state = "silent"
            return
        self._state = "tearing"
        deadline_s = self._loop.time() + _TORN_WITHIN_S
        while self._is("tearing") and self._loop.time() < deadline_s:
            await asyncio.sleep(0.02)
        self._state = "cut"
        for link in list(self._links):
            link.end(self._rng)

    def _is(self, state: State) -> bool:
        return self._state == state

    async def _mend(self) -> None:
        if self._state == "silent":
            for link in list(self._links):
                link.end(self._rng)
        self._state = "whole"

    async def _mix(self, on: bool) -> None:
        self._mixing = on
        if not on:
            for link in list(self._links):
                with contextlib.suppress(OSError, _Torn):
                    await self._let_go(link)

    async def _repeat(self, count: int) -> int:
        link = next(iter(self._links), None)
        if link is None or self._state != "whole":
            return 0
        chosen = self._rng.sample(list(self._recorded), min(count, len(self._recorded)))
        numbers = _free_ids(link)
        for packet in chosen:
            number = next(numbers)
            link.lent.append(number)
            with contextlib.suppress(OSError, _Torn):
                await self._forward(link, link.broker, _with_id(packet, number))
        self.counts["repeated"] += len(chosen)
        return len(chosen)


def _free_ids(link: _Link) -> Iterator[int]:
    taken = link.in_flight | set(link.lent)
    return (number for number in range(_LEND_IDS_FROM, 65_536) if number not in taken)


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """One MQTT packet (MQTT 3.1.1 §2.2). Raises ``IncompleteReadError`` at the end."""
    head = await reader.readexactly(2)
    length, shift, last = head[1] & 0x7F, 7, head[1]
    while last & 0x80:
        more = await reader.readexactly(1)
        head, last = head + more, more[0]
        length |= (last & 0x7F) << shift
        shift += 7
    return head + await reader.readexactly(length)


def _is_pack(packet: bytes) -> bool:
    return packet[0] & ~_DUP == _PUBLISH_QOS1 and b"/up/" in packet[:120]


def _id_place(packet: bytes) -> int:
    start = 1
    while packet[start] & 0x80:
        start += 1
    start += 1
    return start + 2 + int.from_bytes(packet[start : start + 2], "big")


def _id_of(packet: bytes) -> int:
    place = _id_place(packet)
    return int.from_bytes(packet[place : place + 2], "big")


def _with_id(packet: bytes, number: int) -> bytes:
    place = _id_place(packet)
    return packet[:place] + number.to_bytes(2, "big") + packet[place + 2 :]
