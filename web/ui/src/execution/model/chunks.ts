// AG-UI's chunked form: which item a chunk without an id belongs to, and when it is complete. One item
// may be open per agent: the parent (the empty string), and each sub-agent. The server's rules
// (execution/src/transcript/chunks.rs), so that what is seen live is what a snapshot would say.

import { fields, text, type Fields } from "./read";

export type Streamed = "text" | "reasoning" | "tool_call";

interface Open {
  kind: Streamed;
  id: string;
}

/** Events that leave open chunks alone, and `CUSTOM` of these names: a log line may fall anywhere. */
const PASSING: ReadonlySet<string> = new Set([
  "TEXT_MESSAGE_CHUNK",
  "REASONING_MESSAGE_CHUNK",
  "TOOL_CALL_CHUNK",
  "ACTIVITY_SNAPSHOT",
  "ACTIVITY_DELTA",
  "REASONING_ENCRYPTED_VALUE",
  "SUBAGENT_STARTED",
  "RAW",
]);
const RESERVED: ReadonlySet<string> = new Set(["log", "artifact", "todo", "task", "progress", "output"]);

export class Chunks {
  private readonly open = new Map<string, Open>();

  constructor(private readonly complete: (kind: Streamed, id: string) => void) {}

  load(state: unknown): void {
    for (const [owner, chunk] of Object.entries(fields(state) ?? {})) {
      const from = fields(chunk) ?? {};
      const id = text(from, "id");
      if (id !== undefined) this.open.set(owner, { kind: text(from, "kind") as Streamed, id });
    }
  }

  clear(): void {
    this.open.clear();
  }

  /** An event that is no continuation ends what its agent's chunks were writing. */
  step(type: string, owner: string, data: Fields): void {
    if (this.open.size === 0 || PASSING.has(type)) return;
    if (type === "CUSTOM" && RESERVED.has(text(data, "name") ?? "")) return;
    if (type === "MESSAGES_SNAPSHOT") for (const each of [...this.open.keys()]) this.close(each);
    else this.close(owner);
  }

  private close(owner: string): void {
    const chunk = this.open.get(owner);
    if (!chunk) return;
    this.open.delete(owner);
    this.complete(chunk.kind, chunk.id);
  }

  /** Which item a chunk belongs to, and whether it opens it; undefined where it continues nothing. */
  take(kind: Streamed, id: string | undefined, own: string): { id: string; opens: boolean } | undefined {
    const owner = id === undefined ? this.continued(kind, own) : this.writerOf(kind, id, own);
    const open = this.open.get(owner);
    const same = open?.kind === kind ? open : undefined;
    if (id === undefined) return same && { id: same.id, opens: false };
    if (same?.id === id) return { id, opens: false };
    this.close(owner);
    this.open.set(owner, { kind, id });
    return { id, opens: true };
  }

  private writerOf(kind: Streamed, id: string, own: string): string {
    for (const [owner, open] of this.open) if (open.kind === kind && open.id === id) return owner;
    return own;
  }

  private continued(kind: Streamed, own: string): string {
    if (own !== "" || this.open.get("")?.kind === kind) return own;
    const candidates = [...this.open].filter(([, open]) => open.kind === kind);
    return candidates.length === 1 ? (candidates[0]?.[0] ?? "") : "";
  }
}
