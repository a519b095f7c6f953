// The panes behind the tabs. Each is loaded when it is first looked at, or when the address names it;
// without Suspense, which shows its fallback for a third of a second at least.

import { useEffect, useState, type ComponentType } from "react";

import { Skeleton } from "../ui";
import { Conversation } from "./conversation/conversation";

export type TabKey = "conversation" | "timeline" | "logs" | "state" | "events" | "family";

interface PaneProps {
  /** The event that the address names. */
  asked: number | undefined;
}

type Pane = ComponentType<PaneProps>;
type LazyKey = Exclude<TabKey, "conversation">;

const LOADS: Readonly<Record<LazyKey, () => Promise<{ default: Pane }>>> = {
  timeline: () => import("./timeline/timeline"),
  logs: () => import("./logs/logs"),
  state: () => import("./state/state"),
  events: () => import("./events/events"),
  family: () => import("./family/family"),
};

const loaded = new Map<LazyKey, Pane>();

async function load(key: LazyKey): Promise<Pane> {
  const pane = loaded.get(key) ?? (await LOADS[key]()).default;
  loaded.set(key, pane);
  return pane;
}

/** Fetches the pane that the address names while the execution is on its way. */
export function preloadPane(search: string): void {
  const asked = new URLSearchParams(search);
  const tab = asked.get("tab") ?? (asked.has("event") ? "events" : "");
  // What goes wrong is told when it is to be shown.
  if (Object.hasOwn(LOADS, tab)) load(tab as LazyKey).catch(() => {});
}

export function Pane({ tab, asked }: { tab: TabKey } & PaneProps) {
  return tab === "conversation" ? <Conversation /> : <LazyPane key={tab} tab={tab} asked={asked} />;
}

function LazyPane({ tab, asked }: { tab: LazyKey } & PaneProps) {
  const [, setVersion] = useState(0);
  const [problem, setProblem] = useState<unknown>();
  const Shown = loaded.get(tab);
  const there = Shown !== undefined;
  useEffect(() => {
    // As it was when this was drawn: it may have come since.
    if (there) return;
    let gone = false;
    load(tab).then(
      () => !gone && setVersion((before) => before + 1),
      (error: unknown) => !gone && setProblem(error),
    );
    return () => {
      gone = true;
    };
  }, [tab, there]);
  // The boundary around the page says what to do.
  if (problem !== undefined) throw problem;
  return Shown ? <Shown asked={asked} /> : <Skeleton lines={4} />;
}
