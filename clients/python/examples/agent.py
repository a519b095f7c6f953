"""An agent that streams what it says and calls a tool.

The model is simulated, so that the example runs without a key: `model` yields words and tool calls,
as what real ones stream does once it is parsed. Put a real one in its place, and nothing else
changes.

    python examples/agent.py                 # serves the queue "agents" until Ctrl-C
    heartline create --kind agent --name weather --input '{"question": "Is it raining in Ghent?"}'
    heartline watch ID
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heartline import Client, Context, NonRetryable, Runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TURNS = 5


@dataclass
class ToolCall:
    """What the model wants to know."""

    name: str
    args: dict[str, Any]


async def model(conversation: list[dict[str, str]]) -> AsyncIterator[str | ToolCall]:
    """One turn of the simulated model."""
    found = [json.loads(entry["content"]) for entry in conversation if entry["role"] == "tool"]
    if found:
        sky = "raining" if found[-1]["rain"] else "dry"
        said = f"It is {sky} in {found[-1]['place']}, at {found[-1]['celsius']} degrees."
    else:
        said = "Let me look."
    for word in said.split(" "):
        await asyncio.sleep(random.uniform(0.01, 0.05))
        yield word + " "
    if not found:
        place = conversation[0]["content"].rstrip("?").split(" ")[-1]
        yield ToolCall("weather", {"place": place})


async def weather(place: str) -> dict[str, Any]:
    """The tool: would ask a weather service."""
    await asyncio.sleep(0.1)
    return {"place": place, "rain": len(place) % 2 == 1, "celsius": 11}


TOOLS: dict[str, Callable[..., Awaitable[Any]]] = {"weather": weather}


async def answer(ctx: Context, input: Any) -> dict[str, str]:
    """Turns between model and tools until the model has no more questions."""
    if not isinstance(input, dict) or not isinstance(input.get("question"), str):
        # Another attempt would find the same input.
        raise NonRetryable('The input must be {"question": "…"}.', code="input_invalid")
    conversation = [{"role": "user", "content": input["question"]}]
    for turn in range(TURNS):
        said, calls = "", list[ToolCall]()
        async with ctx.step(f"turn {turn + 1}"):
            async with ctx.message() as message:
                async for chunk in model(conversation):
                    if isinstance(chunk, ToolCall):
                        calls.append(chunk)
                    else:
                        await message.write(chunk)
                        said += chunk
            conversation.append({"role": "assistant", "content": said})
            for call in calls:
                async with ctx.tool_call(call.name, call.args) as told:
                    result = await TOOLS[call.name](**call.args)
                    await told.result(result)
                conversation.append({"role": "tool", "content": json.dumps(result)})
        if not calls:
            return {"answer": said.strip()}
    raise NonRetryable(f"The model had no answer after {TURNS} turns.", code="no_answer")


async def main() -> None:
    """Serves the queue until SIGTERM or SIGINT."""
    async with Client() as client:
        runner = Runner(client, queues=["agents"], slots=8)
        runner.handler("weather")(answer)
        await runner.run()


if __name__ == "__main__":
    asyncio.run(main())
