"""The client: create executions, look at them, watch them, answer and cancel them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from . import _watch
from ._http import Http, Server
from ._json import encode
from .errors import NotCompleted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from . import wire

DEFAULT_SERVER = "http://127.0.0.1:7400"


class Client:
    """A client of one server, for one event loop.

    What fails in passing is tried again: a lost connection, 429 and 503, for `patience` seconds. It
    is safe to do so: `create` sends an idempotency key, and what is not safe to repeat (`resume`,
    `retry`) is repeated only where nothing can have happened.

    Args:
        server: its address; ``HEARTLINE_SERVER``, or ``http://127.0.0.1:7400``, unless given.
        token: shown as a bearer token; ``HEARTLINE_TOKEN`` unless given.
        patience: seconds to go on trying when the server is away; 0 tries once.

    Every method raises `Unreachable` when there was no answer, and a subclass of `Problem` when
    the server refused.
    """

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        patience: float = 30.0,
    ) -> None:
        server = server or os.environ.get("HEARTLINE_SERVER") or DEFAULT_SERVER
        self.server = Server(server, token or os.environ.get("HEARTLINE_TOKEN"))
        self.patience = patience
        self._http = Http(self.server)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections. Watches have connections of their own."""
        await self._http.aclose()

    async def create(
        self,
        kind: wire.Kind,
        name: str,
        *,
        input: Any = None,
        queue: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        concurrency_key: str | None = None,
        timeouts: wire.TimeoutChanges | None = None,
        retry: wire.RetryPolicy | None = None,
        start_at: str | None = None,
        delay: str | None = None,
        parent_id: str | None = None,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
    ) -> wire.Created:
        """Creates an execution.

        Args:
            kind: ``agent`` or ``workflow``.
            name: what runners find the handler by; 1 to 256 bytes.
            input: any JSON, handed to the handler.
            queue: where it waits; ``agents`` or ``workflows`` unless given.
            labels: for finding it again; at most 64.
            priority: -1,000 to 1,000; higher goes first.
            concurrency_key: executions with the same key share a limit.
            timeouts: durations such as ``30s``: ``schedule_to_start`` (default 1m), ``heartbeat``
                (30s), ``progress``, ``start_to_close``, ``schedule_to_close``, ``waiting``,
                ``cancel``.
            retry: ``max_attempts`` (default 1), ``initial_backoff``, ``factor``, ``max_backoff``.
            start_at: RFC 3339; not before this instant.
            delay: a duration; instead of `start_at`.
            parent_id: the execution that starts this one.
            idempotency_key: the same key and body give the same execution. A fresh one for each
                call unless given, so that a repeated request creates nothing twice.
            traceparent: the W3C trace context that it belongs to, handed to whoever runs it.

        Returns:
            ``{"execution": …, "dispatch": …}``; the latter says which runners could take it now,
            and if none, why.

        Raises:
            Invalid: a field is wrong, or the idempotency key was used with another body.
        """
        wanted = {
            "kind": kind,
            "name": name,
            "input": input,
            "queue": queue,
            "labels": dict(labels) if labels is not None else None,
            "priority": priority,
            "concurrency_key": concurrency_key,
            "timeouts": timeouts,
            "retry": retry,
            "start_at": start_at,
            "delay": delay,
            "parent_id": parent_id,
        }
        body = {name: value for name, value in wanted.items() if value is not None}
        headers = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
        if traceparent is not None:
            headers["traceparent"] = traceparent
        created = await self._ask("POST", "/v1/executions", body, headers=headers)
        return cast("wire.Created", created)

    async def get(self, id: str) -> wire.ExecutionWithState:
        """One execution with its state: messages, tool calls, tasks and so on.

        Watching it with ``after=execution["seq"]`` shows what follows, without a gap.

        Raises:
            NotFound: there is none with this id.
        """
        return cast("wire.ExecutionWithState", await self._ask("GET", _path(id)))

    async def list(
        self,
        *,
        phase: wire.Phase | None = None,
        reason: wire.Reason | None = None,
        kind: wire.Kind | None = None,
        name: str | None = None,
        queue: str | None = None,
        runner: str | None = None,
        label: str | None = None,
        parent: str | None = None,
        retry_of: str | None = None,
        since: str | None = None,
        until: str | None = None,
        page: int = 100,
    ) -> AsyncIterator[wire.Execution]:
        """Executions, newest first, for which all that is given holds.

        Args:
            phase: in this phase.
            reason: in its phase for this reason.
            kind: of this kind.
            name: with this name.
            queue: in this queue.
            runner: last held by the runner with this id.
            label: ``key:value``.
            parent: children of this execution.
            retry_of: those that try this execution again.
            since: created at or after, RFC 3339.
            until: created before, RFC 3339.
            page: how many are fetched at once, 1 to 1,000.
        """
        wanted = {
            "phase": phase,
            "reason": reason,
            "kind": kind,
            "name": name,
            "queue": queue,
            "runner": runner,
            "label": label,
            "parent": parent,
            "retry_of": retry_of,
            "since": since,
            "until": until,
            "limit": str(page),
        }
        params = {name: value for name, value in wanted.items() if value is not None}
        while True:
            found = cast("wire.Listed", await self._ask("GET", "/v1/executions", params=params))
            for execution in found["executions"]:
                yield execution
            cursor = found.get("next_cursor")
            if not cursor:
                return
            params["cursor"] = cursor

    async def cancel(
        self, id: str, reason: str | None = None, *, grace: str | None = None
    ) -> wire.Done:
        """Asks an execution to stop.

        It is cancelled at once where no runner holds it; otherwise its handler is told, and the
        cancellation is forced after `grace` (a duration; the execution's ``cancel`` timeout unless
        given). Asking again changes nothing, unless it is more urgent.

        Raises:
            Conflict: it is over (``execution_terminal``).
        """
        body = {"reason": reason, "grace": grace}
        body = {name: value for name, value in body.items() if value is not None}
        return cast("wire.Done", await self._ask("POST", _path(id, "cancel"), body))

    async def resume(self, id: str, input: Any = None, *, question: int | None = None) -> wire.Done:
        """Answers an execution that waits for a person.

        Args:
            id: the execution.
            input: the answer; it must fit the question's JSON Schema, where there is one.
            question: the seq of the question, ``execution["waiting"]["seq"]``; the one that is
                open when the answer arrives unless given.

        Raises:
            Conflict: it does not wait (``not_waiting``).
            PreconditionFailed: another question is open by now.
            Invalid: the answer does not fit.
        """
        body = {"input": input} if question is None else {"input": input, "question": question}
        done = await self._ask("POST", _path(id, "resume"), body, repeatable=False)
        return cast("wire.Done", done)

    async def retry(self, id: str) -> wire.Created:
        """Creates a new execution of what a terminal one was asked to do, with ``retry_of``.

        Raises:
            Conflict: it is not over (``not_terminal``).
        """
        created = await self._ask("POST", _path(id, "retry"), {}, repeatable=False)
        return cast("wire.Created", created)

    async def explain(self, id: str) -> wire.Explanation:
        """Why an execution is where it is: cause, evidence, next deadline, what to do."""
        return cast("wire.Explanation", await self._ask("GET", _path(id, "explain")))

    async def delete(self, id: str) -> None:
        """Removes a terminal execution for good.

        Raises:
            Conflict: it is not over (``not_terminal``).
        """
        await self._ask("DELETE", _path(id), repeatable=False)

    async def events(
        self,
        id: str,
        *,
        after: int = 0,
        limit: int | None = None,
        view: wire.ViewName = "full",
        wait: float = 0.0,
    ) -> wire.EventPage:
        """A page of an execution's log.

        Args:
            id: the execution.
            after: the seq before the first event wanted.
            limit: the most events wanted.
            view: ``full``, ``status`` (the lifecycle only) or ``agui`` (valid AG-UI 1.0).
            wait: seconds to wait for an event where there is none yet; at most 60.
        """
        params = {"after": str(after), "view": view}
        if limit is not None:
            params["limit"] = str(limit)
        if wait > 0:
            params["wait"] = f"{int(wait * 1000)}ms"
        page = await self._ask("GET", _path(id, "events"), params=params, wait=wait)
        return cast("wire.EventPage", page)

    def watch(
        self,
        id: str,
        *,
        after: int = 0,
        view: wire.ViewName = "full",
        patience: float = 300.0,
    ) -> AsyncGenerator[wire.Event, None]:
        """The events of an execution, live, each once and in order, until its last.

        It survives lost connections and restarts of the server: it resumes where it was, and checks
        that no event is missing. A slow reader slows its own connection and nothing else.

        Args:
            id: the execution.
            after: the seq before the first event wanted.
            view: ``full``, ``status`` (the lifecycle only) or ``agui`` (valid AG-UI 1.0).
            patience: seconds that the server may be away at a stretch.

        Raises:
            NotFound: there is no such execution.
            Unreachable: the server was away for longer than `patience`.
            Reset: what was read counts no more.
            Gap: the server left out events, again and again.
        """
        return _watch.watch(self.server, id, after, view, patience)

    async def wait(self, id: str, timeout: float | None = None) -> wire.ExecutionWithState:
        """The execution, once it is over.

        Raises:
            TimeoutError: it is not over after `timeout` seconds.
        """
        try:
            await asyncio.wait_for(self._over(id), timeout)
        except asyncio.TimeoutError:
            raise TimeoutError(f"{id} is not over after {timeout} s") from None
        return await self.get(id)

    async def _over(self, id: str) -> None:
        async with contextlib.aclosing(self.watch(id, view="status")) as events:
            async for _ in events:
                pass

    async def result(self, id: str, timeout: float | None = None) -> Any:
        """The output of an execution, once it is over.

        Raises:
            NotCompleted: it failed or was cancelled.
            TimeoutError: it is not over after `timeout` seconds.
        """
        execution = await self.wait(id, timeout)
        if execution["phase"] != "completed":
            raise NotCompleted(execution)
        return execution.get("output")

    async def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        repeatable: bool = True,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
    ) -> Any:
        return await self._http.persist(
            method,
            path,
            None if body is None else encode(body),
            patience=self.patience,
            repeatable=repeatable,
            params=params,
            headers=headers,
            wait=wait,
        )


def _path(id: str, call: str = "") -> str:
    return f"/v1/executions/{quote(id, safe='')}" + (f"/{call}" if call else "")
