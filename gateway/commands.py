"""Commands from the city: each is done at most once, and what became of it is told until the city knows.

The ids of commands and their outcomes stand in a file before and after the doing, so that neither a repeat on the wire
nor a restart does a thing twice. What a command does is the business of the ``actions`` handed in. Used by the uplink's
thread alone, but for ``finish``, which any thread may call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import structlog

from gateway.durable import read_kept, write_durably

HEARD = "heard"  # the city's word that it hears us; asks for nothing
Outcome = Literal["done", "refused", "failed", "rolled_back", "trying"]

_KEPT_AFTER_EXPIRY_S = 86_400.0  # the city's clock and ours may differ
_MOST_KEPT = 500
_LONGEST_BODY = 256 * 1024
_CLOCK_SET_AFTER_S = 1_735_689_600.0  # 2025: a cabinet whose clock says less has not set it since the power came back

log = structlog.get_logger(__name__)


class Command(msgspec.Struct, frozen=True):
    """What the city wants. ``expires_at`` is in Unix seconds by the city's clock."""

    id: str
    kind: str
    expires_at: float = 0.0
    arguments: dict[str, Any] = {}


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a command; ``reason`` says why not, ``result`` holds what was asked for."""

    id: str
    outcome: Outcome
    at: float
    reason: str = ""
    result: dict[str, Any] = {}


class _Kept(msgspec.Struct):
    until: float
    reply: Reply | None = None  # None: begun


class _Book(msgspec.Struct):
    commands: dict[str, _Kept] = {}


# here and not where they are used: msgspec must not learn a shape in two threads at once
_json_command = msgspec.json.Decoder(Command)
_json_book = msgspec.json.Decoder(_Book)


class Refused(Exception):
    """A command that is not done, and why; nothing was changed."""


Action = Callable[[Command], dict[str, Any] | None]
"""Does a command and returns its result; None: ``finish`` is called later. Raises ``Refused``."""


class CommandDesk:
    """Takes commands in (``hear``) and gives replies out (``replies``)."""

    def __init__(
        self, path: Path, actions: Mapping[str, Action], *, closed: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._closed = closed  # why nothing is done at all
        self._path = path
        self._actions = actions
        self._clock = clock
        self._book: _Book | None = None
        self._outgoing: dict[str, Reply] = {}
        self._lock = threading.RLock()
        self._clock_told = False

    def hear(self, body: bytes) -> Command | None:
        """One message on the command topic; returns the command if it was one, whatever became of it."""
        try:
            if len(body) > _LONGEST_BODY:
                raise msgspec.DecodeError(f"{len(body)} bytes are too many")
            command = _json_command.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("command_unreadable", reason=str(error))
            return None
        if command.kind != HEARD:
            with self._lock:
                self._judge(command)
        return command

    def finish(self, command_id: str, outcome: Outcome, *, reason: str = "", result: Mapping[str, Any] = {}) -> None:
        """What became of a command that was begun: kept on disk, then told."""
        reply = Reply(command_id, outcome, round(self._clock(), 3), reason, dict(result))
        with self._lock:
            kept = self._kept().get(command_id)
            self._kept()[command_id] = _Kept(self._until(kept.until if kept else 0.0), reply)
            try:
                self._write()
            except OSError as error:  # told all the same; after a restart it counts as cut off
                log.error("command_not_kept", command=command_id, reason=str(error), fix="free space on its disk")
            self._outgoing[command_id] = reply
        log.info("command_ended", command=command_id, outcome=outcome, reason=reason)

    def tell(self, command_id: str, outcome: Outcome, *, result: Mapping[str, Any] = {}) -> None:
        """A word in between, which is not kept."""
        with self._lock:
            self._outgoing[command_id] = Reply(command_id, outcome, round(self._clock(), 3), "", dict(result))

    def replies(self) -> list[bytes]:
        """What is to be told now, each once; the city asks again for what it misses."""
        with self._lock:
            outgoing, self._outgoing = list(self._outgoing.values()), {}
        return [msgspec.json.encode(reply) for reply in outgoing]

    def is_open(self, command_id: str) -> bool:
        """Whether the command was begun and has not ended."""
        with self._lock:
            kept = self._kept().get(command_id)
            return kept is not None and kept.reply is None

    def tell_again(self) -> None:
        """A new connection: what ended within the last hour may not have arrived; a repeat changes nothing."""
        with self._lock:
            for command_id, kept in self._kept().items():
                if kept.reply is not None and kept.reply.at > self._clock() - 3600:
                    self._outgoing.setdefault(command_id, kept.reply)

    # --- the rules --------------------------------------------------------------------------------------------------

    def _judge(self, command: Command) -> None:
        before = self._kept().get(command.id)
        if before is not None:
            if before.reply is not None:
                self._outgoing[command.id] = before.reply
            return
        now_s = self._clock()
        if now_s < _CLOCK_SET_AFTER_S:  # no expiry can be judged; the city sends it again
            if not self._clock_told:
                self._clock_told = True
                log.warning("commands_wait_for_clock", fix="set the clock (NTP, RTC)")
            return
        action = self._actions.get(command.kind)
        if self._closed:
            self._refuse(command, self._closed)
        elif action is None:
            self._refuse(command, f"this cabinet knows no command {command.kind!r}; give it a newer program")
        elif command.expires_at <= now_s:
            self._refuse(command, f"expired {now_s - command.expires_at:.0f} s ago by the cabinet's clock")
        else:
            self._do(command, action)

    def _do(self, command: Command, action: Action) -> None:
        log.info("command_begun", command=command.id, kind=command.kind)
        self._kept()[command.id] = _Kept(self._until(command.expires_at))
        try:
            self._write()  # before the doing: after a power cut we know that it was begun, and don't do it twice
        except OSError as error:
            del self._kept()[command.id]
            log.error("command_not_kept", command=command.id, reason=str(error), fix="free space on the cabinet's disk")
            return
        try:
            result = action(command)
        except Refused as refused:
            self._refuse(command, str(refused))
        except OSError as error:
            self.finish(command.id, "failed", reason=f"the cabinet's disk refuses: {error}")
        else:
            if result is not None:
                self.finish(command.id, "done", result=result)

    def _refuse(self, command: Command, reason: str) -> None:
        self.finish(command.id, "refused", reason=reason)

    # --- the file ---------------------------------------------------------------------------------------------------

    def end_what_was_begun(self, *, but: str = "") -> None:
        """After a start: what was begun and not ended can't be known to be done, and is not done again."""
        with self._lock:
            for command_id, kept in list(self._kept().items()):
                if kept.reply is None and command_id != but:
                    reason = "the cabinet stopped in the middle of it; look what became of it and order it again"
                    self.finish(command_id, "failed", reason=reason)

    def _kept(self) -> dict[str, _Kept]:
        if self._book is None:
            self._book = read_kept(self._path, _json_book) or _Book({})
        return self._book.commands

    def _until(self, expires_at: float) -> float:
        return max(expires_at, self._clock()) + _KEPT_AFTER_EXPIRY_S

    def _write(self) -> None:
        now_s = self._clock()
        kept = {name: each for name, each in self._kept().items() if each.until > now_s}
        for name in list(kept)[:-_MOST_KEPT]:
            del kept[name]
        self._book = _Book(kept)
        write_durably(self._path, msgspec.json.encode(self._book))
