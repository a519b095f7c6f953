"""What a handler has said and the server has not yet acknowledged: a bounded queue in order.

Handlers put events in from any thread; one coroutine of the network loop takes batches out. While a
batch is under way the next one gathers, so no timer is needed. When it is full, whoever puts waits:
that is what keeps memory bounded while the server is away. Deltas of one stream that wait are
merged, and so are progress reports that follow one another.
"""

from __future__ import annotations

import asyncio
import collections
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable

BUFFER_BYTES = 4 << 20
"""Bytes of events that may wait for the server, per lease: minutes of a talkative model."""
BUFFER_EVENTS = 10_000
"""Events that may wait; small ones cost more than their bytes."""
BATCH_EVENTS = 500
"""Events of one batch; the server takes 1,000."""
BATCH_BYTES = 512 << 10
"""Bytes of one batch before its last event; the server takes 1 MiB."""
EVENT_BYTES = 256 << 10
"""Largest event that the server takes."""
MERGED_BYTES = 16 << 10
"""Deltas are merged up to here, so that watchers still see them flow."""
OVERHEAD = 200
"""Bytes an event costs beside its own."""
PROGRESS_INTERVAL = 0.25
"""Seconds between two reports of nothing but progress."""


class Event:
    """An event, encoded: `head`, then `parts`, then `tail`.

    Args:
        type: its type, for messages about it.
        head: all of it, or what stands before the delta.
        part: the delta, as the inside of a JSON string; empty where it has none.
        tail: what stands after the delta.
        key: events with the same key may be merged.
    """

    __slots__ = ("head", "key", "parts", "size", "tail", "type")

    def __init__(
        self,
        type: str,
        head: bytes,
        part: bytes = b"",
        tail: bytes = b"",
        key: Hashable = None,
    ) -> None:
        self.type = type
        self.head = head
        self.parts = [part] if part else []
        self.tail = tail
        self.key = key
        self.size = len(head) + len(part) + len(tail) + OVERHEAD

    @property
    def is_progress(self) -> bool:
        """Whether a later one makes this one worthless."""
        return self.key == "progress"

    def merge(self, later: Event) -> bool:
        """Takes in the event after it, if that says the same as both."""
        if self.key is None or self.key != later.key:
            return False
        if self.is_progress:
            self.head, self.size = later.head, later.size
            return True
        if self.size + later.size > MERGED_BYTES:
            return False
        self.parts += later.parts
        self.size += sum(map(len, later.parts))
        return True

    def json(self) -> bytes:
        """As it is sent."""
        return b"".join((self.head, *self.parts, self.tail))


class Call:
    """A call that comes after everything said before it.

    Args:
        op: ``wait``, ``complete``, ``fail``, ``cancelled``, or ``flush``, which calls nobody.
        members: of the request, without `lease` and `batch`.
        numbered: whether it bears a batch number.
        final: whether it ends the lease.
    """

    def __init__(
        self, op: str, members: bytes = b"", *, numbered: bool = False, final: bool = False
    ) -> None:
        self.op = op
        self.members = members
        self.numbered = numbered
        self.final = final
        self.done: Future[Any] = Future()


Entry: TypeAlias = Event | Call


class Outbox:
    """The queue of one lease.

    Args:
        loop: the network loop.
        limit_bytes: the most bytes that may wait.
        limit_events: the most events that may wait.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_bytes: int = BUFFER_BYTES,
        limit_events: int = BUFFER_EVENTS,
    ) -> None:
        self._loop = loop
        self._limit_bytes = limit_bytes
        self._limit_events = limit_events
        self._lock = threading.Lock()
        self._queue: collections.deque[Entry] = collections.deque()
        # Those who wait for room, each with the one event that it holds.
        self._outside: collections.deque[tuple[Entry, Future[None]]] = collections.deque()
        self._bytes = 0
        self._events = 0
        # Why nothing more is taken in, and why nothing more comes out.
        self._closed: BaseException | None = None
        self._dropped: BaseException | None = None
        self._asleep = False
        self._wake = asyncio.Event()
        self._progress_at = 0.0
        self.error: BaseException | None = None
        """Raised by the next `put`, once; set by the network loop."""

    # ---- any thread ------------------------------------------------------------------------

    def put(self, event: Event) -> Future[None] | None:
        """Adds an event; a future that is done once there was room, or `None` if there is.

        Raises:
            BaseException: what the outbox was closed with, or an earlier event that was refused.
        """
        with self._lock:
            if self._closed is not None:
                raise self._closed
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            if self._outside or not self._has_room(event.size):
                waiter: Future[None] = Future()
                self._outside.append((event, waiter))
                return waiter
            self._append(event)
            return None

    def put_call(self, call: Call) -> None:
        """Adds a call; it needs no room. After a final one nothing more is taken."""
        with self._lock:
            if self._closed is not None:
                refuse(call.done, self._closed)
                return
            refused: list[Future[None]] = []
            over = RuntimeError("the handler has ended: nothing more is written")
            if call.final:
                self._closed = over
                refused = [waiter for _, waiter in self._outside]
                self._outside.clear()
            self._queue.append(call)
            self._wake_up()
        for waiter in refused:
            refuse(waiter, over)

    def close(self, error: BaseException) -> None:
        """Drops everything; whoever waits and whoever comes gets `error`."""
        with self._lock:
            self._closed = self._dropped = error
            waiting: list[Future[Any]] = [waiter for _, waiter in self._outside]
            waiting += [entry.done for entry in self._queue if isinstance(entry, Call)]
            self._queue.clear()
            self._outside.clear()
            self._bytes = self._events = 0
            self._wake_up()
        for waiter in waiting:
            refuse(waiter, error)

    @property
    def waiting(self) -> tuple[int, int]:
        """Events and bytes that are not yet acknowledged."""
        with self._lock:
            return self._events, self._bytes

    # ---- the network loop ------------------------------------------------------------------

    async def next(self) -> list[Event] | Call:
        """The next batch or call; waits for one. What it hands out still counts as waiting.

        Raises:
            BaseException: what the outbox was closed with.
        """
        while True:
            with self._lock:
                if self._dropped is not None:
                    raise self._dropped
                pause = self._pause()
                if self._queue and pause <= 0:
                    return self._take()
                self._asleep = True
                self._wake.clear()
            # Not `wait_for`: before Python 3.12 it may swallow a cancellation.
            timer = self._loop.call_later(pause, self._wake.set) if pause > 0 else None
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()

    def settled(self, batch: list[Event]) -> None:
        """These are acknowledged: their room is free."""
        let_in: list[Future[None]] = []
        with self._lock:
            # Closing may have emptied it meanwhile.
            self._events = max(0, self._events - len(batch))
            self._bytes = max(0, self._bytes - sum(event.size for event in batch))
            while self._outside and self._has_room(_size(self._outside[0][0])):
                entry, waiter = self._outside.popleft()
                if not waiter.cancelled():
                    self._append(entry)
                    let_in.append(waiter)
        for waiter in let_in:
            resolve(waiter, None)

    # ---- under the lock --------------------------------------------------------------------

    def _has_room(self, size: int) -> bool:
        # One event larger than the whole buffer goes alone.
        fits = self._bytes + size <= self._limit_bytes or self._events == 0
        return fits and self._events < self._limit_events

    def _append(self, entry: Entry) -> None:
        if isinstance(entry, Event):
            last = self._queue[-1] if self._queue else None
            before = last.size if isinstance(last, Event) else 0
            if isinstance(last, Event) and last.merge(entry):
                self._bytes += last.size - before
                return
            self._events += 1
            self._bytes += entry.size
        self._queue.append(entry)
        self._wake_up()

    def _wake_up(self) -> None:
        if self._asleep:
            self._asleep = False
            self._loop.call_soon_threadsafe(self._wake.set)

    def _pause(self) -> float:
        """Seconds to hold back a report of nothing but progress; another may replace it."""
        if len(self._queue) != 1:
            return 0.0
        only = self._queue[0]
        if not (isinstance(only, Event) and only.is_progress):
            return 0.0
        return self._progress_at + PROGRESS_INTERVAL - time.monotonic()

    def _take(self) -> list[Event] | Call:
        first = self._queue[0]
        if isinstance(first, Call):
            self._queue.popleft()
            return first
        batch: list[Event] = []
        size = 0
        while self._queue and len(batch) < BATCH_EVENTS and size < BATCH_BYTES:
            event = self._queue[0]
            if isinstance(event, Call):
                break
            self._queue.popleft()
            batch.append(event)
            size += event.size
        if any(event.is_progress for event in batch):
            self._progress_at = time.monotonic()
        return batch


def _size(entry: Entry) -> int:
    return entry.size if isinstance(entry, Event) else 0


def resolve(future: Future[Any], value: Any) -> None:
    """Sets the result, unless whoever waits has gone."""
    if not future.done() and future.set_running_or_notify_cancel():
        future.set_result(value)


def refuse(future: Future[Any], error: BaseException) -> None:
    """Sets the exception, unless whoever waits has gone."""
    if not future.done() and future.set_running_or_notify_cancel():
        future.set_exception(error)
