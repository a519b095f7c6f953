// Which executions the page shows: to and from the URL, to and from what is typed, and as the server
// takes it. The URL's names are the server's; times may also be relative there.

import { PHASES, type Kind, type ListFilter, type Phase, type Reason } from "../api/types";
import { milliseconds } from "../ui/duration";

/** As in ListFilter, but `since` and `until` may be `today` or an age such as `24h`. */
export type Filter = ListFilter;
export type FilterKey = keyof Filter;

/** In the order in which they are shown. */
export const FILTER_KEYS: readonly FilterKey[] = [
  "phase",
  "reason",
  "kind",
  "queue",
  "name",
  "runner",
  "label",
  "id_prefix",
  "parent",
  "retry_of",
  "since",
  "until",
];

/** Words for the keys, in chips and hints. */
export const FILTER_WORDS: Readonly<Record<FilterKey, string>> = {
  phase: "phase",
  reason: "reason",
  kind: "kind",
  queue: "queue",
  name: "name",
  runner: "runner",
  label: "label",
  id_prefix: "id starts with",
  parent: "parent",
  retry_of: "retry of",
  since: "created since",
  until: "created before",
};

const KINDS: readonly Kind[] = ["agent", "workflow"];

/** An object, so that a reason the server has and this page lacks does not compile. */
const EACH_REASON: Readonly<Record<Reason, true>> = {
  runner_error: true,
  definition_invalid: true,
  schedule_to_start_timeout: true,
  start_to_close_timeout: true,
  schedule_to_close_timeout: true,
  heartbeat_timeout: true,
  progress_timeout: true,
  waiting_timeout: true,
  runner_lost: true,
  cancel_requested: true,
  cancel_timeout: true,
  supervisor_gave_up: true,
};

export const REASONS = Object.keys(EACH_REASON) as readonly Reason[];

/** One value, where it is one that the key can have. */
export function filterValue(key: FilterKey, value: string): Filter | undefined {
  const text = value.trim();
  if (text === "") return undefined;
  switch (key) {
    case "phase":
      return PHASES.includes(text as Phase) ? { phase: text as Phase } : undefined;
    case "reason":
      return REASONS.includes(text as Reason) ? { reason: text as Reason } : undefined;
    case "kind":
      return KINDS.includes(text as Kind) ? { kind: text as Kind } : undefined;
    case "label":
      return /^[^:]+:/.test(text) ? { label: text } : undefined;
    case "since":
    case "until":
      return isMoment(text) ? { [key]: text } : undefined;
    default:
      return { [key]: text };
  }
}

/** The filter of a query string; what is not understood is left out. */
export function filterOfQuery(query: string): Filter {
  const params = new URLSearchParams(query);
  return Object.assign({}, ...FILTER_KEYS.map((key) => filterValue(key, params.get(key) ?? ""))) as Filter;
}

/** The query string of a filter, the same for the same filter. */
export function queryOfFilter(filter: Filter): string {
  const params = new URLSearchParams();
  for (const key of FILTER_KEYS) {
    const value = filter[key];
    if (value) params.append(key, value);
  }
  return params.toString();
}

export function isEmpty(filter: Filter): boolean {
  return FILTER_KEYS.every((key) => !filter[key]);
}

export function without(filter: Filter, ...keys: FilterKey[]): Filter {
  const rest = { ...filter };
  for (const key of keys) delete rest[key];
  return rest;
}

/** A point in time, `today`, or an age. */
function isMoment(text: string): boolean {
  return text === "today" || milliseconds(text) !== undefined || !Number.isNaN(Date.parse(text));
}

/** A moment as the server takes it. */
export function momentAt(text: string, now: Date): string {
  if (text === "today") return new Date(now.getFullYear(), now.getMonth(), now.getDate()).toISOString();
  const age = milliseconds(text);
  if (age !== undefined) return new Date(now.getTime() - age).toISOString();
  return new Date(text).toISOString();
}

/** Whether the filter's end moves with the clock, so that rows come into it by age alone. */
export function moves(filter: Filter): boolean {
  return filter.until !== undefined && milliseconds(filter.until) !== undefined;
}

/** The filter with its times as the server takes them. */
export function atTime(filter: Filter, now: Date): ListFilter {
  return {
    ...filter,
    ...(filter.since && { since: momentAt(filter.since, now) }),
    ...(filter.until && { until: momentAt(filter.until, now) }),
  };
}

const TOKENS: Readonly<Record<string, FilterKey>> = {
  name: "name",
  queue: "queue",
  runner: "runner",
  label: "label",
  reason: "reason",
  kind: "kind",
  phase: "phase",
  id: "id_prefix",
  parent: "parent",
  retry_of: "retry_of",
  since: "since",
  until: "until",
};

export type Typed = { filter: Filter; slips: string[] };

const ID = /^[aw]ex_[0-9a-fA-F-]*$/;
const WHOLE_ID = /^[aw]ex_[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/;

/** What is typed, read as a filter. Words with spaces go in quotes: `name:"nightly report"`. */
export function readTyped(text: string): Typed {
  const filter: Filter = {};
  const slips: string[] = [];
  const plain: string[] = [];
  for (const part of text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []) {
    const word = part.replaceAll('"', "");
    const colon = word.indexOf(":");
    const key = colon > 0 ? TOKENS[word.slice(0, colon)] : undefined;
    if (ID.test(word)) {
      filter.id_prefix = word;
    } else if (key) {
      const value = word.slice(colon + 1);
      const read = filterValue(key, value);
      if (read) Object.assign(filter, read);
      else slips.push(slip(key, value));
    } else {
      plain.push(word);
    }
  }
  if (plain.length > 0) filter.name = plain.join(" ");
  return { filter, slips };
}

function slip(key: FilterKey, value: string): string {
  switch (key) {
    case "phase":
      return `phase is one of ${PHASES.join(", ")}`;
    case "reason":
      return `reason is one of ${REASONS.join(", ")}`;
    case "kind":
      return `kind is ${KINDS.join(" or ")}`;
    case "label":
      return "label is written label:key:value";
    case "since":
    case "until":
      return `${key} is today, an age such as 24h, or a time`;
    default:
      return value === "" ? `${key} needs a value` : `${key} cannot be “${value}”`;
  }
}

/** The execution that is meant, where a whole id is typed. */
export function wholeId(text: string): string | undefined {
  const id = text.trim();
  return WHOLE_ID.test(id) ? id : undefined;
}
