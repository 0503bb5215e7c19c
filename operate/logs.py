"""Logging, configured once per process: readable lines in a terminal, JSON lines otherwise."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAMES = frozenset({"password", "old_password", "authorization", "cookie", "set-cookie", "secret", "csrf_token"})
_SECRET_TEXT = re.compile(r"(?i:bearer)\s+[\w.~+/=-]{8,}|\bcc_[\w-]{20,}|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
HIDDEN = "***"


def configure_logs(process: str, *, level: str = "info", json_lines: bool | None = None) -> None:
    """Send every logger of this process to standard error; ``json_lines`` None: unless that is a terminal."""
    if json_lines is None:
        json_lines = not sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        hide_secrets,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json_lines
        # a traceback with the values of variables would show passwords
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    if json_lines:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, _hide_in_text],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # libraries that narrate every packet and every job
    for chatty in ("amqtt", "transitions", "apscheduler", "pymodbus", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # it warns each time that a long job is due again before it has ended, and one of the worker's never ends
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    structlog.contextvars.bind_contextvars(process=process)


def hide_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank the fields that are secret by their name."""
    for name in event.keys() & _SECRET_NAMES:
        event[name] = HIDDEN
    return event


def hide_in(text: str) -> str:
    """``text`` without API tokens, Authorization headers and passwords in addresses, wherever they stand."""
    return _SECRET_TEXT.sub(HIDDEN, text)


def _hide_in_text(_logger: Any, _name: str, line: Any) -> str:
    return hide_in(str(line))
