// A browser whose clock is wrong shows the server's times all the same.

import assert from "node:assert/strict";

import { rowOf, scenario, sees, until } from "./harness.mjs";

/** Sets the browser's clock wrong by so much. */
const wrongBy = (ms) => ({
  content: `{ const now = Date.now; Date.now = () => now() + ${ms}; }`,
});

for (const [which, ms] of [["ahead", 7 * 60_000], ["behind", -7 * 60_000]]) {
  scenario(`ages and deadlines are right in a browser whose clock is minutes ${which}`, async ({ open, server, expect }) => {
    expect(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/);
    const execution = await server.create({ name: "job", timeouts: { schedule_to_start: "5m" } });
    const page = await open("/", { scripts: [wrongBy(ms)] });
    await sees(rowOf(page, execution), "must start");
    const shown = () =>
      until(page, "its age and what is left", (id) => {
        const cell = (name) => document.querySelector(`[id="row-${id}"] .${name} time`)?.lastChild?.textContent;
        return /^(?:now|\d+ s|1 min)$/.test(cell("c-age")) && /^(?:[34]:\d\d|5:00)$/.test(cell("c-due"));
      }, execution.id);
    await shown();
    await server.kill();
    await sees(page, /What you see is as of (?:now|\d+ s ago)/);
    await server.start();
    await page.getByText("Reconnecting to the server.").waitFor({ state: "detached" });
    await shown();
    assert.equal(page.loads, 1, "nothing was loaded anew");
  });
}
