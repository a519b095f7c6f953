// Who could take work from a queue now: asked live before something is created, and as answered after.

import { useEffect, useState } from "react";

import type { Dispatch, QueueView } from "../api/types";
import { useResource } from "../live/context";
import { icons, plainWords, safeText, type Tone } from "../ui";

const TONES: Readonly<Record<string, Tone>> = {
  ready: "good",
  all_full: "warn",
  limit_held: "warn",
  paused: "warn",
  no_runner_ever: "bad",
  all_lost: "bad",
};

export function Verdict({ dispatch, after = false }: { dispatch: Dispatch; after?: boolean }) {
  const tone = TONES[dispatch.verdict] ?? "plain";
  return (
    <div className="verdict" data-tone={tone} role="status">
      {tone === "good" ? icons.check : tone === "plain" ? icons.info : icons.warning}
      <div>
        <p>
          <strong>
            {after ? "In its queue" : "Now"}: {verdictWord(dispatch.verdict)}
          </strong>{" "}
          <span className="muted num">
            {dispatch.runners_live} live {dispatch.runners_live === 1 ? "runner" : "runners"}, {dispatch.slots_free} free{" "}
            {dispatch.slots_free === 1 ? "slot" : "slots"}
          </span>
        </p>
        <p className="outside-text">{safeText(dispatch.message)}</p>
      </div>
    </div>
  );
}

function verdictWord(verdict: string): string {
  switch (verdict) {
    case "ready":
      return "a runner is ready";
    case "no_runner_ever":
      return "no runner has ever served this queue";
    case "all_lost":
      return "all its runners are lost";
    case "all_full":
      return "all its runners are full";
    case "limit_held":
      return "a limit holds it";
    case "paused":
      return "the queue is paused";
    default:
      return plainWords(verdict);
  }
}

const TYPING_MS = 300;

/** The verdict on a queue as it is now, kept up to date. */
export function QueueVerdict({ queue }: { queue: string }) {
  const [asked, setAsked] = useState(queue);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(queue), TYPING_MS);
    return () => clearTimeout(timer);
  }, [queue]);
  const { data, problem } = useResource<QueueView>(asked ? `/v1/queues/${encodeURIComponent(asked)}` : null);
  if (asked !== queue || (!data && !problem)) {
    return (
      <div className="verdict" role="status">
        {icons.info}
        <p className="muted">Asking who serves {queue}…</p>
      </div>
    );
  }
  if (problem?.status === 404) {
    return (
      <Verdict
        dispatch={{
          verdict: "no_runner_ever",
          runners_live: 0,
          slots_free: 0,
          message: `The queue ${queue} does not exist yet. It begins with what is put into it; without a runner that fails after its time to start.`,
        }}
      />
    );
  }
  if (problem) {
    return (
      <div className="verdict" data-tone="warn" role="status">
        {icons.warning}
        <p>{safeText(problem.detail || problem.title)}</p>
      </div>
    );
  }
  return data ? <Verdict dispatch={data.dispatch} /> : null;
}
