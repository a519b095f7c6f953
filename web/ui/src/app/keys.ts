// Keyboard shortcuts: single keys, and `g` followed by another. They are off while text is typed, while a
// dialog or panel is open, and with a modifier, which belongs to the browser. What was added last is asked
// first. Which there are is said in key-table.ts.

import { useEffect, useRef } from "react";

import { KEYS, type Action, type Key, type Place } from "./key-table";

type Does = () => void;
/** Of keys that help tells of. */
export type Shortcuts = Readonly<Partial<Record<Key, Does>>>;
/** By `KeyboardEvent.key`. */
type Bound = Readonly<Record<string, Does | undefined>>;

/** How long after `g` the second key may come. */
const SEQUENCE_MS = 1_200;

const stack: { current: Bound }[] = [];
let first: { key: string; at: number } | undefined;

/** The keys of a place and what they do: all that its table has. */
export function bound<P extends Place>(place: P, does: Readonly<Record<Action<P>, Does>>): Bound {
  const actions = Object.keys(does) as Action<P>[];
  return Object.fromEntries(actions.flatMap((action) => keysOf(place, action).map((key) => [key, does[action]])));
}

function keysOf<P extends Place>(place: P, action: Action<P>): readonly string[] {
  const table: Readonly<Record<string, { keys: readonly string[] }>> = KEYS[place].does;
  return table[action]?.keys ?? [];
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return target.type !== "checkbox" && target.type !== "button";
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** What a control does with the key by itself stays with it. */
function belongsToControl(event: KeyboardEvent): boolean {
  const control = event.target instanceof Element && event.target.closest("a, button, summary, input, [role=tab]");
  return Boolean(control) && (event.key === "Enter" || event.key === " ");
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Shift" || document.querySelector("dialog[open], [popover]:popover-open")) return;
  if ((isTyping(event.target) && event.key !== "Escape") || belongsToControl(event)) return;
  const sequence = first && Date.now() - first.at < SEQUENCE_MS ? `${first.key} ${event.key}` : undefined;
  first = undefined;
  for (const key of [sequence, event.key]) {
    const of = key === undefined ? undefined : stack.findLast((each) => each.current[key]);
    if (key === undefined || !of) continue;
    event.preventDefault();
    of.current[key]?.();
    return;
  }
  if (event.key === "g") first = { key: "g", at: Date.now() };
}

/**
 * Listens while the component is there. `Escape` also comes while text is typed. `beneath` is for the
 * shell, whose effects run after those of the page in it: everything else is asked before it.
 */
export function useShortcuts(shortcuts: Shortcuts, beneath = false): void {
  const held = useRef<Bound>(shortcuts);
  useEffect(() => {
    held.current = shortcuts;
  });
  useEffect(() => {
    if (stack.length === 0) document.addEventListener("keydown", onKey);
    if (beneath) stack.unshift(held);
    else stack.push(held);
    return () => {
      stack.splice(stack.indexOf(held), 1);
      if (stack.length === 0) document.removeEventListener("keydown", onKey);
    };
  }, [beneath]);
}
