// The rows of a list: what the socket says of them, and older pages fetched over HTTP, merged by id and
// newest first. Pure: list.ts has the socket and the requests.
//
// The socket sends the first rows anew after each reconnect. Rows that have not come again within what
// was sent anew have left meanwhile. Rows older than that are of an old round until a page confirms them.

import type { Execution, Phase } from "../api/types";
import type { ListChange } from "../live/socket";

export type Row = { readonly id: string; readonly execution: Execution; readonly seq: number; readonly round: number };

type Place = { readonly created_at: string; readonly id: string };

/** Of so many that left it is remembered where to. */
const DEPARTED_MAX = 2_000;

/** Newest first; of the same moment by id downwards, as the server orders them. */
export function compare(a: Place, b: Place): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
}

export class ListModel {
  /** All rows by id. Changed in place; each row is replaced, never changed. */
  readonly rows = new Map<string, Row>();
  /** Their ids, newest first. A new array when the order or the number changes. */
  ids: readonly string[] = [];
  /** Where older rows begin; null where there are none, undefined where that is not known yet. */
  cursor: string | null | undefined;
  /** Whether the rows at the beginning are under way. */
  listing = true;

  /** Where those that left lately are now: they may be selected still. */
  readonly departed = new Map<string, Phase>();

  private round = 0;
  /** The oldest row up to which this round is complete. */
  private edge: Place | undefined;
  private fetching = false;
  /** Changes of rows that are not here, while a page that may hold them is under way. */
  private readonly aside = new Map<string, ListChange>();
  /** Of rows that left, while something is under way that may know them only from before. */
  private readonly left = new Map<string, number>();

  /** The rows come anew. */
  begin(): void {
    this.round += 1;
    this.listing = true;
    this.edge = undefined;
    this.cursor = undefined;
  }

  /** Whether rows are shown that are not known to be still in the list. */
  get stale(): boolean {
    if (this.listing || this.cursor === null) return false;
    const last = this.ids.at(-1);
    return last !== undefined && (this.rows.get(last)?.round ?? 0) < this.round;
  }

  /** Takes changes in; true where something of it shows. */
  apply(changes: readonly ListChange[]): boolean {
    let shows = false;
    const added: Row[] = [];
    let removed = false;
    for (const change of changes) {
      const id = change.turn === "leave" ? change.id : change.execution.id;
      const known = this.rows.get(id);
      if (known && known.seq > change.seq) {
        // Older than what is known, but a sign that it is in the list still.
        if (change.turn !== "leave") this.rows.set(id, { ...known, round: this.round });
        continue;
      }
      if (change.turn === "leave") {
        if (this.listing || this.fetching) this.left.set(id, change.seq);
        if (change.phase) this.remember(id, change.phase);
        this.aside.delete(id);
        removed = this.rows.delete(id) || removed;
        continue;
      }
      this.left.delete(id);
      this.departed.delete(id);
      if (!known && this.isBeyond(change.execution)) {
        if (this.fetching) this.aside.set(id, change);
        continue;
      }
      const row: Row = { id, execution: change.execution, seq: change.seq, round: this.round };
      this.rows.set(id, row);
      if (known) shows = true;
      else added.push(row);
    }
    if (removed || added.length > 0) this.order(added, removed);
    return shows || removed || added.length > 0;
  }

  /** The rows at the beginning have come; older ones begin at `cursor`. */
  listed(cursor: string | null): void {
    this.listing = false;
    this.left.clear();
    this.close(undefined, cursor);
  }

  /** A page is asked for. */
  fetchBegins(): void {
    this.fetching = true;
  }

  /** The page did not come. */
  fetchFailed(): void {
    this.fetching = false;
    this.aside.clear();
    this.left.clear();
  }

  /** A page of older rows has come; where it goes on is `cursor`. */
  page(executions: readonly Execution[], cursor: string | null): void {
    this.fetching = false;
    const added: Row[] = [];
    for (const execution of executions) {
      const { id, seq } = execution;
      if ((this.left.get(id) ?? -1) >= seq) continue;
      const known = this.rows.get(id);
      const aside = this.aside.get(id);
      const newer = aside && aside.turn !== "leave" && aside.seq > seq ? aside.execution : execution;
      const row: Row =
        known && known.seq >= newer.seq
          ? { ...known, round: this.round }
          : { id, execution: newer, seq: Math.max(newer.seq, aside?.seq ?? 0), round: this.round };
      this.rows.set(id, row);
      this.aside.delete(id);
      if (!known) added.push(row);
    }
    // What changed meanwhile and belongs within the page entered the list after it was read.
    const last = executions.at(-1);
    for (const [id, change] of this.aside) {
      if (change.turn === "leave") continue;
      const within = cursor === null || (last && compare(change.execution, last) < 0);
      if (!within || this.rows.has(id)) continue;
      const row: Row = { id, execution: change.execution, seq: change.seq, round: this.round };
      this.rows.set(id, row);
      added.push(row);
    }
    this.aside.clear();
    this.left.clear();
    if (added.length > 0) this.order(added, false);
    this.close(last, cursor);
  }

  /** Everything down to `to` is of this round now; what is there of older rounds has left. */
  private close(to: Place | undefined, cursor: string | null): void {
    this.cursor = cursor;
    let edge = to;
    if (edge === undefined) {
      for (let at = this.ids.length - 1; at >= 0 && !edge; at -= 1) {
        const row = this.rows.get(this.ids[at] ?? "");
        if (row?.round === this.round) edge = row.execution;
      }
    }
    this.edge = edge ?? this.edge;
    let removed = false;
    for (const id of this.ids) {
      const row = this.rows.get(id);
      if (!row || row.round === this.round) continue;
      if (cursor === null || !this.edge || compare(row.execution, this.edge) <= 0) {
        this.rows.delete(id);
        removed = true;
      }
    }
    if (removed) this.order([], true);
  }

  /** Older than all that is loaded, where there is more to load: a page will bring it. */
  private isBeyond(place: Place): boolean {
    if (this.listing || this.cursor === null || !this.edge) return false;
    const last = this.rows.get(this.ids.at(-1) ?? "");
    const oldest = last && compare(last.execution, this.edge) > 0 ? last.execution : this.edge;
    return compare(place, oldest) > 0;
  }

  private remember(id: string, phase: Phase): void {
    this.departed.delete(id);
    this.departed.set(id, phase);
    if (this.departed.size <= DEPARTED_MAX) return;
    for (const oldest of this.departed.keys()) {
      this.departed.delete(oldest);
      return;
    }
  }

  private order(added: Row[], removed: boolean): void {
    const kept = removed ? this.ids.filter((id) => this.rows.has(id)) : this.ids;
    // One that left and entered again within one batch stands in both.
    const fresh = removed && added.length > 0 ? withoutKnown(added, kept) : added;
    if (fresh.length === 0) {
      this.ids = kept;
      return;
    }
    fresh.sort((a, b) => compare(a.execution, b.execution));
    const ids: string[] = [];
    let at = 0;
    for (const row of fresh) {
      if (!this.rows.has(row.id)) continue;
      for (; at < kept.length; at += 1) {
        const id = kept[at] as string;
        const other = this.rows.get(id);
        if (other && compare(other.execution, row.execution) > 0) break;
        ids.push(id);
      }
      ids.push(row.id);
    }
    for (; at < kept.length; at += 1) ids.push(kept[at] as string);
    this.ids = ids;
  }
}

function withoutKnown(added: Row[], kept: readonly string[]): Row[] {
  const known = new Set(kept);
  const seen = new Set<string>();
  return added.filter((row) => !known.has(row.id) && !seen.has(row.id) && seen.add(row.id));
}

/** How many of `ids` are newer than `place`: the index at which it would stand. */
export function indexOf(model: ListModel, place: Place): number {
  let low = 0;
  let high = model.ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = model.rows.get(model.ids[middle] as string);
    if (row && compare(row.execution, place) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
