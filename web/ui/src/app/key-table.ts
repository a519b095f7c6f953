// Every key that does something, by the place where it works, in words. Handlers are bound by this table
// (keys.ts) and help shows it. Of the places at its end each part handles its own keys; a test in
// browser/keyboard.test.mjs presses them.

interface Row {
  /** As in `KeyboardEvent.key`, each on its own; sequences are spelled `g e`. */
  keys: readonly string[];
  words: string;
}

export const KEYS = {
  anywhere: {
    title: "Anywhere",
    does: {
      executions: { keys: ["g e"], words: "Executions" },
      queues: { keys: ["g q"], words: "Queues" },
      runners: { keys: ["g r"], words: "Runners" },
      supervisor: { keys: ["g s"], words: "Supervisor" },
      search: { keys: ["/"], words: "Search" },
      create: { keys: ["c"], words: "Create an execution" },
      theme: { keys: ["t"], words: "Light, dark, or as the system" },
      help: { keys: ["?"], words: "This help" },
    },
  },
  list: {
    title: "In the list of executions",
    does: {
      next: { keys: ["j", "ArrowDown"], words: "Next" },
      previous: { keys: ["k", "ArrowUp"], words: "Previous" },
      nextPage: { keys: ["PageDown"], words: "A page on" },
      previousPage: { keys: ["PageUp"], words: "A page back" },
      first: { keys: ["Home"], words: "First" },
      last: { keys: ["End"], words: "Last" },
      open: { keys: ["Enter"], words: "Open" },
      select: { keys: ["x"], words: "Select" },
      selectTo: { keys: ["X"], words: "Select up to here" },
      clear: { keys: ["Escape"], words: "Clear the selection, leave the row" },
    },
  },
  table: {
    title: "On queues and runners",
    does: {
      next: { keys: ["j"], words: "Next row" },
      previous: { keys: ["k"], words: "Previous row" },
    },
  },
  row: {
    title: "On one of their rows",
    does: {
      next: { keys: ["ArrowDown"], words: "Next" },
      previous: { keys: ["ArrowUp"], words: "Previous" },
      first: { keys: ["Home"], words: "First" },
      last: { keys: ["End"], words: "Last" },
    },
  },
  execution: {
    title: "On an execution",
    does: {
      tab: { keys: ["1", "2", "3", "4", "5", "6"], words: "Its tabs in order" },
      previousTab: { keys: ["["], words: "Previous tab" },
      nextTab: { keys: ["]"], words: "Next tab" },
    },
  },
  events: {
    title: "Its events",
    does: {
      next: { keys: ["j"], words: "Open the next" },
      previous: { keys: ["k"], words: "Open the previous" },
      close: { keys: ["Escape"], words: "Close it" },
    },
  },
  timeline: {
    title: "Its timeline, on a bar",
    does: {
      next: { keys: ["ArrowDown"], words: "Next" },
      previous: { keys: ["ArrowUp"], words: "Previous" },
      first: { keys: ["Home"], words: "First" },
      last: { keys: ["End"], words: "Last" },
      open: { keys: ["Enter"], words: "Open its event" },
      earlier: { keys: ["ArrowLeft"], words: "Earlier" },
      later: { keys: ["ArrowRight"], words: "Later" },
      closer: { keys: ["+", "="], words: "Closer" },
      wider: { keys: ["-"], words: "Wider" },
      whole: { keys: ["0"], words: "All of it" },
    },
  },
  search: {
    title: "In a search field",
    does: {
      clear: { keys: ["Escape"], words: "Clear, then leave" },
      take: { keys: ["Enter"], words: "Filter the executions, or open the one with that id" },
      back: { keys: ["Backspace"], words: "Where it is empty: take the last filter away" },
    },
  },
  tabs: {
    title: "On a tab",
    does: {
      next: { keys: ["ArrowRight"], words: "Next" },
      previous: { keys: ["ArrowLeft"], words: "Previous" },
      first: { keys: ["Home"], words: "First" },
      last: { keys: ["End"], words: "Last" },
    },
  },
} as const satisfies Record<string, { title: string; does: Record<string, Row> }>;

export type Place = keyof typeof KEYS;
export type Action<P extends Place> = Extract<keyof (typeof KEYS)[P]["does"], string>;

type Keys<Does> = Does extends Record<string, { keys: readonly (infer K)[] }> ? K : never;
/** Any key of the table. */
export type Key = Extract<{ [P in Place]: Keys<(typeof KEYS)[P]["does"]> }[Place], string>;
