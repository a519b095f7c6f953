"""The examples, as a user starts them: programs of their own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heartline import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import Server

EXAMPLES = Path(__file__).parent.parent / "examples"
README = EXAMPLES.parent / "README.md"


class Programs:
    """Python programs, started beside the test and gone after it."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "HEARTLINE_SERVER": self._server}
        program = subprocess.Popen([sys.executable, *command], env=environment)
        self._running.append(program)
        return program

    def end(self) -> None:
        for program in self._running:
            program.kill()
            program.wait(10)


@pytest.fixture
def programs(own: Server) -> Iterator[Programs]:
    programs = Programs(own.url)
    yield programs
    programs.end()


async def ended(program: subprocess.Popen[bytes], seconds: float = 10) -> int:
    return await asyncio.to_thread(program.wait, seconds)


async def test_the_agent_streams_and_calls_its_tool(own: Server, programs: Programs) -> None:
    program = programs.start(str(EXAMPLES / "agent.py"))
    async with Client(own.url) as client:
        question = {"question": "Is it raining in Ghent?"}
        created = await client.create("agent", "weather", input=question)
        id = created["execution"]["id"]
        assert await client.result(id, 20) == {"answer": "It is raining in Ghent, at 11 degrees."}
        state = (await client.get(id))["state"]
        [call] = state["tool_calls"].values()
        assert (call["name"], call["args"]) == ("weather", '{"place":"Ghent"}')
        assert [message["role"] for message in state["messages"].values()] == ["assistant"] * 2

        id = (await client.create("agent", "weather", input="wrong"))["execution"]["id"]
        error = (await client.wait(id, 20)).get("error")
        assert error is not None
        assert error["code"] == "input_invalid"
    program.send_signal(signal.SIGTERM)
    assert await ended(program) == 0


async def test_the_batch_goes_on_where_a_killed_one_was(own: Server, programs: Programs) -> None:
    program = programs.start(str(EXAMPLES / "batch.py"))
    async with Client(own.url) as client:
        job: Any = {"retry": {"max_attempts": 3, "initial_backoff": "100ms"}}
        timeouts: Any = {"heartbeat": "2s"}
        created = await client.create(
            "workflow", "word-count", input={"documents": 40}, timeouts=timeouts, **job
        )
        id = created["execution"]["id"]
        killed = False
        async for event in client.watch(id):
            if event["type"] == "execution.progress" and event["data"]["fraction"] > 0.3:
                if not killed:
                    program.kill()
                    program = programs.start(str(EXAMPLES / "batch.py"))
                killed = True
        done = await client.get(id)
        assert (done["phase"], done["attempt"]) == ("completed", 2), done.get("error")
        log = (await client.events(id, limit=1000))["events"]
        fractions = [e["data"]["fraction"] for e in log if e["type"] == "execution.progress"]
        assert fractions == sorted(set(fractions))
        words = done["output"]["words"]
        assert words == sum(t["output"]["words"] for t in done["state"]["tasks"].values())
        assert done["state"]["artifacts"]["report"]["text"].startswith(f"{words} words")
    program.send_signal(signal.SIGINT)
    assert await ended(program) == 0


async def test_two_signals_stop_a_runner_that_blocks(own: Server, programs: Programs) -> None:
    program = programs.start(
        "-c",
        "import asyncio, time, heartline\n"
        "runner = heartline.Runner(heartline.Client(), stop_grace=0.2)\n"
        "@runner.handler()\n"
        "async def blocks(ctx, input):\n"
        "    await ctx.log('begun')\n"
        "    await ctx.flush()\n"
        "    while True: time.sleep(0.01)\n"
        "asyncio.run(runner.run())\n",
    )
    async with Client(own.url) as client:
        id = (await client.create("agent", "x"))["execution"]["id"]
        async for event in client.watch(id):
            if event["type"] == "CUSTOM":
                program.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.3)
                assert program.poll() is None
                program.send_signal(signal.SIGTERM)
        error = (await client.get(id)).get("error")
        assert error is not None
        assert error["code"] == "runner_stopped"


async def test_the_first_steps_of_the_readme_work(
    own: Server, programs: Programs, tmp_path: Path
) -> None:
    blocks = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", README.read_text(), re.DOTALL)
    files = {name: tmp_path / name for name, _ in blocks}
    for name, text in blocks:
        files[name].write_text(text)
    programs.start(str(files["runner.py"]))
    follow = programs.start(str(files["follow.py"]))
    assert await ended(follow, 20) == 0
