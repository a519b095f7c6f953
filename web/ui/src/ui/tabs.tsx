// Tabs: one stop of the Tab key, arrows move between them. Where they do not all fit, the selected one is
// kept in sight.

import { useEffect, useId, useRef, type KeyboardEvent, type ReactNode } from "react";

/** So much of the next tab shows that there is one. */
const PEEK = 24;

export type Tab<Key extends string> = { key: Key; label: string; count?: number | undefined };

export function Tabs<Key extends string>({
  label,
  tabs,
  selected,
  onSelect,
  children,
}: {
  label: string;
  tabs: readonly Tab<Key>[];
  selected: Key;
  onSelect: (key: Key) => void;
  /** The content of the selected tab. */
  children: ReactNode;
}) {
  const base = useId();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const bar = list.current;
    if (!bar) return;
    const keep = () => showSelected(bar);
    const resized = new ResizeObserver(keep);
    // A count that grows pushes those after it.
    for (const each of [bar, ...bar.children]) resized.observe(each);
    keep();
    return () => resized.disconnect();
  }, [selected]);
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.key === selected);
    const last = tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at <= 0 ? last : at - 1, Home: 0, End: last }[event.key];
    const tab = to === undefined ? undefined : tabs[to];
    if (to === undefined || !tab) return;
    event.preventDefault();
    onSelect(tab.key);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[to]?.focus();
  };
  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.key}
            type="button"
            role="tab"
            className="tab"
            id={`${base}-${tab.key}`}
            aria-selected={tab.key === selected}
            aria-controls={tab.key === selected ? `${base}-panel` : undefined}
            tabIndex={tab.key === selected ? 0 : -1}
            onClick={() => onSelect(tab.key)}
          >
            {tab.label}
            {tab.count !== undefined && <span className="tab-count num">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id={`${base}-panel`} aria-labelledby={`${base}-${selected}`} tabIndex={0}>
        {children}
      </div>
    </>
  );
}

/** Scrolls the bar and nothing around it. */
function showSelected(bar: HTMLElement): void {
  const tab = bar.querySelector("[aria-selected=true]")?.getBoundingClientRect();
  const seen = bar.getBoundingClientRect();
  if (!tab) return;
  if (tab.left < seen.left) bar.scrollLeft -= seen.left - tab.left + PEEK;
  else if (tab.right > seen.right) bar.scrollLeft += tab.right - seen.right + PEEK;
}
