// Keyboard shortcuts: single keys, and `g` followed by another. They are off while text is typed, while a
// dialog or panel is open, and with a modifier, which belongs to the browser. What was added last is asked first.

import { useEffect, useRef } from "react";

/** Keys are as in `KeyboardEvent.key`; sequences are spelled `g e`. */
export type Shortcuts = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** How long after `g` the second key may come. */
const SEQUENCE_MS = 1_200;

const stack: { current: Shortcuts }[] = [];
let first: { key: string; at: number } | undefined;

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
    of.current[key]?.(event);
    return;
  }
  if (event.key === "g") first = { key: "g", at: Date.now() };
}

/**
 * Listens while the component is there. `Escape` also comes while text is typed. `beneath` is for the
 * shell, whose effects run after those of the page in it: everything else is asked before it.
 */
export function useShortcuts(shortcuts: Shortcuts, beneath = false): void {
  const held = useRef(shortcuts);
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
