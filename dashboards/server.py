"""Running the web part: gunicorn, a few worker processes with threads.

Processes, because Python works on one request at a time in each: with one, four people who ask at once wait for each
other. Threads, because some requests wait for a disk, a cabinet or a slow phone; the live stream keeps none of them
(``dashboards.stream_sender``). A process has nothing of its own that another would need: each reads the live feed for
its listeners, and the rates are counted in one file (``dashboards.rate_counts``). What a process does in another way
than gunicorn's is in ``dashboards.web_worker``. The master process restarts a worker that dies.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import sys
import threading

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from dashboards.settings import WebSettings
from dashboards.site import site_of
from dashboards.web_worker import OpenConnections, Worker

log = structlog.get_logger(__name__)

THREADS = 64
GRACE_S = 2


class CannotListen(Exception):
    """The address can't be listened on; the message names it, the setting and what to do."""


def serve(app: Flask, settings: WebSettings, *, stop: threading.Event) -> None:
    """Serve ``app`` until ``stop`` is set or the process gets SIGTERM or SIGINT. Needs the main thread.

    Raises ``CannotListen`` when the port is taken or the address is not this machine's.
    """
    listener = listen(settings)
    log.info("web_listening", host=settings.host, port=listener.getsockname()[1])
    # What is loaded by now stays: without this, a look for garbage goes through all of it (300,000 objects), and every
    # request of the process waits for 0.16 s. What is frozen before the fork also stays shared by the processes.
    gc.collect()
    gc.freeze()
    _Server(app, listener.detach(), settings.processes).run_until(stop)


def listen(settings: WebSettings) -> socket.socket:
    """A listening socket on the configured address. Raises ``CannotListen``."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # head and body of an answer go out one after the other: the kernel would hold the body back until the head is
        # acknowledged, 40 ms later, on every connection that is used again (accepted sockets inherit this)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(256)
    except (OSError, OverflowError) as error:
        listener.close()
        raise CannotListen(_why(settings, error)) from error
    return listener


def _why(settings: WebSettings, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"port {settings.port} on {settings.host} is already in use: end the other program, "
            f"or set another port (web.port in covercode.toml)"
        )
    if number == errno.EACCES:
        return f"port {settings.port} needs root's rights: set a port above 1023 (web.port in covercode.toml)"
    return f"can't listen on {settings.host}:{settings.port} ({error}): check web.host and web.port in covercode.toml"


class _Logs(Logger):  # type: ignore[misc]
    """gunicorn's own lines go to the program's log, in the program's form."""

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured by us alone: no files, no environment, no control socket."""

    def __init__(self, app: Flask, listening_fd: int, processes: int) -> None:
        self.flask_app = app
        self._processes = processes
        self._listening_fd = listening_fd  # gunicorn closes it
        super().__init__()

    def load_config(self) -> None:
        connections = OpenConnections(self._processes)

        def before_fork(_master: object, worker: Worker) -> None:
            worker.share(connections)

        def after_fork(_master: object, _worker: Worker) -> None:
            # A connection opened before the fork belongs to the master.
            site_of(self.flask_app).engine.dispose(close=False)

        def after_end(_master: object, worker: Worker) -> None:
            connections.leave_place(worker.age)

        for name, value in {
            "bind": f"fd://{self._listening_fd}",
            "workers": self._processes,
            "worker_class": Worker,
            "threads": THREADS,
            "keepalive": 5,
            "graceful_timeout": GRACE_S,
            "timeout": 60,
            "logger_class": _Logs,
            "loglevel": "warning",
            "control_socket_disable": True,
            "pre_fork": before_fork,
            "post_fork": after_fork,
            "child_exit": after_end,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.flask_app

    def run_until(self, stop: threading.Event) -> None:
        """Run until ``stop`` or a signal; the signal handlers that were there before are put back."""
        before = {number: signal.getsignal(number) for number in (*Arbiter.SIGNALS, signal.SIGCHLD)}
        master, ended = os.getpid(), threading.Event()
        threading.Thread(target=_ask_to_end, args=(stop, ended), name="web-stop", daemon=True).start()
        try:
            Arbiter(self).run()
        except SystemExit as end:
            if os.getpid() != master:
                # The worker ends here: it is a copy of the master, whose caller has more to do after serving.
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
            if end.code not in (0, None):
                raise
        finally:
            ended.set()
            for number, handler in before.items():
                signal.signal(number, handler)


def _ask_to_end(stop: threading.Event, ended: threading.Event) -> None:
    stop.wait()
    if not ended.is_set():
        os.kill(os.getpid(), signal.SIGTERM)
