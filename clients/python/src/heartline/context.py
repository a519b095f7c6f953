"""What a handler is given: what it works on, and how it says what it does.

A coroutine gets a `Context` and awaits whatever it says; a plain function, which runs in a thread
of its own, gets a `SyncContext` and does not. Otherwise they are the same. Saying something
returns once there is room for it: at once, unless the server is away or slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from . import _events as events
from ._blocks import Message, Reasoning, Step, SubAgent, ToolCall
from .errors import Cancelled, Suspended

if TYPE_CHECKING:
    import threading

    from typing_extensions import Self

    from . import wire
    from ._lease import Lease
    from ._outbox import Event

Said = TypeVar("Said")
"""What saying something returns: a coroutine, or nothing."""
Later: TypeAlias = Coroutine[Any, Any, None]

BREATH = 64
"""Events between two looks at the event loop, so that a busy handler can be cancelled."""


class Facts:
    """What is known of the attempt."""

    def __init__(self, lease: Lease, owner: str | None = None) -> None:
        self._lease = lease
        self._owner = owner

    @property
    def id(self) -> str:
        """The execution's id."""
        return self._lease.id

    @property
    def name(self) -> str:
        """The execution's name, by which the handler was found."""
        return self._lease.execution["name"]

    @property
    def input(self) -> Any:
        """What it was created with."""
        return self._lease.execution.get("input")

    @property
    def execution(self) -> wire.ExecutionWithState:
        """The execution as it stood when the attempt began, with its state."""
        return self._lease.execution

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._lease.attempt

    @property
    def checkpoint(self) -> wire.Checkpoint | None:
        """What the attempts before left, or `None`.

        ``progress`` is the last that was reported, with its ``details``; ``state`` is the last
        `state` with every `state_delta` since.
        """
        return self._lease.checkpoint

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context that the execution was created in, to go on with, or `None`."""
        return self._lease.traceparent

    @property
    def details(self) -> Any:
        """The ``details`` of the last progress of the attempts before, or `None`."""
        progress = self.checkpoint.get("progress") if self.checkpoint else None
        return progress.get("details") if progress else None

    @property
    def answer(self) -> Any:
        """The last answer of a person before this attempt, or `None`."""
        return self._lease.execution.get("answer")

    @property
    def cancelled(self) -> threading.Event:
        """Set once the handler is to stop: cancelled, revoked, or the runner stops."""
        return self._lease.cancelled

    @property
    def cancel_reason(self) -> str | None:
        """Why it is to stop, where somebody said so."""
        return self._lease.revoked or self._lease.cancel_reason

    @property
    def cancel_deadline(self) -> str | None:
        """When the cancellation is forced, RFC 3339."""
        return self._lease.cancel_deadline

    def check(self) -> None:
        """Raises `Cancelled` if the handler is to stop."""
        if self._lease.cancelled.is_set():
            raise Cancelled(self.cancel_reason or "cancelled")


class Voice(Facts, Generic[Said]):
    """How a handler says what it does.

    Every method that says something raises `EventRejected` if the server has refused something said
    before, and `Revoked` once the lease is lost; and `ValueError` or `TypeError` for what is wrong
    by itself, such as what is no JSON or larger than 256 KiB.
    """

    def _say(self, said: Iterable[Event]) -> Said:
        raise NotImplementedError

    def _of(self, sub_agent: str) -> Self:
        return type(self)(self._lease, sub_agent)

    def emit(self, type: str, data: dict[str, Any]) -> Said:
        """Says any event of AG-UI 1.0.

        Args:
            type: such as ``CUSTOM``; ``RUN_*`` and ``execution.*`` are the server's.
            data: its fields.
        """
        return self._say((events.event(type, data, self._owner),))

    def log(self, message: str, level: events.Level = "info") -> Said:
        """A line of the log: ``trace``, ``debug``, ``info``, ``warn`` or ``error``."""
        return self._say((events.log(message, level, self._owner),))

    def progress(
        self, fraction: float | None = None, message: str | None = None, *, details: Any = None
    ) -> Said:
        """How far it is; the last one is what another attempt finds as `checkpoint`.

        It is written in order with everything else. Reports that follow one another faster than
        they can be sent, or than four a second, are merged: the last counts. `flush` makes sure.

        Args:
            fraction: 0 to 1.
            message: one line, at most 1,000 characters.
            details: any JSON of at most 64 KiB, such as where to go on.
        """
        return self._say((events.progress(fraction, message, details),))

    def todo(self, id: str, content: str, status: events.TodoStatus = "pending") -> Said:
        """Adds an item to the list of things to do, or changes the one with this id.

        Args:
            id: names it within the execution.
            content: what is to be done.
            status: ``pending``, ``in_progress``, ``completed`` or ``cancelled``.
        """
        return self._say((events.todo(id, content, status, self._owner),))

    def task(
        self,
        id: str,
        status: events.TaskStatus | None = None,
        *,
        name: str | None = None,
        type: str | None = None,
        input: Any = None,
        output: Any = None,
        error: Any = None,
    ) -> Said:
        """A task of a workflow begins or changes; what is left out stays as it was.

        Args:
            id: names it within the execution, in every attempt.
            status: ``pending``, ``in_progress``, ``waiting``, ``completed``, ``failed``,
                ``cancelled`` or ``skipped``.
            name: for people; the id unless given.
            type: the application's own word for what kind it is.
            input: any JSON.
            output: any JSON.
            error: any JSON.
        """
        made = events.task(id, name, status, type, input, output, error, self._owner)
        return self._say((made,))

    def artifact(
        self,
        id: str,
        *,
        name: str | None = None,
        text: str | None = None,
        url: str | None = None,
        mime_type: str = "text/plain",
    ) -> Said:
        """Something that was made, as `text` or at `url`.

        Args:
            id: names it within the execution.
            name: for people; the id unless given.
            text: the artifact itself.
            url: where it is.
            mime_type: its media type.
        """
        made = events.artifact(id, name or id, mime_type, text, url, self._owner)
        return self._say((made,))

    def state(self, snapshot: Any) -> Said:
        """The state that the handler shares with watchers, and with the next attempt: all of it."""
        return self._say((events.event("STATE_SNAPSHOT", {"snapshot": snapshot}, self._owner),))

    def state_delta(self, patch: list[dict[str, Any]]) -> Said:
        """Changes the shared state by a JSON Patch (RFC 6902)."""
        return self._say((events.event("STATE_DELTA", {"delta": patch}, self._owner),))

    def message(self, role: events.Role = "assistant", *, id: str | None = None) -> Message[Said]:
        """A message, streamed: ``async with ctx.message() as m: await m.write("…")``."""
        return Message(self._say, self._owner, id or events.new_id("msg"), role)

    def reasoning(self, *, id: str | None = None) -> Reasoning[Said]:
        """Reasoning, streamed like a message."""
        return Reasoning(self._say, self._owner, id or events.new_id("msg"))

    def tool_call(self, name: str, args: Any = None, *, id: str | None = None) -> ToolCall[Said]:
        """A call of a tool: ``async with ctx.tool_call("add", {"a": 1}) as call``.

        Give the result with ``await call.result(…)``. An exception that leaves the block is told as
        the call's error. Without `args`, stream their JSON with ``await call.write(…)``.
        """
        return ToolCall(self._say, self._owner, id or events.new_id("call"), name, args)

    def step(self, name: str) -> Step[Said]:
        """A named step: ``async with ctx.step("plan")``. One that raises stays unfinished."""
        return Step(self._say, self._owner, name)

    def sub_agent(self, name: str, description: str | None = None) -> SubAgent[Self, Said]:
        """An agent inside this one; the block gets a context whose events are the sub-agent's."""
        id = events.new_id("sub")
        start = events.agent_start(id, name, description, self._owner)
        return SubAgent(self._say, self._of(id), id, start)


class Context(Voice[Later]):
    """Given to handlers that are coroutines: await whatever is said."""

    _count = 0

    async def wait(
        self,
        prompt: str | None = None,
        schema: dict[str, Any] | None = None,
        *,
        timeout: str | None = None,
        hold: bool = True,
    ) -> Any:
        """Asks a person, and returns the answer.

        Args:
            prompt: the question.
            schema: a JSON Schema that the answer must fit.
            timeout: a duration such as ``1h``; the execution's ``waiting`` timeout unless given.
                When it is over, the execution fails.
            hold: whether to keep the lease meanwhile. If not, this attempt ends here (nothing after
                this call is reached) and the answer starts the next one, which finds it as
                `answer` and may run anywhere.

        Raises:
            Invalid: the schema or the timeout is wrong, or another question is open.
        """
        if not hold:
            self._lease.suspend(prompt, schema, timeout)
            raise Suspended
        return await asyncio.wrap_future(self._lease.ask(prompt, schema, timeout).answer)

    async def flush(self) -> None:
        """Returns once everything said so far is in the log, on disk."""
        await asyncio.wrap_future(self._lease.flush())

    async def _say(self, said: Iterable[Event]) -> None:
        for event in said:
            room = self._lease.outbox.put(event)
            if room is not None:
                await asyncio.wrap_future(room)
            self._count += 1
            if self._count % BREATH == 0:
                await asyncio.sleep(0)


class SyncContext(Voice[None]):
    """Given to handlers that are plain functions, which run in threads. Any thread may use it."""

    def wait(
        self,
        prompt: str | None = None,
        schema: dict[str, Any] | None = None,
        *,
        timeout: str | None = None,
        hold: bool = True,
    ) -> Any:
        """Asks a person, and returns the answer; see `Context.wait`.

        Raises:
            Cancelled: the handler is to stop.
        """
        if not hold:
            self._lease.suspend(prompt, schema, timeout)
            raise Suspended
        return self._lease.ask(prompt, schema, timeout).answer.result()

    def flush(self) -> None:
        """Returns once everything said so far is in the log, on disk."""
        self._lease.flush().result()

    def sleep(self, seconds: float) -> None:
        """Waits; raises `Cancelled` as soon as the handler is to stop."""
        self._lease.cancelled.wait(seconds)
        self.check()

    def _say(self, said: Iterable[Event]) -> None:
        for event in said:
            room = self._lease.outbox.put(event)
            if room is not None:
                room.result()
