"""The cabinet's ear for the city: commands, the configuration on trial, and the password to the broker.

One ``Remote`` lives as long as the process; buses, spool and uplink are built anew (a *life*) whenever another
configuration is to be tried or taken back. A new configuration is on trial until the city has been heard through it;
if that does not happen in time, or the cabinet stops meanwhile, the one before comes back by itself and the city is
told. Readings are in no way concerned: a life ends by closing the spool, which commits what was put.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from gateway.commands import Command, CommandDesk, Refused
from gateway.credentials import Credentials
from gateway.durable import read_kept, write_durably
from gateway.remote_config import apply_configuration, described, hash_of
from gateway.sampling import Sampling
from gateway.senml import Item
from gateway.settings import BrokerSettings, CabinetSettings
from gateway.spool import Lane

log = structlog.get_logger(__name__)

SHORTEST_TRIAL_S, LONGEST_TRIAL_S = 1.0, 3600.0
_LONGEST_VERSION = 2**53


class Ending(Enum):
    """Why a life of the cabinet ended."""

    STOPPED = "told to stop"
    RECONFIGURE = "another configuration"
    RESTART = "told to start again"


class Pollable(Protocol):
    """A bus, as far as commands are concerned with it."""

    def poll_now(self, serial: str | None = None) -> list[str]:
        """Ask at once; returns the serials that will be asked."""


class _Version(msgspec.Struct, frozen=True):
    version: int
    hash: str
    text: str


class _Trial(msgspec.Struct):
    wanted: _Version
    command: str
    within_s: float
    begun: bool = False


class _Shelf(msgspec.Struct):
    """The file of configurations: the one in use (None: ``cabinet.toml`` alone) and the one on trial."""

    current: _Version | None = None
    trial: _Trial | None = None


# here and not where it is used: msgspec must not learn a shape (and those it holds) in two threads at once
_json_shelf = msgspec.json.Decoder(_Shelf)


class Remote:
    """What the uplink and the lives of a cabinet share.

    ``own`` is ``cabinet.toml``; ``check`` says what beyond ``settings.problems`` is wrong with settings (profiles).
    """

    def __init__(
        self,
        own: CabinetSettings,
        check: Callable[[CabinetSettings], list[str]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        folder = Path(own.remote.folder) if own.remote.folder else Path(own.spool.path).parent / "remote"
        self._own = own
        self._check = check
        self._shelf_file = folder / "configuration.json"
        self._shelf = _Shelf()
        self._settings = own
        self._credentials = Credentials(folder / "credentials.json")
        self._desk = CommandDesk(
            folder / "commands.json",
            {
                "configure": self._configure,
                "describe": self._describe,
                "poll": self._poll,
                "rezero": self._rezero,
                "restart": self._restart,
                "rotate": self._rotate,
            },
            closed="" if own.remote.enabled else "remote.enabled: is false in this cabinet's own file",
            clock=clock,
        )
        self._sampling = Sampling(self._desk.finish)
        self._buses: Sequence[Pollable] = ()
        self._ending: Ending | None = None
        self._trial_until_s = float("inf")
        self._unusable = ""
        self._turn = threading.RLock()

    # --- lives ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Reads the files once, at the start of the process; a trial that was cut off is taken back."""
        if self._own.remote.enabled:
            self._shelf = read_kept(self._shelf_file, _json_shelf) or _Shelf()
        trial = self._shelf.trial
        self._desk.end_what_was_begun(but=trial.command if trial else "")
        if trial is not None and trial.begun:
            self.roll_back("the cabinet stopped before the city was heard through it")

    def begin_life(self) -> CabinetSettings:
        """The settings of the life that begins now: ``cabinet.toml`` with the configuration in use or on trial."""
        self._ending = None
        self._trial_until_s = float("inf")
        trial = self._shelf.trial
        if trial is not None and not trial.begun and not self._begin(trial):
            trial = None
        if trial is not None:
            self._trial_until_s = time.monotonic() + trial.within_s
            log.info("configuration_on_trial", version=trial.wanted.version, within_s=trial.within_s)
        wanted = trial.wanted if trial else self._shelf.current
        self._settings, self._unusable = self._own, ""
        if wanted is not None:
            faults = self._faults(wanted.text)
            if faults:  # cabinet.toml was changed on site since
                self._unusable = "; ".join(faults)
                log.error("configuration_unusable", version=wanted.version, problems=faults, fix="send another one")
            else:
                self._settings = apply_configuration(self._own, wanted.text).settings
        return self._settings

    def _begin(self, trial: _Trial) -> bool:
        """From now on a stop means that it is taken back; False when that can't be kept, and so nothing is tried."""
        trial.begun = True
        try:
            self._write_shelf()
        except OSError as error:
            self.roll_back(f"the cabinet's disk refuses: {error}")
            return False
        return True

    def built(self, buses: Sequence[Pollable]) -> None:
        """The buses of this life."""
        self._buses = buses

    def ending(self) -> Ending | None:
        """Whether this life is to end, and why; looked at often, since it also watches the time of a trial."""
        if self._shelf.trial is not None and time.monotonic() > self._trial_until_s:
            within_s = self._shelf.trial.within_s
            if self.roll_back(f"the city was not heard through it within {within_s:g} s"):
                self._ending = Ending.RECONFIGURE
        self._sampling.give_up()
        return self._ending

    def roll_back(self, reason: str) -> bool:
        """Takes the configuration on trial back; False when none is on trial."""
        with self._turn:
            trial, self._shelf.trial = self._shelf.trial, None
            if trial is None:
                return False
            self._trial_until_s = float("inf")
            try:
                self._write_shelf()
            except OSError as error:  # it stands there as begun, and so is taken back after a restart as well
                log.error("configuration_not_kept", reason=str(error), fix="free space on the cabinet's disk")
        log.error("configuration_rolled_back", version=trial.wanted.version, reason=reason)
        self._desk.finish(trial.command, "rolled_back", reason=reason, result=self._in_use())
        return True

    def tap(self, readings_by_lane: Mapping[Lane, Sequence[Item]]) -> None:
        """Readings that the spool has taken; called in the threads of the sources."""
        self._sampling.see(readings_by_lane)

    # --- the uplink's thread ----------------------------------------------------------------------------------------

    def broker(self, broker: BrokerSettings) -> BrokerSettings:
        """The broker with the name and password for the next attempt to connect."""
        return self._credentials.of(broker)

    def refused(self) -> None:
        """The attempt failed."""
        self._credentials.refused()

    def connected(self) -> None:
        """The broker has accepted us."""
        try:
            self._credentials.accepted()
        except OSError as error:
            log.error("credentials_not_kept", reason=str(error), fix="free space on the cabinet's disk")
        self._desk.tell_again()
        if self._shelf.trial is not None:
            wanted = self._shelf.trial.wanted
            self._desk.tell(
                self._shelf.trial.command, "trying", result={"version": wanted.version, "hash": wanted.hash}
            )

    def hear(self, body: bytes) -> None:
        """A message on the command topic."""
        if self._desk.hear(body) is not None:
            self.heard_city()

    def heard_city(self) -> None:
        """The city itself has spoken on this connection, so this configuration reaches it: a trial has passed."""
        trial = self._shelf.trial
        if trial is None or not trial.begun or self._ending is not None:
            return
        with self._turn:
            if self._shelf.trial is not trial:
                return  # taken back in this moment
            former, self._shelf.current, self._shelf.trial = self._shelf.current, trial.wanted, None
            try:
                self._write_shelf()
            except OSError as error:
                self._shelf.current, self._shelf.trial = former, trial
                log.error("configuration_not_kept", reason=str(error), fix="free space on the cabinet's disk")
                return
            self._trial_until_s = float("inf")
        log.info("configuration_in_use", version=trial.wanted.version)
        self._desk.finish(trial.command, "done", result=self._in_use())

    def replies(self) -> list[bytes]:
        """What is to be told to the city now."""
        return self._desk.replies()

    def state(self) -> dict[str, object]:
        """What the cabinet's state says of the configuration; nothing while it runs on ``cabinet.toml`` alone."""
        if self._shelf.current is None:
            return {}
        told: dict[str, object] = {"configuration": self._in_use()}
        if self._unusable:
            told["configuration_problem"] = self._unusable
        return told

    # --- commands ---------------------------------------------------------------------------------------------------

    def _configure(self, command: Command) -> dict[str, Any] | None:
        wanted = _version_of(command)
        current = self._shelf.current
        if current is not None and wanted.version == current.version and wanted.hash == current.hash:
            return self._in_use()
        if current is not None and wanted.version <= current.version:
            raise Refused(f"version: {wanted.version} is not newer than {current.version}, which is in use")
        if self._shelf.trial is not None:
            raise Refused(f"version {self._shelf.trial.wanted.version} is on trial just now; send it again afterwards")
        faults = self._faults(wanted.text)
        if faults:
            raise Refused("\n".join(faults))
        within_s = command.arguments.get("rollback_after_s", self._own.remote.rollback_after_s)
        if not isinstance(within_s, int | float) or not SHORTEST_TRIAL_S <= within_s <= LONGEST_TRIAL_S:
            raise Refused(f"rollback_after_s: must be {SHORTEST_TRIAL_S:g} to {LONGEST_TRIAL_S:g} seconds")
        with self._turn:
            self._shelf.trial = _Trial(wanted, command.id, float(within_s))
            try:
                self._write_shelf()
            except OSError:
                self._shelf.trial = None
                raise
        self._ending = Ending.RECONFIGURE
        return None

    def _faults(self, text: str) -> list[str]:
        applied = apply_configuration(self._own, text)
        return applied.problems or self._check(applied.settings)

    def _describe(self, _command: Command) -> dict[str, Any]:
        own = described(self._own)
        return {"own": own, "in_use": described(self._settings), **self._in_use()}

    def _poll(self, command: Command) -> dict[str, Any]:
        serial = command.arguments.get("serial")
        asked = [each for bus in self._buses for each in bus.poll_now(serial)]
        if not asked:
            there = f"no unit {serial!r} on its buses" if serial else "no units on its buses"
            raise Refused(f"serial: this cabinet has {there}; what sends by itself can't be asked")
        return {"asked": asked}

    def _rezero(self, command: Command) -> None:
        serial = command.arguments.get("serial")
        if not isinstance(serial, str) or not serial:
            raise Refused("serial: must be given")

        def ask(once_more: str) -> None:
            for bus in self._buses:
                bus.poll_now(once_more)

        self._sampling.begin(command, serial, ask)

    def _restart(self, _command: Command) -> dict[str, Any]:
        self._ending = Ending.RESTART
        return {}

    def _rotate(self, _command: Command) -> dict[str, Any]:
        own = self._own.broker
        username = self._own.cabinet.id
        if own.username and own.username != username:
            raise Refused(f"broker.username: is {own.username!r} and not the cabinet's id; enrol the cabinet first")
        return {"username": username, "hash": self._credentials.make_next(username, before=own.password)}

    # --- the file ---------------------------------------------------------------------------------------------------

    def _in_use(self) -> dict[str, Any]:
        current = self._shelf.current
        return {"version": current.version if current else 0, "hash": current.hash if current else ""}

    def _write_shelf(self) -> None:
        write_durably(self._shelf_file, msgspec.json.encode(self._shelf))


def _version_of(command: Command) -> _Version:
    try:
        wanted = msgspec.convert(command.arguments, _Version)
    except msgspec.ValidationError as error:
        raise Refused(f"arguments: {error}") from error
    if hash_of(wanted.text) != wanted.hash:
        raise Refused("hash: is not that of the text; it was damaged on the way")
    if not 0 < wanted.version < _LONGEST_VERSION:
        raise Refused("version: must be a number above 0")
    return wanted
