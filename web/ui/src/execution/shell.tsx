// The page around an execution that is there: head, what is first, tabs and what stands beside them; and
// which tab and event the address names.

import { memo, useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

import { isFinal } from "../api/types";
import { useShortcuts } from "../app/keys";
import { Tabs, useClock, type Tab } from "../ui";
import { ShownProvider, useExecution, useShown, useVersion, type Shown } from "./context";
import { Waiting } from "./head/answer";
import { CancelStages } from "./head/cancel";
import { Explain } from "./head/explain";
import { Header } from "./head/header";
import { PostMortem } from "./head/post-mortem";
import type { Model } from "./model/model";
import type { EventPages } from "./model/pages";
import { STATUS, type ExecutionStore } from "./store";
import { Pane, type TabKey } from "./pane";

const TABS: readonly { key: TabKey; label: string }[] = [
  { key: "conversation", label: "Conversation" },
  { key: "timeline", label: "Timeline" },
  { key: "logs", label: "Logs" },
  { key: "state", label: "State" },
  { key: "events", label: "Events" },
  { key: "family", label: "Family" },
];

export function Shell({ store, model, pages }: { store: ExecutionStore; model: Model; pages: EventPages }) {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const asked = useMemo(() => new URLSearchParams(search), [search]);
  const named = Number(asked.get("event"));
  const event = Number.isSafeInteger(named) && named > 0 ? named : undefined;
  const tab = TABS.find((each) => each.key === asked.get("tab"))?.key ?? (event ? "events" : firstTab(model));

  const go = useCallback(
    (to: TabKey, seq?: number, replace = true) => {
      const query = new URLSearchParams({ tab: to, ...(seq !== undefined && { event: String(seq) }) });
      navigate(`${path}?${query}`, { replace });
    },
    [navigate, path],
  );
  const shown = useMemo<Shown>(
    () => ({
      store,
      model,
      pages,
      openEvent: (seq) => go("events", seq, false),
      closeEvent: () => go("events"),
      eventHref: (seq) => `/executions/${store.id}?tab=events&event=${seq}`,
    }),
    [store, model, pages, go],
  );

  const at = TABS.findIndex((each) => each.key === tab);
  const by = (step: number) => go(TABS[(at + step + TABS.length) % TABS.length]?.key ?? tab);
  useShortcuts({
    ...Object.fromEntries(TABS.map((each, index) => [String(index + 1), () => go(each.key)])),
    "[": () => by(-1),
    "]": () => by(1),
  });

  return (
    <ShownProvider value={shown}>
      <div className="x-page">
        <Header />
        <div className="x-body">
          <First />
          <Aside />
          <div className="x-main">
            <Lag />
            <TabBar tab={tab} event={event} onSelect={go} />
          </div>
        </div>
      </div>
    </ShownProvider>
  );
}

/** More than a lifecycle has by its begin, so that something was written. */
const BEGINNING = 4;

/** The conversation where there is one; a wrapped command has its lines instead. */
function firstTab(model: Model): TabKey {
  const { messages, calls, agents } = model.transcript;
  const silent = messages.size === 0 && calls.size === 0 && agents.size === 0;
  return silent && model.head > BEGINNING ? "logs" : "conversation";
}

function First() {
  return (
    <div className="x-first">
      <PostMortem />
      <Waiting />
    </div>
  );
}

/** Beside what happened: why it is where it is, and how far a cancellation came. */
function Aside() {
  const execution = useExecution();
  if (isFinal(execution.phase) && !execution.cancel) return null;
  return (
    <aside className="x-aside" aria-label="Where it stands">
      <CancelStages execution={execution} />
      <Explain />
    </aside>
  );
}

const TabBar = memo(function TabBar({
  tab,
  event,
  onSelect,
}: {
  tab: TabKey;
  event: number | undefined;
  onSelect: (tab: TabKey, seq?: number) => void;
}) {
  return (
    <Tabs<TabKey> label="What happened" tabs={useCounts()} selected={tab} onSelect={onSelect}>
      <Pane tab={tab} asked={event} />
    </Tabs>
  );
});

/** Counted once a second: a number that flickers tells nobody anything. */
function useCounts(): Tab<TabKey>[] {
  const { model } = useShown();
  const count = useClock(() => model.head);
  return useMemo(() => TABS.map((each) => (each.key === "events" ? { ...each, count } : each)), [count]);
}

function Lag() {
  useVersion(STATUS);
  const { store } = useShown();
  const { lag } = store;
  if (!lag) return null;
  return (
    <p className="x-lag" role="status">
      Catching up: at event {lag.at.toLocaleString("en-GB")} of {lag.head.toLocaleString("en-GB")}.
    </p>
  );
}
