"""Mail, spoken to the server by ourselves: apprise reads the address, but never says why it failed or how far it got.

A message has left our hands when its final dot is on the way. Before that a broken connection means that the server
drops it (RFC 5321 §4.1.1.4), so it is sent again; after it nobody can know (RFC 1047), so it is not.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any

from registry.notices.outgoing import ANSWER_S, CONNECT_S, HandingOver, Outgoing, SendFailed, hide

_GO_ON, _TAKEN = 354, 250


def send_mail(box: Any, address: str, notice: Outgoing, handing_over: HandingOver) -> None:
    """Send one message to every recipient of ``box`` (apprise's reading of the address). Raises ``SendFailed``."""
    message = _message(box, notice)
    recipients = [to for _, to in box.targets] + sorted(box.cc) + sorted(box.bcc)
    try:
        server = _connect(box)
    except (OSError, smtplib.SMTPException, RuntimeError) as error:
        raise SendFailed(hide(f"mail server: {_said(error)}", address, *_secrets(box))) from None
    try:
        _hand_over(server, box.from_addr[1], recipients, message, handing_over)
    except smtplib.SMTPResponseException as error:
        raise SendFailed(hide(f"mail server: {_said(error)}", address, *_secrets(box)), one_only=True) from None
    except smtplib.SMTPRecipientsRefused as error:
        refused = "; ".join(f"{code} {_text(why)}" for code, why in error.recipients.values())
        raise SendFailed(hide(f"recipient refused: {refused}", address, *_secrets(box)), one_only=True) from None
    except (OSError, smtplib.SMTPException) as error:
        raise SendFailed(hide(f"mail server: {_said(error)}", address, *_secrets(box))) from None
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()


def _connect(box: Any) -> smtplib.SMTP:
    mode, context = str(getattr(box.secure_mode, "value", box.secure_mode)), ssl.create_default_context()
    if not box.verify_certificate:  # the address says verify=no: a server of one's own, with a certificate of its own
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if mode == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(box.smtp_host, box.port or 0, timeout=CONNECT_S, context=context)
    else:
        server = smtplib.SMTP(box.smtp_host, box.port or 0, timeout=CONNECT_S)
    try:
        if mode == "starttls":
            server.starttls(context=context)
        if box.user and box.password:
            server.login(box.user, box.password)
        if server.sock is not None:
            server.sock.settimeout(ANSWER_S)
    except BaseException:
        server.close()
        raise
    return server


def _hand_over(
    server: smtplib.SMTP, sender: str, recipients: list[str], message: EmailMessage, handing_over: HandingOver
) -> None:
    server.ehlo_or_helo_if_needed()
    _check(server.mail(sender))
    refused = {}
    for to in recipients:
        code, said = server.rcpt(to)
        if code not in (250, 251):
            refused[to] = (code, said)
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)
    _check(server.docmd("DATA"), _GO_ON)
    content = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
    handing_over()
    server.send(content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    try:
        _check(server.getreply(), _TAKEN)
    except smtplib.SMTPResponseException:
        raise
    except (OSError, smtplib.SMTPException) as error:
        raise SendFailed(f"mail server: no answer after the message: {type(error).__name__}", doubtful=True) from None


def _check(reply: tuple[int, bytes], wanted: int = 250) -> None:
    code, said = reply
    if code != wanted:
        raise smtplib.SMTPResponseException(code, said)


def _message(box: Any, notice: Outgoing) -> EmailMessage:
    message = EmailMessage()
    name, sender = box.from_addr
    message["Subject"] = notice.title
    message["From"] = formataddr((name or "CoverCode", sender))
    message["To"] = ", ".join(formataddr((to_name or "", to)) for to_name, to in box.targets)
    if box.cc:
        message["Cc"] = ", ".join(sorted(box.cc))
    message["Date"] = format_datetime(notice.created_at)
    # The same at each try, so that a mail system that took it twice keeps one.
    message["Message-ID"] = f"<{notice.once.replace(':', '.')}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    if notice.severity >= 3:
        message["Importance"] = "high"
    message.set_content(notice.text, cte="base64")
    return message


def _secrets(box: Any) -> tuple[str, ...]:
    return (box.password or "",)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
