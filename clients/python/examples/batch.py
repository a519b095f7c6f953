"""A batch job with progress and checkpoints: after a crash it goes on where it was.

A plain function, so it may block and compute. After each part it reports how far it is and where to
go on; another attempt, here or on another machine, finds that as `ctx.details`. Create it with
retries, or there is no other attempt:

    python examples/batch.py                 # serves the queue "workflows" until Ctrl-C
    curl -s localhost:7400/v1/executions -H 'content-type: application/json' -d '
      {"kind": "workflow", "name": "word-count", "input": {"documents": 40},
       "retry": {"max_attempts": 5}, "timeouts": {"progress": "1m"}}'

Kill it half way (`kill -9`), start it again, and watch the execution.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any, TypedDict

from heartline import Client, NonRetryable, Runner, SyncContext

DOCUMENTS_MAX = 100_000
PART = 5
"""Documents between two checkpoints: what at most is done twice."""


class Done(TypedDict):
    """The checkpoint: what is counted, and where to go on."""

    next: int
    words: int


def word_count(ctx: SyncContext, input: Any) -> dict[str, int]:
    """Counts the words of all documents."""
    documents = input.get("documents") if isinstance(input, dict) else None
    if not isinstance(documents, int) or not 0 <= documents <= DOCUMENTS_MAX:
        message = f'The input must be {{"documents": 0 to {DOCUMENTS_MAX}}}.'
        raise NonRetryable(message, code="input_invalid")
    done: Done = {"next": 0, "words": 0} if ctx.details is None else ctx.details
    if done["next"]:
        ctx.log(f"attempt {ctx.attempt} goes on at document {done['next']}")
    while done["next"] < documents:
        # Raises when somebody cancelled the job; what is reported stays.
        ctx.check()
        first, last = done["next"], min(done["next"] + PART, documents)
        part = f"documents-{first}-{last - 1}"
        ctx.task(part, "in_progress")
        words = sum(count(number) for number in range(first, last))
        ctx.task(part, "completed", output={"words": words})
        done = {"next": last, "words": done["words"] + words}
        ctx.progress(last / documents, f"{last} of {documents} documents", details=done)
        # On disk before the next part begins: a crash repeats nothing that is done.
        ctx.flush()
    ctx.artifact("report", text=f"{done['words']} words in {documents} documents\n")
    return {"words": done["words"]}


def count(document: int) -> int:
    """The words of a document; would read it from somewhere."""
    time.sleep(0.02)
    return int(hashlib.sha256(str(document).encode()).hexdigest()[:4], 16)


async def main() -> None:
    """Serves the queue until SIGTERM or SIGINT."""
    async with Client() as client:
        runner = Runner(client, queues=["workflows"], slots=4)
        runner.handler("word-count")(word_count)
        await runner.run()


if __name__ == "__main__":
    asyncio.run(main())
