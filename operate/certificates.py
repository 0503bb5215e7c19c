"""Until when certificates are good: read from the files themselves, without a library for all of X.509.

Of a certificate (RFC 5280 §4.1) only the validity is looked at: it stands at a fixed place, behind the serial number,
the algorithm and the issuer.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_FIELDS_BEFORE_VALIDITY = 3


def good_until(pem: str) -> datetime:
    """When the first of the certificates in ``pem`` to do so expires. Raises ``ValueError`` where none can be read."""
    found = [_not_after(_decoded(one)) for one in _CERTIFICATE.findall(pem)]
    if not found:
        raise ValueError("holds no certificate (PEM)")
    return min(found)


def _decoded(pem: str) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(pem)
    except ValueError as error:  # base64's
        raise ValueError("the certificate is damaged") from error


def _not_after(der: bytes) -> datetime:
    try:
        certificate, _ = _content(der, _SEQUENCE)
        signed, _ = _content(certificate, _SEQUENCE)
        if signed[0] == _VERSION:
            signed = _rest(signed)
        for _ in range(_FIELDS_BEFORE_VALIDITY):
            signed = _rest(signed)
        validity, _ = _content(signed, _SEQUENCE)
        return _time(_rest(validity))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("the certificate is damaged") from error


def _content(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """What the first element of ``der`` holds, and what follows it."""
    if der[0] != tag:
        raise ValueError("the certificate is damaged")
    length, at = der[1], 2
    if length & 0x80:
        at += length & 0x7F
        length = int.from_bytes(der[2:at], "big")
    if len(der) < at + length:
        raise ValueError("the certificate is cut off")
    return der[at : at + length], der[at + length :]


def _rest(der: bytes) -> bytes:
    return _content(der, der[0])[1]


def _time(der: bytes) -> datetime:
    text = _content(der, der[0])[0].decode("ascii")
    if der[0] == _UTC_TIME:  # two digits of the year: below 50 is this century (RFC 5280 §4.1.2.5.1)
        text = ("20" if text[:2] < "50" else "19") + text
    elif der[0] != _GENERALIZED_TIME:
        raise ValueError("the certificate is damaged")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
