"""Name, password and TLS of a connection to a broker, and what went wrong with them in words that name the setting."""

from __future__ import annotations

import ssl
from pathlib import Path

from paho.mqtt import client as mqtt

from gateway.settings import BrokerSettings

# X509_V_ERR_… of OpenSSL (x509_vfy.h): why the broker's certificate is not believed
_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64


class _Handshaking(ssl.SSLSocket):
    """Closes itself when the other side is not believed; paho would leave that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class BadTls(OSError):
    """The connection can't be secured, or is not believed; the message names the setting and the fix."""


def secure(client: mqtt.Client, settings: BrokerSettings, *, at: str = "broker") -> None:
    """Gives ``client`` what it shows and checks. ``at``: where ``settings`` stand. Raises ``BadTls``."""
    if settings.username:
        client.username_pw_set(settings.username, settings.password or None)
    context = tls_context(settings, at=at)
    if context is not None:
        client.tls_set_context(context)


def tls_context(settings: BrokerSettings, *, at: str = "broker") -> ssl.SSLContext | None:
    """What a connection shows and checks; None where no TLS is wanted. Raises ``BadTls``."""
    if not settings.tls_ca:
        return None
    _check_readable(f"{at}.tls_ca", settings.tls_ca)
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
    except (ssl.SSLError, ValueError) as error:
        raise BadTls(f"{at}.tls_ca: {settings.tls_ca} holds no CA certificate (PEM): {error}") from error
    if settings.tls_cert:
        _check_readable(f"{at}.tls_cert", settings.tls_cert)
        _check_readable(f"{at}.tls_key", settings.tls_key)
        try:
            context.load_cert_chain(settings.tls_cert, settings.tls_key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            problem = f"{settings.tls_key} is not the key (PEM, without password) of {settings.tls_cert}"
            raise BadTls(f"{at}.tls_key: {problem}: {error}") from error
    context.sslsocket_class = _Handshaking
    return context


def explained(error: Exception, settings: BrokerSettings, *, at: str = "broker") -> str:
    """Why a connection failed: ``error`` as it is, or what in ``settings`` to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _disbelieved(error, settings, at)
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLError) and reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"{at}.port: what answers at {settings.host}:{settings.port} speaks no TLS; the TLS port is usually 8883"
    broke_off = isinstance(error, ConnectionError | ssl.SSLEOFError) and not isinstance(error, ConnectionRefusedError)
    if settings.tls_ca and broke_off:
        return f"the other side broke off: {error}; {at}.port {settings.port} may not be the one for TLS, usually 8883"
    if isinstance(error, ssl.SSLError) and "ALERT" in reason:
        shown = settings.tls_cert or "none was shown"
        return f"{at}.tls_cert: the broker does not accept our certificate ({shown}): {error}"
    return str(error)


def refused(code: object, settings: BrokerSettings, *, at: str = "broker") -> str:
    """Why a broker that was reached does not let us in."""
    said = f"the broker refuses the connection: {code}"
    if str(code) in ("Not authorized", "Bad user name or password"):
        name = f"as {settings.username!r}" if settings.username else "without a user name"
        return f"{said} ({name}); check {at}.username and {at}.password"
    return said


def closed_early(said: str, settings: BrokerSettings, *, at: str = "broker") -> str:
    """Why a connection may have ended (``said``) before the broker let us in; TLS 1.3 tells us too late to be heard."""
    if not settings.tls_ca:
        return f"{said}, before the broker answered; if its port is for TLS, set {at}.tls_ca"
    shown = settings.tls_cert or "none was shown"
    return f"{said}, before the broker answered; it may want another client certificate: {at}.tls_cert ({shown})"


def _disbelieved(error: ssl.SSLCertVerificationError, settings: BrokerSettings, at: str) -> str:
    why = error.verify_message
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return f"{at}.host: the broker's certificate is for another name than {settings.host!r}: {why}"
    if error.verify_code == _EXPIRED:
        return f"the broker's certificate has expired; renew it at the broker (or this machine's clock is wrong): {why}"
    if error.verify_code == _NOT_YET:
        return f"the broker's certificate is not valid yet; set this machine's clock: {why}"
    return f"{at}.tls_ca: the broker's certificate was not issued by {settings.tls_ca}: {why}"


def _check_readable(setting: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise BadTls(f"{setting}: {path} can't be read: {error.strerror}") from error


def _no_password() -> str:
    # OpenSSL would ask at the terminal, which nobody watches.
    return ""
