// How far a requested cancellation came: requested → delivered → acknowledged → forced, or stopped
// before it had to be forced.

import { isFinal, type Execution } from "../../api/types";

export type StageName = "requested" | "delivered" | "acknowledged" | "ended";

export interface Stage {
  name: StageName;
  /** In one or two words. */
  title: string;
  state: "done" | "waiting" | "skipped" | "failed";
  at: string | undefined;
  /** What it means here. */
  note: string | undefined;
}

/** The stages of a cancellation; empty where none was asked for. */
export function cancelStages(execution: Execution): Stage[] {
  const cancel = execution.cancel;
  if (!cancel) return [];
  const over = isFinal(execution.phase);
  const reached = (at: string | null | undefined): Stage["state"] => (at ? "done" : over ? "skipped" : "waiting");
  const stages: Stage[] = [
    { name: "requested", title: "Requested", state: "done", at: cancel.requested_at, note: undefined },
    {
      name: "delivered",
      title: "Delivered",
      state: reached(cancel.delivered_at),
      at: cancel.delivered_at ?? undefined,
      note: cancel.delivered_at ? undefined : over ? "The runner was never told." : "The runner has not been told yet.",
    },
    {
      name: "acknowledged",
      title: "Acknowledged",
      state: reached(cancel.acknowledged_at),
      at: cancel.acknowledged_at ?? undefined,
      note: cancel.acknowledged_at
        ? undefined
        : over
          ? "The runner never said so."
          : "The runner has not said that it is stopping.",
    },
  ];
  return [...stages, lastStage(execution, cancel)];
}

function lastStage(execution: Execution, cancel: NonNullable<Execution["cancel"]>): Stage {
  const at = execution.finished_at ?? undefined;
  const ended = (title: string, state: Stage["state"], note?: string): Stage => ({
    name: "ended",
    title,
    state,
    at,
    note,
  });
  if (cancel.forced_at) {
    return {
      ...ended("Forced", "failed", "The runner did not stop in time; its writes are refused from then on."),
      at: cancel.forced_at,
    };
  }
  // Asked to stop, it ended otherwise: lost, or silent for too long.
  if (execution.phase === "cancelled" && execution.error) return ended("Ended", "failed", execution.error.message);
  if (execution.phase === "cancelled") return ended("Stopped", "done");
  if (execution.phase === "completed") return ended("Completed first", "skipped", "It was done before it stopped.");
  if (execution.phase === "failed") return ended("Failed first", "skipped", "It failed before it stopped.");
  return { name: "ended", title: "Forced", state: "waiting", at: undefined, note: undefined };
}
