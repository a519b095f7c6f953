// Views: filters with a name. Some come with the page; the rest are kept in this browser.

import { useSyncExternalStore } from "react";

import { filterOfQuery, queryOfFilter } from "./filter";

export type View = { id: string; name: string; query: string; builtIn?: true };

export const BUILT_IN: readonly View[] = [
  { id: "all", name: "All executions", query: "", builtIn: true },
  { id: "failed-today", name: "Failed today", query: "phase=failed&since=today", builtIn: true },
  { id: "waiting", name: "Waiting for me", query: "phase=waiting", builtIn: true },
  { id: "stuck", name: "Stuck: pending", query: "phase=pending&until=30s", builtIn: true },
];

const KEY = "heartline.views";
const MOST = 50;
export const NAME_MAX = 60;

/** What is kept, with everything left out that is not a view. */
export function readViews(text: string | null): View[] {
  if (!text) return [];
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(kept)) return [];
  return kept.slice(0, MOST).flatMap((each: unknown) => {
    if (typeof each !== "object" || each === null) return [];
    const { id, name, query } = each as Readonly<Record<string, unknown>>;
    if (typeof id !== "string" || typeof name !== "string" || typeof query !== "string") return [];
    return [{ id, name: name.slice(0, NAME_MAX), query: queryOfFilter(filterOfQuery(query)) }];
  });
}

const listeners = new Set<() => void>();
let cached: { text: string | null; views: readonly View[] } = { text: null, views: [] };

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return cached.text;
  }
}

function snapshot(): readonly View[] {
  const text = stored();
  if (text !== cached.text) cached = { text, views: readViews(text) };
  return cached.views;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Another tab's changes.
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function put(views: readonly View[]): void {
  const text = JSON.stringify(views);
  try {
    localStorage.setItem(KEY, text);
  } catch {
    cached = { text, views };
  }
  for (const listener of [...listeners]) listener();
}

/** The views kept in this browser, oldest first. */
export function useViews(): readonly View[] {
  return useSyncExternalStore(subscribe, snapshot);
}

export function saveView(name: string, query: string): void {
  const id = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
  put([...snapshot(), { id, name: name.trim().slice(0, NAME_MAX), query }].slice(-MOST));
}

export function renameView(id: string, name: string): void {
  put(snapshot().map((view) => (view.id === id ? { ...view, name: name.trim().slice(0, NAME_MAX) } : view)));
}

export function deleteView(id: string): void {
  put(snapshot().filter((view) => view.id !== id));
}
