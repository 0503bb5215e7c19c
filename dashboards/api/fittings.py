"""What is fitted to assets: devices, their link and their zero."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.operation import Answer, Body, DoneAt, Id, NoQuery, Operation
from dashboards.api.request import Call
from registry.domain.errors import NotFound
from registry.domain.link_test import Proposal
from registry.queries.calibration import CalibrationView, newest_calibration
from registry.queries.devices import FittedDevice, LinkTest, fitted_device, link_test, rezero_proposals
from registry.services import calibration as calibration_services
from registry.services import devices as device_services

Serial = Annotated[str, Meta(min_length=1, max_length=60)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, description="Why, for the history")]
Value = Annotated[float, Meta(ge=-1e6, le=1e6)]
Values = Annotated[dict[str, Value], Meta(max_length=40)]


class NewDevice(Body, frozen=True, kw_only=True):
    """A device to fit. ``baselines``: point name to the value that means "all is well"."""

    serial: Serial
    profile: Annotated[str, Meta(min_length=1, max_length=60)]
    asset_id: Id
    heartbeat_s: Annotated[float, Meta(gt=0, le=604_800)]
    cabinet_id: Annotated[str, Meta(max_length=40)] = ""
    bus: Annotated[str, Meta(max_length=40)] = ""
    bus_address: Annotated[int, Meta(ge=1, le=247)] | None = None
    points: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=40)] = msgspec.field(
        default_factory=list
    )
    baselines: Values = msgspec.field(default_factory=dict)
    note: Annotated[str, Meta(max_length=500)] = ""
    done_at: DoneAt = None


class Swap(Body, frozen=True, kw_only=True):
    """The device that takes the place of this one."""

    serial: Serial
    reason: Reason
    done_at: DoneAt = None


class Removal(Body, frozen=True, kw_only=True):
    """Why the device is taken off."""

    reason: Reason


class Rezero(Body, frozen=True, kw_only=True):
    """New zeroes: point name to value in its unit."""

    baselines: Annotated[dict[str, Value], Meta(min_length=1, max_length=40)]
    reason: Reason
    done_at: DoneAt = None


class Proposals(msgspec.Struct, frozen=True, kw_only=True):
    """Zeroes out of the good readings of late."""

    items: list[Proposal]


def api_fit(call: Call[NoQuery, NewDevice]) -> Answer:
    """Fit a device to an asset."""
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    new = device_services.NewDevice(**given)
    return _device(call, device_services.fit_device(call.engine, new, by=call.by, now=call.now), status=201)


def api_device(call: Call[NoQuery, None], device_id: int) -> Answer:
    """One device."""
    return _device(call, device_id)


def api_swap(call: Call[NoQuery, Swap], device_id: int) -> Answer:
    """Put another device in its place."""
    order = call.body
    fresh = device_services.swap_device(
        call.engine, device_id, order.serial, reason=order.reason, by=call.by, now=call.now, done_at=order.done_at
    )
    return _device(call, fresh, status=201)


def api_remove(call: Call[NoQuery, Removal], device_id: int) -> Answer:
    """Take it off."""
    device_services.remove_device(call.engine, device_id, reason=call.body.reason, by=call.by, now=call.now)
    return _device(call, device_id)


def api_rezero(call: Call[NoQuery, Rezero], device_id: int) -> Answer:
    """Set its zeroes anew."""
    order = call.body
    device_services.rezero_device(
        call.engine,
        device_id,
        order.baselines,
        reason=order.reason,
        by=call.by,
        now=call.now,
        done_at=order.done_at,
    )
    return _device(call, device_id)


def api_proposals(call: Call[NoQuery, None], device_id: int) -> Answer:
    """What its zeroes could be, out of its readings of late."""
    found = rezero_proposals(call.engine, call.where.store, device_id, now=call.now)
    return Answer(value=Proposals(items=found))


def api_link_test(call: Call[NoQuery, None], device_id: int) -> Answer:
    """Whether it is heard."""
    return Answer(value=link_test(call.engine, device_id, now=call.now))


def api_calibration(call: Call[NoQuery, None], device_id: int) -> Answer:
    """How it found its zeroes, or how far it is."""
    return _calibration(call, device_id)


def api_calibrate(call: Call[NoQuery, None], device_id: int) -> Answer:
    """Let it find its zeroes anew."""
    calibration_services.restart_calibration(call.engine, device_id, by=call.by, now=call.now)
    return _calibration(call, device_id)


def api_refuse_calibration(call: Call[NoQuery, None], device_id: int) -> Answer:
    """Put back what held before."""
    calibration_services.refuse_calibration(call.engine, device_id, by=call.by, now=call.now)
    return _calibration(call, device_id)


def _calibration(call: Call[Any, Any], device_id: int) -> Answer:
    found = newest_calibration(call.engine, device_id)
    if found is None:
        raise NotFound("calibration of device", device_id)
    return Answer(value=found)


def _device(call: Call[Any, Any], device_id: int, status: int = 200) -> Answer:
    location = url_for("api_device", device_id=device_id) if status == 201 else ""
    return Answer(value=fitted_device(call.engine, device_id), status=status, location=location)


_row = partial(Operation, group="devices")
OPERATIONS = (
    _row(
        method="POST",
        path="/devices",
        endpoint="api_fit",
        run=api_fit,
        zh="安装设备",
        en="Fit a device to an asset",
        body=NewDevice,
        replies={201: FittedDevice},
        errors=(404,),
    ),
    _row(
        method="GET",
        path="/devices/{device_id}",
        endpoint="api_device",
        run=api_device,
        zh="设备",
        en="One device",
        replies={200: FittedDevice},
    ),
    _row(
        method="POST",
        path="/devices/{device_id}/swap",
        endpoint="api_swap",
        run=api_swap,
        zh="更换设备",
        en="Put another device in its place",
        body=Swap,
        replies={201: FittedDevice},
    ),
    _row(
        method="POST",
        path="/devices/{device_id}/remove",
        endpoint="api_remove",
        run=api_remove,
        zh="拆下设备",
        en="Take a device off",
        body=Removal,
        replies={200: FittedDevice},
    ),
    _row(
        method="POST",
        path="/devices/{device_id}/rezero",
        endpoint="api_rezero",
        run=api_rezero,
        zh="重新置零",
        en="Set a device's zeroes anew",
        body=Rezero,
        replies={200: FittedDevice},
    ),
    _row(
        method="GET",
        path="/devices/{device_id}/proposals",
        endpoint="api_proposals",
        run=api_proposals,
        zh="置零建议值",
        en="What a device's zeroes could be, out of its readings of late",
        replies={200: Proposals},
    ),
    _row(
        method="GET",
        path="/devices/{device_id}/calibration",
        endpoint="api_calibration",
        run=api_calibration,
        zh="校准情况",
        en="How a device found its zeroes, or how far it is",
        replies={200: CalibrationView},
    ),
    _row(
        method="POST",
        path="/devices/{device_id}/calibration",
        endpoint="api_calibrate",
        run=api_calibrate,
        zh="重新校准",
        en="Let a device find its zeroes anew, from readings at rest",
        replies={200: CalibrationView},
    ),
    _row(
        method="POST",
        path="/devices/{device_id}/calibration/refuse",
        endpoint="api_refuse_calibration",
        run=api_refuse_calibration,
        zh="不采用校准结果",
        en="Refuse what a calibration found: the former zeroes are back",
        replies={200: CalibrationView},
    ),
    _row(
        method="GET",
        path="/devices/{device_id}/link-test",
        endpoint="api_link_test",
        run=api_link_test,
        zh="链路测试",
        en="Whether a device is heard",
        replies={200: LinkTest},
    ),
)
