"""Cabinets: their state, their configuration, commands to them, and who of them may connect."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.commands import CommandKind
from registry.domain.errors import InvalidInput
from registry.queries.cabinets import CabinetFile, CommandRow, cabinet_file, command, list_commands
from registry.queries.health import CabinetHealth, cabinets
from registry.services import commands, configurations, credentials

Reason = Annotated[str, Meta(max_length=500)]


class Cabinets(msgspec.Struct, frozen=True, kw_only=True):
    """Every cabinet."""

    items: list[CabinetHealth]


class NewVersion(Body, frozen=True, kw_only=True):
    """A configuration to be used. ``follows``: the newest version that its writer has seen, 0 for none."""

    text: Annotated[str, Meta(max_length=131_072, description="TOML: what differs from the cabinet's own file")]
    follows: Annotated[int, Meta(ge=0, le=2**31)]
    note: Reason = ""
    rollback_after_s: Annotated[int, Meta(ge=10, le=3600)] | None = None


class Order(Body, frozen=True, kw_only=True):
    """What a cabinet is to do."""

    kind: CommandKind


class DeviceOrder(Body, frozen=True, kw_only=True):
    """What a cabinet is to do with one sensor: poll it now, or measure it and set it to zero."""

    kind: CommandKind
    reason: Reason = ""


class NewCode(Body, frozen=True, kw_only=True):
    """Which cabinet the code is for; it need not have been heard of."""

    cabinet_id: Annotated[str, Meta(min_length=1, max_length=60)]


class IssuedCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code is told once, here."""

    id: int
    cabinet_id: str
    code: str
    expires_at: str


def api_cabinets(call: Call[NoQuery, None]) -> Answer:
    """All of them."""
    return Answer(value=Cabinets(items=cabinets(call.engine, call.now)))


def api_cabinet(call: Call[NoQuery, None], cabinet: str) -> Answer:
    """One cabinet."""
    return Answer(value=cabinet_file(call.engine, cabinet, now=call.now))


def api_configure(call: Call[NoQuery, NewVersion], cabinet: str) -> Answer:
    """Keep another version and send it."""
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    new = configurations.NewConfiguration(cabinet_id=cabinet, **given)
    check = call.where.cabinets.check
    configurations.publish_configuration(call.engine, new, check=check, by=call.by, now=call.now)
    location = url_for("api_cabinet", cabinet=cabinet)
    return Answer(value=cabinet_file(call.engine, cabinet, now=call.now), status=201, location=location)


def api_commands(call: Call[Paged, None], cabinet: str) -> Answer:
    """What it was told, the newest first."""
    return page(list_commands(call.engine, cabinet, after=call.query.after, limit=call.query.limit))


def api_order(call: Call[NoQuery, Order], cabinet: str) -> Answer:
    """Tell it to do something."""
    if call.body.kind is CommandKind.CONFIGURE:
        raise InvalidInput("kind", "a configuration is sent to its own address, with its text")
    new = commands.NewCommand(kind=call.body.kind, cabinet_id=cabinet)
    return _ordered(call, commands.order_command(call.engine, new, by=call.by, now=call.now))


def api_device_order(call: Call[NoQuery, DeviceOrder], device_id: int) -> Answer:
    """Tell its cabinet to do something with it."""
    kind = call.body.kind
    if kind not in (CommandKind.POLL, CommandKind.REZERO):
        raise InvalidInput("kind", "must be poll or rezero for one sensor")
    arguments = {"reason": call.body.reason} if call.body.reason else {}
    new = commands.NewCommand(kind=kind, device_id=device_id, arguments=arguments)
    return _ordered(call, commands.order_command(call.engine, new, by=call.by, now=call.now))


def api_withdraw(call: Call[NoQuery, None], command_id: int) -> Answer:
    """Take it back."""
    commands.withdraw_command(call.engine, command_id, by=call.by, now=call.now)
    return Answer(value=command(call.engine, command_id))


def api_code(call: Call[NoQuery, NewCode]) -> Answer:
    """A one-time code; its text is told once."""
    issued = credentials.issue_code(call.engine, call.body.cabinet_id, by=call.by, now=call.now)
    told = IssuedCode(
        id=issued.id, cabinet_id=issued.cabinet_id, code=issued.text, expires_at=issued.expires_at.isoformat()
    )
    return Answer(value=told, status=201)


def api_revoke_cabinet(call: Call[NoQuery, None], cabinet: str) -> Answer:
    """Shut it out."""
    credentials.revoke_cabinet(call.engine, cabinet, by=call.by, now=call.now)
    return Answer(status=204)


def _ordered(call: Call[NoQuery, Order] | Call[NoQuery, DeviceOrder], command_id: int) -> Answer:
    return Answer(value=command(call.engine, command_id), status=201)


_row = partial(Operation, group="cabinets")
OPERATIONS = (
    _row(
        method="GET",
        path="/cabinets",
        endpoint="api_cabinets",
        run=api_cabinets,
        zh="机柜列表",
        en="Cabinets",
        replies={200: Cabinets},
    ),
    _row(
        method="GET",
        path="/cabinets/{cabinet}",
        endpoint="api_cabinet",
        run=api_cabinet,
        zh="机柜",
        en="One cabinet with its configurations",
        replies={200: CabinetFile},
    ),
    _row(
        method="POST",
        path="/cabinets/{cabinet}/configurations",
        endpoint="api_configure",
        run=api_configure,
        zh="下发配置",
        en="Send a cabinet another version of its configuration",
        body=NewVersion,
        replies={201: CabinetFile},
    ),
    _row(
        method="GET",
        path="/cabinets/{cabinet}/commands",
        endpoint="api_commands",
        run=api_commands,
        zh="指令列表",
        en="Commands to a cabinet and what became of them",
        query=Paged,
        replies={200: Listing[CommandRow]},
    ),
    _row(
        method="POST",
        path="/cabinets/{cabinet}/commands",
        endpoint="api_order",
        run=api_order,
        zh="下达指令",
        en="Tell a cabinet to do something; it does it once at most",
        body=Order,
        replies={201: CommandRow},
    ),
    _row(
        method="POST",
        path="/devices/{device_id}/commands",
        endpoint="api_device_order",
        run=api_device_order,
        zh="对设备下达指令",
        en="Have a sensor polled now, or measured by its cabinet and set to zero",
        body=DeviceOrder,
        replies={201: CommandRow},
    ),
    _row(
        method="POST",
        path="/commands/{command_id}/withdraw",
        endpoint="api_withdraw",
        run=api_withdraw,
        zh="撤回指令",
        en="Take back a command that was not answered yet",
        replies={200: CommandRow},
    ),
    _row(
        method="POST",
        path="/cabinets/codes",
        endpoint="api_code",
        run=api_code,
        zh="生成接入码",
        en="A one-time code to enrol a cabinet with; its text is told once",
        body=NewCode,
        replies={201: IssuedCode},
        keyed=False,
        note="Takes no Idempotency-Key: the answer holds a secret, and secrets are not kept.",
    ),
    _row(
        method="POST",
        path="/cabinets/{cabinet}/revoke",
        endpoint="api_revoke_cabinet",
        run=api_revoke_cabinet,
        zh="禁止接入",
        en="Shut a cabinet out of the broker",
        replies={204: None},
    ),
)
