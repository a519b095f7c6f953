"""An event loop in a thread of its own: no handler can hold up what goes over the network."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class Network:
    """The loop and its thread; a daemon, so that it does not keep a process alive."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="heartline network", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        loop = self.loop
        asyncio.set_event_loop(loop)
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Runs a coroutine there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call(self, what: Callable[..., object], *args: object) -> None:
        """Calls a function there, soon; does nothing once it has ended."""
        try:
            self.loop.call_soon_threadsafe(what, *args)
        except RuntimeError:
            if not self.loop.is_closed():
                raise

    def end(self) -> None:
        """Ends the thread."""
        self.call(self.loop.stop)
        self._thread.join(5)
