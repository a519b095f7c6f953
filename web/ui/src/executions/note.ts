// The second line of a row: what there is to say of an execution, by its phase.

import type { Execution } from "../api/types";
import { serverNow } from "../ui/clock";
import { formatDuration, formatSpan } from "../ui/duration";
import { plainWords } from "../ui/words";

export type Note = {
  /** Said first and stronger, such as the reason of a failure. */
  lead?: string;
  text?: string;
  /** A moment that belongs to it, shown relative to now. */
  at?: { word: string; time: string };
};

/** How long it ran, where both ends are known. */
function took(execution: Execution): string {
  const begin = Date.parse(execution.started_at ?? execution.created_at);
  const end = Date.parse(execution.finished_at ?? "");
  return Number.isNaN(begin) || Number.isNaN(end) ? "" : formatDuration(Math.max(0, end - begin));
}

export function noteOf(execution: Execution): Note {
  const { error, cancel } = execution;
  switch (execution.phase) {
    case "failed": {
      const after = took(execution);
      const lead = plainWords(execution.reason ?? error?.code ?? "failed");
      const code = error && error.code !== execution.reason ? `${error.code}: ` : "";
      return { lead, text: error ? code + error.message : after && `after ${after}` };
    }
    case "waiting":
      return {
        lead: "asks",
        text: execution.waiting?.prompt ?? "for an answer",
        ...(execution.waiting && { at: { word: "since", time: execution.waiting.since } }),
      };
    case "in_progress": {
      if (cancel) {
        const stage = cancel.acknowledged_at ? "the runner is stopping" : cancel.delivered_at ? "the runner was told" : "the runner was not told yet";
        return { lead: "cancelling", text: cancel.reason ? `${stage}: ${cancel.reason}` : stage };
      }
      const message = execution.progress?.message;
      if (message) return { text: message };
      return execution.started_at ? { at: { word: "started", time: execution.started_at } } : {};
    }
    case "pending": {
      if (error) return { lead: `attempt ${execution.attempt} failed`, text: error.message };
      if (execution.start_at && Date.parse(execution.start_at) > serverNow()) {
        return { at: { word: "due", time: execution.start_at } };
      }
      return { text: `in queue ${execution.queue}, to start within ${formatSpan(execution.timeouts.schedule_to_start)}` };
    }
    case "completed": {
      const after = took(execution);
      return after ? { text: `took ${after}` } : {};
    }
    case "cancelled": {
      const reason = cancel?.reason;
      const forced = cancel?.forced_at ? "forced; " : "";
      return { text: forced + (reason ?? plainWords(execution.reason ?? "")) };
    }
  }
}
