// Commands to paste into a terminal, with the address of the server that this page is of.

/** Whether a queue can be called that: only such a name is put into a command that somebody may paste. */
export function isQueueName(text: string): boolean {
  return /^[A-Za-z0-9_.:-]{1,128}$/.test(text);
}

/** Starts a runner of a queue. */
export function runnerCommand(queue: string, server: string): string {
  return `heartline runner --server ${server} --queue ${queue} -- ./your-command`;
}

/** Creates an execution in a queue. */
export function createCommand(queue: string, server: string): string {
  return `heartline create --server ${server} --queue ${queue} --name hello`;
}

/** The list of executions, of these alone. */
export function executionsHref(filter: Readonly<Record<string, string>>): string {
  return `/?${new URLSearchParams(filter).toString()}`;
}

/** The server that this page is of, as a command names it. */
export function thisServer(): string {
  return location.origin;
}
