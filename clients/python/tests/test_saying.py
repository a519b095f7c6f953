"""What handlers say, and what becomes of it in the state."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest

from heartline import (
    Client,
    Context,
    EventRejected,
    Invalid,
    Runner,
    SyncContext,
)

from .conftest import RETRY, run

if TYPE_CHECKING:
    from collections.abc import Callable


def nested(levels: int) -> Any:
    return [] if levels == 1 else [nested(levels - 1)]


async def test_what_a_coroutine_says_is_what_the_state_shows(
    client: Client, queue: str, runner: Runner
) -> None:
    @runner.handler("agent")
    async def agent(ctx: Context, input: Any) -> Any:
        await ctx.log("begun", "debug")
        async with ctx.reasoning() as thought:
            await thought.write("hm")
        async with ctx.message(id="m1") as message:
            for word in ["a", "é", '"\\\n', "𝄞", ""]:
                await message.write(word)
        async with ctx.tool_call("add", {"a": 1}, id="c1") as call:
            await call.result({"sum": 1})
        async with ctx.tool_call("raw", id="c2") as call:
            await call.write('{"x":')
            await call.write("1}")
            await call.result("text")
        with contextlib.suppress(ZeroDivisionError):
            async with ctx.tool_call("divide", {}, id="c3"):
                raise ZeroDivisionError("by zero")
        async with ctx.step("plan"), ctx.sub_agent("helper", "helps") as helper:
            async with helper.message() as message:
                await message.write("from below")
        await ctx.todo("t1", "write tests", "in_progress")
        await ctx.todo("t1", "write tests", "completed")
        await ctx.task("k1", "in_progress", name="first", input=1)
        await ctx.task("k1", "completed", name="first", output=2)
        await ctx.artifact("a1", text="body", name="report", mime_type="text/markdown")
        await ctx.state({"n": 1})
        await ctx.state_delta([{"op": "replace", "path": "/n", "value": 2}])
        await ctx.emit("CUSTOM", {"name": "mine", "value": [1]})
        await ctx.progress(0.5, "half")
        return {"input": input, "attempt": ctx.attempt, "name": ctx.name}

    async with runner:
        done = await run(client, queue, "agent", {"q": [1]})
    assert done["output"] == {"input": {"q": [1]}, "attempt": 1, "name": "agent"}
    state = done["state"]
    assert state["messages"]["m1"]["content"] == 'aé"\\\n𝄞'
    assert [message["status"] for message in state["messages"].values()].count("streaming") == 0
    calls = state["tool_calls"]
    assert calls["c1"]["args"] == '{"a":1}'
    assert calls["c1"]["result"] == '{"sum":1}'
    assert calls["c2"]["args"] == '{"x":1}'
    assert calls["c3"]["error"] == "by zero"
    assert state["todos"]["t1"]["status"] == "completed"
    assert (state["tasks"]["k1"]["input"], state["tasks"]["k1"]["output"]) == (1, 2)
    assert state["artifacts"]["a1"]["name"] == "report"
    assert state["agent_state"] == {"n": 2}
    assert state["steps"]["plan"]["status"] == "done"
    [sub_agent] = state["sub_agents"].values()
    assert (sub_agent["name"], sub_agent["status"]) == ("helper", "done")
    assert done.get("progress") == {"fraction": 0.5, "message": "half"}


async def test_a_plain_function_says_the_same_from_its_thread(
    client: Client, queue: str, runner: Runner
) -> None:
    @runner.handler()
    def plain(ctx: SyncContext, input: Any) -> Any:
        ctx.log("begun")
        with ctx.message(id="m1") as message, ctx.step("only"):
            for number in range(5):
                message.write(str(number))
        with ctx.reasoning() as thought:
            thought.write("hm")
        with ctx.tool_call("add", {"a": 1}, id="c1") as call:
            call.result(3)
        with ctx.sub_agent("helper") as helper:
            helper.artifact("a1", url="https://example.org/x")
        ctx.todo("t1", "x")
        ctx.task("k1", "skipped")
        ctx.state([1])
        ctx.progress(1)
        ctx.flush()
        return threading.current_thread() is not threading.main_thread()

    async with runner:
        done = await run(client, queue, "whatever")
    assert done["output"] is True
    state = done["state"]
    assert state["messages"]["m1"]["content"] == "01234"
    assert state["tool_calls"]["c1"]["result"] == "3"
    assert state["artifacts"]["a1"]["url"] == "https://example.org/x"
    assert state["agent_state"] == [1]


async def test_an_event_that_is_refused_fails_the_attempt_and_keeps_the_others(
    client: Client, queue: str, runner: Runner
) -> None:
    @runner.handler("wrong")
    async def wrong(ctx: Context, input: Any) -> str:
        await ctx.log("before")
        await ctx.emit("TEXT_MESSAGE_STRAT", {"messageId": "m"})
        await ctx.log("after")
        if input:
            with contextlib.suppress(EventRejected):
                await ctx.flush()
                await ctx.log("raises")
        return "done"

    async with runner:
        unheeded = await run(client, queue, "wrong", retry=RETRY)
        heeded = await run(client, queue, "wrong", True)
    error = unheeded["error"]
    assert error is not None
    assert (error["code"], unheeded["attempt"]) == ("event_rejected", 1)
    assert "TEXT_MESSAGE_START" in error["message"]
    assert heeded["output"] == "done"
    log = str(await client.events(unheeded["id"], limit=100))
    assert "before" in log
    assert "after" in log


async def test_bad_input_is_refused_where_it_is_said(
    client: Client, queue: str, runner: Runner
) -> None:
    wrong: list[Callable[[SyncContext], object]] = [
        lambda ctx: ctx.log("x", "loud"),  # type: ignore[arg-type]
        lambda ctx: ctx.progress(1.5),
        lambda ctx: ctx.progress(0.5, "x" * 1001),
        lambda ctx: ctx.progress(0.5, details="x" * (64 << 10)),
        lambda ctx: ctx.todo("t", "x", "failed"),  # type: ignore[arg-type]
        lambda ctx: ctx.artifact("a"),
        lambda ctx: ctx.emit("RAW", {"event": float("nan")}),
        lambda ctx: ctx.emit("RAW", {"event": object()}),
        lambda ctx: ctx.emit("RAW", {"event": "x" * (256 << 10)}),
        lambda ctx: ctx.log("half \ud800"),
        lambda ctx: ctx.state(nested(100)),
    ]

    @runner.handler("wrong")
    def all_wrong(ctx: SyncContext, input: Any) -> int:
        for say in wrong:
            with pytest.raises((TypeError, ValueError)):
                say(ctx)
        return len(wrong)

    @runner.handler("output")
    async def output(ctx: Context, input: Any) -> Any:
        return {"object": object(), "deep": nested(100), "large": "x" * (2 << 20)}[input]

    async with runner:
        assert (await run(client, queue, "wrong"))["output"] == len(wrong)
        outputs = [await run(client, queue, "output", of) for of in ("object", "deep", "large")]
    codes = [(done["error"] or {"code": ""})["code"] for done in outputs]
    assert codes == ["output_invalid", "output_invalid", "output_rejected"]
    assert all(done["attempt"] == 1 for done in outputs)


async def test_an_answer_comes_back_to_the_handler_that_asked(
    client: Client, queue: str, runner: Runner
) -> None:
    schema = {"type": "object", "required": ["ok"]}

    @runner.handler("asks")
    async def asks(ctx: Context, input: Any) -> Any:
        with pytest.raises(Invalid):
            await ctx.wait("?", {"type": "nonsense"})
        first = await ctx.wait("send it?", schema, timeout="1m")
        second = await ctx.wait("sure?")
        return [first, second]

    @runner.handler("lets go")
    def lets_go(ctx: SyncContext, input: Any) -> Any:
        if ctx.attempt == 1:
            ctx.wait("send it?", hold=False)
            pytest.fail("not reached")
        return [ctx.attempt, ctx.answer]

    async with runner:
        id = (await client.create("agent", "asks", queue=queue))["execution"]["id"]
        answers = iter([{"ok": True}, None])
        async for event in client.watch(id, view="status"):
            if event["type"] == "execution.waiting":
                if event["data"].get("schema"):
                    with pytest.raises(Invalid):
                        await client.resume(id, {"no": 1}, question=event["seq"])
                await client.resume(id, next(answers), question=event["seq"])
        assert await client.result(id) == [{"ok": True}, None]

        id = (await client.create("agent", "lets go", queue=queue))["execution"]["id"]
        async for event in client.watch(id, view="status"):
            if event["type"] == "execution.waiting":
                await client.resume(id, "yes")
        assert await client.result(id) == [2, "yes"]
