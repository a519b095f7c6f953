"""What tests share: a server, a client of it, and both transports."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

import pytest

from heartline import Client, Runner, _poll

from .server import BINARY, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from heartline._session import TransportName
    from heartline.wire import ExecutionWithState

RETRY: Any = {"max_attempts": 3, "initial_backoff": "10ms"}


@pytest.fixture(scope="session")
def binary() -> None:
    """Skips where there is no server to test against."""
    if not BINARY.exists():
        pytest.skip(f"no server: set HEARTLINE_BIN, or build {BINARY.resolve()}")


@pytest.fixture(scope="session")
def shared(binary: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that do not restart it."""
    server = Server(tmp_path_factory.mktemp("shared"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own(binary: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the test may kill and start again."""
    server = Server(tmp_path_factory.mktemp("own"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def client(shared: Server) -> AsyncIterator[Client]:
    """A client of the shared server."""
    async with Client(shared.url) as client:
        yield client


@pytest.fixture(autouse=True)
def _short_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner that is to end waits for its claims."""
    monkeypatch.setattr(_poll, "CLAIM", 0.2)


@pytest.fixture(params=["websocket", "http"])
def transport(request: pytest.FixtureRequest) -> TransportName:
    """Each way to talk to the server."""
    return cast("TransportName", request.param)


@pytest.fixture
def queue() -> str:
    """A queue that nobody else uses."""
    return f"q-{uuid.uuid4().hex}"


@pytest.fixture
def runner(client: Client, queue: str, transport: TransportName) -> Runner:
    """A runner of that queue, not yet started."""
    return Runner(client, [queue], slots=4, transport=transport, non_retryable=(KeyError,))


async def run(
    client: Client, queue: str, name: str, input: Any = None, **options: Any
) -> ExecutionWithState:
    """An execution, created and awaited."""
    created = await client.create("agent", name, input=input, queue=queue, **options)
    return await client.wait(created["execution"]["id"], 20)
