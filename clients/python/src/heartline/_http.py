"""One HTTP request and its answer, and how long to go on trying.

The only place that speaks HTTP. It knows nothing of executions.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from ._backoff import Backoff
from .errors import HeartlineError, Problem, TooLarge, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT = 5.0
"""Seconds to connect."""
ANSWER = 30.0
"""Seconds for the server to answer, beyond what a long poll was asked to wait."""
BODY_BYTES = 1 << 20
"""Largest body that a server takes unless it was told to take more."""
NOT_DONE = frozenset({"overloaded", "store_unavailable", "shutting_down"})
"""Codes of a 503 after which it is known that nothing has happened."""


class Lost(Exception):
    """No answer: whether the server has done what it was asked is not known."""

    def __init__(self, cause: Exception, *, sent: bool = True) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__)
        self.sent = sent


class Server:
    """Where the server is and what to show it."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} is not an http:// or https:// address")
        self.url = url.rstrip("/")
        self.headers = {"authorization": f"Bearer {token}"} if token else {}

    def websocket(self, path: str) -> str:
        """The address of a WebSocket."""
        return "ws" + self.url.removeprefix("http") + path


class Http:
    """Requests to one server; belongs to the event loop that first uses it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._client = httpx.AsyncClient(
            base_url=server.url,
            headers=server.headers,
            timeout=httpx.Timeout(ANSWER, connect=CONNECT),
            # Every lease and every queue holds a long poll.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
        within: float = ANSWER,
    ) -> Any:
        """One try; the answer's JSON, or `None` where it has no body.

        `wait` is what a long poll was asked to wait, `within` what the server may take beyond that.

        Raises:
            Lost: there was no answer.
            Problem: it was refused.
        """
        every = dict(headers or {})
        if body is not None:
            every["content-type"] = "application/json"
        timeout = httpx.Timeout(within + wait, connect=min(within, CONNECT))
        try:
            response = await self._client.request(
                method, path, content=body, params=params, headers=every, timeout=timeout
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Lost(error, sent=False) from error
        except httpx.TransportError as error:
            if len(body or b"") > BODY_BYTES:
                # A server that refuses a body does not read it to the end.
                detail = f"the connection broke while {len(body or b'')} bytes were sent"
                raise TooLarge(413, "body_too_large", detail) from error
            raise Lost(error) from error
        return answer(response.status_code, response.headers, response.content)

    async def persist(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        patience: float,
        repeatable: bool = True,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
    ) -> Any:
        """Tries for `patience` seconds; `repeatable` says whether twice is as good as once.

        Raises:
            Unreachable: there was no answer in that time.
            Problem: it was refused for good, or still refused after that time.
        """
        until = time.monotonic() + patience
        backoff = Backoff()
        while True:
            try:
                return await self.call(
                    method, path, body, params=params, headers=headers, wait=wait
                )
            except Lost as lost:
                pause = backoff.next()
                if time.monotonic() + pause > until or (lost.sent and not repeatable):
                    raise Unreachable(f"{self.server.url}: {lost}") from lost
            except Problem as problem:
                pause = backoff.next(problem.retry_after)
                again = problem.transient if repeatable else problem.code in NOT_DONE
                if not again or time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)


def answer(status: int, headers: Mapping[str, str], content: bytes) -> Any:
    """The JSON of an answer.

    Raises:
        Problem: it says that the request was refused.
        HeartlineError: whoever answers is no Heartline server.
    """
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = None
        if status < 300:
            raise HeartlineError(f"the answer is not JSON: {content[:100]!r}") from None
    if 200 <= status < 300:
        return body
    if body is None:
        body = {"detail": content[:200].decode(errors="replace")}
    raise Problem.parse(body, status, _retry_after(headers))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return min(max(float(headers.get("retry-after", "")), 0.0), 60.0)
    except ValueError:
        return None
