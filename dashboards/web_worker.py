"""One process of the web part: gunicorn's threaded worker, taught four things.

* To end its streams when it is told to end: a stream has no end of its own, and gunicorn would wait for it until the
  master kills the worker.
* To leave a connection to a process that has fewer. All processes wait at the same door, and the first to wake takes
  whoever stands there: four browsers that keep their connections open could all end up with one process while the
  other one slept.
* To stay with a connection for a moment. A visitor's next request mostly follows at once; going back to the main thread
  and out again for it costs two hand-overs between threads, each up to one turn of Python's lock (5 ms) when busy.
* To give the connection of a page that listens to the live stream away (``dashboards.stream_sender``): a stream would
  keep one of its threads for as long as its page is open.
"""

from __future__ import annotations

import mmap
import select
import threading
import time
from array import array
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from dashboards.site import site_of
from dashboards.stream_sender import HAND_OVER, HandOver

_STAY_S = 0.05
_MOST_STAYING = 16  # of the process's threads: the others are for whoever comes next
_LOOK_AGAIN_S = 0.001
_NOBODY = -1
_MOST_ENDING_S = 2.0
_LOOKS = 20  # a process that hangs does not keep anybody waiting for longer than these


class OpenConnections:
    """How many connections each process has, in memory that all of them see. The master gives out the places in it."""

    def __init__(self, processes: int) -> None:
        # twice: a new process starts before the place of one that died is free again
        places = 2 * processes
        self._counts = memoryview(mmap.mmap(-1, 8 * places)).cast("q")
        self._counts[:] = array("q", [_NOBODY] * places)
        self._places: dict[int, int] = {}

    def take_place(self, number: int) -> int:
        """A place for the process ``number``; before the fork, by the master alone."""
        place = self._counts.tolist().index(_NOBODY)
        self._places[number] = place
        self._counts[place] = 0
        return place

    def leave_place(self, number: int) -> None:
        """The process has ended; by the master alone."""
        place = self._places.pop(number, None)
        if place is not None:
            self._counts[place] = _NOBODY

    def tell(self, place: int, count: int) -> None:
        """Say how many the process at ``place`` has."""
        self._counts[place] = count

    def others_have_fewer(self, place: int) -> bool:
        """Whether another process has fewer than the one at ``place``."""
        counts = self._counts.tolist()
        return any(_NOBODY < count < counts[place] for count in counts)


class Worker(ThreadWorker):  # type: ignore[misc]
    """See the module's text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = OpenConnections(1)
        self._place = self._connections.take_place(self.age)
        self._looks = 0
        self._may_stay = threading.BoundedSemaphore(_MOST_STAYING)

    def share(self, connections: OpenConnections) -> None:
        """Be one of several processes; before the fork."""
        self._connections, self._place = connections, connections.take_place(self.age)

    def load_wsgi(self) -> None:
        """Load the app, and let it know that a stream may have its connection."""
        super().load_wsgi()
        answer: Any = self.wsgi

        def answer_here(environ: dict[str, Any], start_response: Any) -> Any:
            environ[HAND_OVER] = True
            return answer(environ, start_response)

        self.wsgi: Any = answer_here

    def run(self) -> None:
        """Serve until told to end."""
        try:
            super().run()
        finally:
            self._end_streams()
            self._wait_for_streams()

    def handle_exit(self, sig: int, frame: object) -> None:
        """Told to end."""
        self._end_streams()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: object) -> None:
        """Told to end at once; whoever presses Ctrl-C says it twice, through the terminal and through the master."""
        self._end_streams()
        self._wait_for_streams()
        super().handle_quit(sig, frame)

    def _end_streams(self) -> None:
        # In a thread of its own: a signal handler interrupts this one, whatever lock it may hold.
        hub = site_of(self.app.flask_app).hub
        threading.Thread(target=hub.close, name="hub-close", daemon=True).start()

    def _wait_for_streams(self) -> None:
        site_of(self.app.flask_app).sender.wait_until_ended(_MOST_ENDING_S)

    def accept(self, listener: Any) -> None:
        """Take a connection, unless another process has fewer and takes it soon."""
        if self._looks < _LOOKS and self._connections.others_have_fewer(self._place):
            self._looks += 1
            time.sleep(_LOOK_AGAIN_S)
            return
        self._looks = 0
        super().accept(listener)
        self._tell()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer one request; whether another may come over its connection."""
        try:
            return super().handle_request(req, conn)
        except HandOver as handing:
            conn.given_away = True
            handing.opened.give(
                conn.sock,
                chunked=req.version > (1, 0),  # as gunicorn began to write it
                on_end=lambda: self.method_queue.defer(self._stream_ended),
            )
            return False

    def finish_request(self, conn: Any, fs: Any) -> None:
        """A connection comes back from its thread; one that was given away still counts, until it ends."""
        if getattr(conn, "given_away", False):
            return
        super().finish_request(conn, fs)
        self._tell()

    def _stream_ended(self) -> None:
        self.nr_conns -= 1
        self._tell()

    def murder_keepalived(self, force: bool = False) -> None:
        """Close connections over which nothing came for a while."""
        super().murder_keepalived(force)
        self._tell()

    def _tell(self) -> None:
        self._connections.tell(self._place, self.nr_conns)

    def handle(self, conn: Any) -> Any:
        """Answer what comes over a connection, in a thread; see gunicorn for what is returned."""
        while True:
            kept = super().handle(conn)
            if kept is not True or not self.alive or not self._may_stay.acquire(blocking=False):
                return kept
            try:
                if not _more_comes(conn):
                    return kept
            finally:
                self._may_stay.release()


def _more_comes(conn: Any) -> bool:
    """Whether the next request is here, or comes within a moment."""
    if conn.parser.unreader.buf.getvalue():
        return True
    watch = select.poll()
    watch.register(conn.sock, select.POLLIN)
    return bool(watch.poll(_STAY_S * 1000))
