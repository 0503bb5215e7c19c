"""Sending one notice by one channel, whatever its kind, and saying whether an address can be used at all."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import apprise
from apprise.plugins.email import NotifyEmail

from registry.domain.errors import InvalidInput
from registry.domain.kinds import ChannelKind, NoticeKind
from registry.notices.mail import send_mail
from registry.notices.outgoing import ANSWER_S, PLACE, HandingOver, Outgoing, SendFailed, filled, hide
from registry.notices.prometheus import send_alertmanager
from registry.notices.webhook import send_webhook

_LOUD = {NoticeKind.ALL_CLEAR: apprise.NotifyType.SUCCESS, NoticeKind.TRIAL: apprise.NotifyType.INFO}
_BY_SEVERITY = {1: apprise.NotifyType.INFO, 2: apprise.NotifyType.WARNING, 3: apprise.NotifyType.FAILURE}
_EXAMPLE = "somebody@example.com"


def send(kind: ChannelKind, address: str, notice: Outgoing, handing_over: HandingOver, *, now: datetime) -> None:
    """Send it now; returns when the receiver has said that it has it. Raises ``SendFailed``."""
    if kind is ChannelKind.WEBHOOK:
        send_webhook(address, notice, handing_over, now=now)
    elif kind is ChannelKind.ALERTMANAGER:
        send_alertmanager(address, notice, handing_over, now=now)
    else:
        _send_apprise(address, notice, handing_over)


def recognises_repeats(kind: ChannelKind) -> bool:
    """Whether receivers of that kind know a repeat: by its ``Idempotency-Key``, or by its labels."""
    return kind is not ChannelKind.APPRISE


def check_address(kind: ChannelKind, address: str) -> None:
    """Raise ``InvalidInput`` for an address that no notice can be sent to. Asks nobody."""
    if kind is ChannelKind.APPRISE:
        if "://" not in address or _service(filled(address, _EXAMPLE)) is None:
            raise InvalidInput(
                "address", "apprise can't read it; write it as mailtos://…, wecombot://…, dingtalk://… or feishu://…"
            )
        return
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput("address", "must begin with http:// or https:// and name a host")


def wants_to(kind: ChannelKind, address: str) -> bool:
    """Whether each contact of the channel needs an address of its own."""
    return kind is ChannelKind.APPRISE and PLACE in address


def with_secret(address: str, secret: str) -> str:
    """A webhook's address with the secret that its messages are signed with."""
    return f"{address.partition('#')[0]}#{quote(secret, safe='')}"


def _send_apprise(address: str, notice: Outgoing, handing_over: HandingOver) -> None:
    whole = filled(address, notice.to)
    service = _service(whole)
    if service is None:
        raise SendFailed("apprise can't read the address", one_only=PLACE in address)
    if isinstance(service, NotifyEmail):
        send_mail(service, whole, notice, handing_over)
        return
    told = apprise.Apprise(asset=_asset())
    told.add(service)
    handing_over()
    result = told.notify(
        title=notice.title,
        body=notice.text,
        notify_type=_LOUD.get(notice.kind, _BY_SEVERITY.get(notice.severity, apprise.NotifyType.INFO)),
        body_format=apprise.NotifyFormat.TEXT,
    )
    if not result:
        raise SendFailed(hide(_why(result) or "the service refused it", whole))


def _service(address: str) -> apprise.NotifyBase | None:
    _keep_to_itself()
    found = apprise.Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True)
    return found if isinstance(found, apprise.NotifyBase) else None


def _keep_to_itself() -> None:
    """What apprise logs may show parts of an address: it reaches our errors (without them), never our log."""
    told = logging.getLogger("apprise")
    told.propagate = False
    if not told.handlers:
        told.addHandler(logging.NullHandler())


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(
        app_id="CoverCode",
        app_desc="CoverCode",
        app_url="",
        async_mode=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        service_timeout=3 * ANSWER_S,
    )


def _why(result: Any) -> str:
    """What the service's last try said."""
    said = [entry.message for entry in result.logs() if entry.level in ("WARNING", "ERROR")]
    return str(said[-1]) if said else ""
