// The order of rows in a table: sorted by a column, steady among equals, and kept still while
// somebody is about to click into it.

/** What a column is sorted by; null is unknown and stands last whichever way it is sorted. */
export type Sortable = number | string | null;

export interface Sort {
  by: string;
  down: boolean;
}

const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(a: Sortable, b: Sortable, down: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order =
    typeof a === "number" && typeof b === "number" ? a - b : words.compare(String(a), String(b));
  return down ? -order : order;
}

/** The rows by a value of each, and by name among equals. */
export function sorted<T>(
  rows: readonly T[],
  value: (row: T) => Sortable,
  name: (row: T) => string,
  down: boolean,
): T[] {
  const keyed = rows.map((row) => ({ row, value: value(row), name: name(row) }));
  keyed.sort((a, b) => compare(a.value, b.value, down) || words.compare(a.name, b.name));
  return keyed.map((item) => item.row);
}

/**
 * The rows in the order they stood in before, with what is new at the end; so that a row does not
 * move away from under the pointer. Without an order before, they stay as they are.
 */
export function held<T>(rows: readonly T[], name: (row: T) => string, before: readonly string[] | null): T[] {
  if (!before) return [...rows];
  const place = new Map(before.map((key, index) => [key, index]));
  const at = (row: T): number => place.get(name(row)) ?? Number.MAX_SAFE_INTEGER;
  return rows
    .map((row, index) => ({ row, index, at: at(row) }))
    .sort((a, b) => a.at - b.at || a.index - b.index)
    .map((item) => item.row);
}

/** A sort as it stands in the address, such as "depth" or "-depth" for downwards. */
export function readSort(text: string | null, known: readonly string[], otherwise: Sort): Sort {
  const down = text?.startsWith("-") ?? false;
  const by = text?.replace(/^-/, "") ?? "";
  return known.includes(by) ? { by, down } : otherwise;
}

export function writeSort(sort: Sort): string {
  return `${sort.down ? "-" : ""}${sort.by}`;
}

/** The sort after a click on a column's head: the other way, or this column its own way first. */
export function toggled(sort: Sort, by: string, downFirst: boolean): Sort {
  return sort.by === by ? { by, down: !sort.down } : { by, down: downFirst };
}
