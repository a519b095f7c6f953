// How a queue or a runner is, in words: what the server says of it, and how much it matters.

import type { QueueView, RunnerView } from "../api/types";
import { count, counted } from "./figures";

/** How much it matters. Never shown by colour alone: each has a shape, and stands beside words. */
export type Tone = "good" | "note" | "warn" | "bad";

export interface Judgement {
  tone: Tone;
  word: string;
  /** The shape that stands for it, where the tone's own would say less. */
  shape?: "pause";
}

const RANKS: Record<Tone, number> = { bad: 3, warn: 2, note: 1, good: 0 };

/** For sorting: the worst is the highest. */
export function rank(tone: Tone): number {
  return RANKS[tone];
}

export function worst(tones: readonly Tone[]): Tone {
  return tones.reduce<Tone>((a, b) => (RANKS[b] > RANKS[a] ? b : a), "good");
}

/** Whether work would be given out, and if not, whether any waits for it. */
export function judgeQueue(queue: QueueView): Judgement {
  const waits = queue.depth > 0;
  switch (queue.dispatch.verdict) {
    case "paused":
      return { tone: "warn", word: "Paused", shape: "pause" };
    case "no_runner_ever":
      return { tone: waits ? "bad" : "note", word: "No runner yet" };
    case "all_lost":
      return { tone: waits || queue.in_progress > 0 ? "bad" : "warn", word: "All runners lost" };
    case "all_full":
      return { tone: waits ? "warn" : "note", word: "All runners full" };
    case "limit_held":
      return { tone: waits ? "warn" : "note", word: "Held by a limit" };
    case "ready":
      // The verdict is on an execution without a key; those that wait may be of keys at their limit.
      if (waits && queue.held === queue.depth) return { tone: "note", word: "Keys at their limit" };
      return { tone: "good", word: "Ready" };
    default:
      return { tone: "note", word: queue.dispatch.verdict.replaceAll("_", " ") };
  }
}

/** What the verdict's message leaves out: how many of those that wait are held, and by what. */
export function heldSentence(queue: QueueView): string | null {
  if (queue.held === 0 || queue.paused) return null;
  const by = queue.dispatch.verdict === "ready" ? "the limits of their concurrency keys" : "a limit";
  if (queue.held < queue.depth) {
    const verb = queue.held === 1 ? "is" : "are";
    return `Of the ${count(queue.depth)} that wait, ${count(queue.held)} ${verb} held by ${by}.`;
  }
  return queue.depth === 1 ? `The one that waits is held by ${by}.` : `All ${count(queue.depth)} that wait are held by ${by}.`;
}

/** The verdict's message without the sentence on the pause, where the page tells of that by itself. */
export function messageBesidePause(queue: QueueView): string {
  const { pause, dispatch } = queue;
  if (!pause) return dispatch.message;
  const by = pause.by ? ` by ${pause.by}` : "";
  const reason = pause.reason ? `: ${pause.reason}` : "";
  const told = `Queue '${queue.queue}' is paused since ${pause.since}${by}${reason}. `;
  return dispatch.message.startsWith(told) ? dispatch.message.slice(told.length) : dispatch.message;
}

/** Runners alive. Some servers count a runner once for each of its polls: never more than are known. */
export function runnersAlive(queue: QueueView): number {
  return Math.min(queue.runners_live, queue.runners_known);
}

/** Who serves a queue, in words. */
export function runnersSentence(queue: QueueView): string {
  const known = queue.runners_known;
  if (known === 0) return "No runner";
  const live = runnersAlive(queue);
  const waiting = Math.min(queue.claims_waiting, live);
  const alive = live === known ? `${counted(live, "runner")} live` : `${count(live)} of ${counted(known, "runner")} live`;
  return `${alive}, ${count(waiting)} waiting for work`;
}

/** The order of trouble: what nobody can take comes first, then by how much waits. */
export function queueTrouble(queue: QueueView): number {
  const waiting = Math.min(queue.depth, 999_999_999);
  // A pause goes before the other warnings: somebody did it, and has to undo it.
  return (2 * rank(judgeQueue(queue).tone) + (queue.paused ? 1 : 0)) * 1e9 + waiting;
}

/** A runner by what is heard of it. */
export function judgeRunner(runner: RunnerView): Judgement {
  switch (runner.status) {
    case "live":
      return { tone: "good", word: "Live" };
    case "late":
      return { tone: "warn", word: "Late" };
    case "lost":
      return { tone: "bad", word: "Lost" };
    default:
      return { tone: "note", word: runner.status };
  }
}

/** How much a runner's row stands out: one that is lost and holds nothing is nobody's trouble. */
export function runnerTone(runner: RunnerView): Tone {
  const { tone } = judgeRunner(runner);
  return runner.status === "lost" && runner.leases.length === 0 ? "note" : tone;
}

export interface Slots {
  used: number;
  /** What it takes at once, as far as it is known: a runner that polls offers only what is free. */
  of: number;
}

export function slotsOf(runner: RunnerView): Slots {
  const used = runner.leases.length;
  const free = runner.status === "lost" ? 0 : runner.slots_free;
  return { used, of: Math.max(runner.slots, used + free) };
}

/** How it is reached now; of one that is not heard that is not known. */
export function reachedBy({ connected, status }: RunnerView): "socket" | "poll" | "–" {
  if (connected) return "socket";
  return status === "live" ? "poll" : "–";
}

/** Lost ones first, those with most leases before the others; then late; then live. */
export function runnerTrouble(runner: RunnerView): number {
  return rank(judgeRunner(runner).tone) * 1e6 + (runner.status === "live" ? 0 : runner.leases.length);
}

/** How a runner stands, in one sentence. `heard` is how long ago it gave a sign of life. */
export function runnerSentence(runner: RunnerView, heard: string): string {
  const holds = runner.leases.length;
  const leases = counted(holds, "execution");
  switch (runner.status) {
    case "lost":
      return holds > 0
        ? `Nothing has been heard of it for ${heard}. It still holds ${leases}: each is retried or fails when its next deadline passes.`
        : `Nothing has been heard of it for ${heard}. It holds nothing, and will be forgotten.`;
    case "late":
      return `It should have been heard of by now: the last sign of life was ${heard} ago. ${holds > 0 ? `It holds ${leases}.` : "It holds nothing."}`;
    default: {
      const free = runner.slots_free;
      const rest = free > 0 ? `would take ${count(free)} more` : "takes no more now";
      return `${holds > 0 ? `It holds ${leases}` : "It holds nothing"}, and ${rest}.`;
    }
  }
}
