"""Which errors are messages for the person at the keyboard (exit code 2), and which are our own faults (traceback)."""

from __future__ import annotations

import importlib

# by name, since a cabinet has only some of these rooms installed
_FOR_PEOPLE = (
    ("operate.settings", "BadSettings"),
    ("operate.broker", "CannotListen"),
    ("operate.demo_faults", "BadWish"),
    ("operate.benches", "NoBench"),
    ("operate.decoding", "BadInput"),
    ("dashboards.server", "CannotListen"),
    ("firmware_sim.fleet", "FleetProblem"),
    ("gateway.cabinet", "BadSettings"),
    ("gateway.cabinet", "CabinetFailed"),
    ("gateway.device_profiles", "BadProfile"),
    ("gateway.enrolment", "EnrolmentFailed"),
    ("gateway.spool_file", "SpoolDown"),
    ("gateway.spool_file", "SpoolInUse"),
    ("registry.domain.errors", "DomainError"),
    ("registry.domain.errors", "StoreDown"),
    ("registry.storage.schema", "WrongSchema"),
)


def readable(error: Exception) -> str | None:
    """The message for the person, or None for a fault that needs its traceback."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if any(f"{module}.{name}" in names for module, name in _FOR_PEOPLE):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        extra = "edge" if error.name.split(".")[0] in {"pymodbus", "serial", "paho"} else "server"
        return f"{error.name} is not installed: pip install 'covercode[{extra}]'"
    return None


def misnamed() -> list[str]:
    """Names in the table above that no class bears; a test wants none."""
    found = [(module, name, getattr(importlib.import_module(module), name, None)) for module, name in _FOR_PEOPLE]
    return [f"{module}.{name}" for module, name, kind in found if getattr(kind, "__module__", "") != module]
