// Doing one thing with many executions: a few at a time, each answer kept, nothing thrown.

import { api, ApiError, executionPath, problemOf } from "../api/http";
import { isFinal, type Execution, type Problem } from "../api/types";

export type BulkAction = "cancel" | "retry";
export type Outcome = { execution: Execution; problem?: Problem; /** The execution that a retry made. */ made?: string };

/** So many requests at once: enough to be quick, few enough to leave the server its breath. */
export const AT_ONCE = 6;
/** A server that has too much to do is asked again so often. */
const TRIES = 4;
const WAIT_MS = 1_000;

/** Which of them the action is for; the others would be refused. */
export function eligible(action: BulkAction, executions: readonly Execution[]): Execution[] {
  return executions.filter((execution) => isFinal(execution.phase) === (action === "retry"));
}

export type BulkOptions = {
  reason?: string;
  onOutcome: (outcome: Outcome) => void;
  signal: AbortSignal;
  /** For tests. */
  perform?: (action: BulkAction, execution: Execution, reason: string | undefined) => Promise<string | undefined>;
  sleep?: (ms: number) => Promise<void>;
};

async function ask(action: BulkAction, execution: Execution, reason: string | undefined): Promise<string | undefined> {
  const body = action === "cancel" && reason ? { reason } : {};
  const answer = await api.post<{ execution?: { id: string } } | undefined>(executionPath(execution.id, action), body);
  return action === "retry" ? answer?.execution?.id : undefined;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs until all are done, or the signal ends it; what is under way then is still waited for. */
export async function runBulk(action: BulkAction, executions: readonly Execution[], options: BulkOptions): Promise<void> {
  const perform = options.perform ?? ask;
  const sleep = options.sleep ?? wait;
  let next = 0;
  const one = async (execution: Execution): Promise<Outcome> => {
    for (let tried = 1; ; tried += 1) {
      try {
        const made = await perform(action, execution, options.reason);
        return { execution, ...(made && { made }) };
      } catch (error) {
        const problem = problemOf(error);
        const busy = problem.status === 429 || problem.status === 503;
        if (!busy || tried >= TRIES || options.signal.aborted) return { execution, problem };
        await sleep(((error instanceof ApiError && error.retryAfter) || tried) * WAIT_MS);
      }
    }
  };
  const worker = async () => {
    while (!options.signal.aborted) {
      const execution = executions[next];
      next += 1;
      if (!execution) return;
      options.onOutcome(await one(execution));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, executions.length) }, worker));
}
