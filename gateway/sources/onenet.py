"""What China Mobile's OneNET pushes by HTTP (the classic push of its NB-IoT suite), and its two checks. Pure.

Both checks are base64(md5(token + nonce + message)), with the token that was set beside the address in the platform.
MD5 is the platform's choice: the token and TLS in front carry the weight.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import msgspec

from gateway.sources.frames import Damaged, Found, Frame, Refused, Unreadable, read_json, text, time_ms

_POINT = 1  # 2 is on and off line, 7 the answer to a command


class _Push(msgspec.Struct):
    msg: msgspec.Raw = msgspec.Raw()
    enc_msg: msgspec.Raw = msgspec.Raw()
    msg_signature: str = ""
    nonce: str = ""


# here and not where it is used: msgspec must not learn a shape in two threads at once, and pushes come on several
_json_push = msgspec.json.Decoder(_Push)


def signature(token: str, nonce: str, message: bytes) -> str:
    """The platform's signature of ``message``, the bytes as they came."""
    digest = hashlib.md5(token.encode() + nonce.encode() + message, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def greet(query: Mapping[str, str], token: str) -> str:
    """The answer to the platform's GET that checks our address. Raises ``Refused``."""
    message, nonce, signed = query.get("msg", ""), query.get("nonce", ""), query.get("signature", "")
    # A plus sign that was not escaped arrives as a blank.
    if not message or not _same(signed.replace(" ", "+"), signature(token, nonce, message.encode())):
        raise Refused("the signature does not fit: set the same token here (source.token) and in the platform")
    return message


def read(body: bytes, token: str) -> list[Found]:
    """The frames in one push, a single message or a list; of one device and time the resources come as one frame.

    Raises ``Refused`` when the signature does not fit.
    """
    try:
        push = _json_push.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(f"the body is no push of OneNET: {error}") from None
    if bytes(push.enc_msg):
        raise Refused("the message is encrypted: choose plain text with signature in the platform")
    message = bytes(push.msg)
    if not message or not _same(push.msg_signature, signature(token, push.nonce, message)):
        raise Refused("the signature does not fit: set the same token here (source.token) and in the platform")
    try:
        document = read_json(message)
    except Damaged as damage:
        return [Unreadable(reason=str(damage), body=message)]
    return list(_frames(document if isinstance(document, list) else [document]))


def _frames(messages: list[Any]) -> Iterable[Found]:
    points = []
    for message in messages:
        if not isinstance(message, dict):
            yield Unreadable(reason="bad_envelope: a message is no JSON object", body=msgspec.json.encode(message))
        elif message.get("type", _POINT) == _POINT:
            points.append(message)
    for (device, at_ms), group in groupby(points, key=_device_and_time):
        together = list(group)
        if not device:
            yield Unreadable(
                reason="bad_envelope: it names neither imei nor dev_id", body=msgspec.json.encode(together)
            )
            continue
        fields = {text(one, "ds_id") or "value": one.get("value") for one in together}
        payload = _hex_bytes(together[0].get("value")) if len(together) == 1 else b""
        yield Frame(device=device, payload=payload, document=msgspec.json.encode(fields), measured_ms=at_ms)


def _device_and_time(message: Mapping[str, Any]) -> tuple[str, int | None]:
    return text(message, "imei") or text(message, "dev_id"), time_ms(message.get("at"))


def _hex_bytes(value: object) -> bytes:
    """A device's bytes, which come as hex; empty when the value is something else."""
    try:
        return bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return b""


def _same(given: str, ours: str) -> bool:
    return hmac.compare_digest(given.encode(), ours.encode())
