// The filters: phases with their counts, the rest in a panel, and what is set as chips.

import type { ReactNode } from "react";

import { PHASES, type Counts, type Phase } from "../api/types";
import { Button, icons, IconButton, later, phaseIcons, phaseWord, plainWords, Popover, safeText, shortId } from "../ui";
import { FILTER_KEYS, FILTER_WORDS, without, type Filter, type FilterKey } from "./filter";

const Panel = later(() => import("./filter-panel"), <p className="muted">Loading…</p>);

/** All phases and each of them, with how many there are. */
export function PhaseFilter({
  selected,
  counts,
  onSelect,
}: {
  selected: Phase | undefined;
  counts: Counts | undefined;
  onSelect: (phase: Phase | undefined) => void;
}) {
  const all = counts && PHASES.reduce((sum, phase) => sum + counts.counts[phase], 0);
  const segment = (phase: Phase | undefined, content: ReactNode, n: number | undefined) => (
    <button
      key={phase ?? "all"}
      type="button"
      className="segment"
      data-phase={phase}
      data-none={n === 0 || undefined}
      aria-pressed={selected === phase}
      onClick={() => onSelect(selected === phase ? undefined : phase)}
    >
      {content}{" "}
      {n !== undefined && (
        <span className="segment-count num" title={counts?.exact ? undefined : "At least so many"}>
          {n.toLocaleString("en-GB")}
          {counts?.exact === false && n > 0 ? "+" : ""}
        </span>
      )}
    </button>
  );
  return (
    <div className="segments" role="group" aria-label="Phase">
      {segment(undefined, "All", all)}
      {PHASES.map((phase) =>
        segment(
          phase,
          <>
            {phaseIcons[phase]}
            {phaseWord(phase)}
          </>,
          counts?.counts[phase],
        ),
      )}
    </div>
  );
}

/** What is set, each with a way to take it away. */
export function FilterChips({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const set = FILTER_KEYS.filter((key) => key !== "phase" && filter[key]);
  if (set.length === 0) return null;
  return (
    <ul className="chips" aria-label="Filters that are set">
      {set.map((key) => (
        <li key={key} className="chip">
          <span>
            {FILTER_WORDS[key]} <strong>{chipValue(key, filter[key] ?? "")}</strong>
          </span>
          <IconButton
            size="small"
            label={`Remove the filter ${FILTER_WORDS[key]}`}
            icon={icons.close}
            onClick={() => onChange(without(filter, key))}
          />
        </li>
      ))}
      <li>
        <Button variant="quiet" onClick={() => onChange(filter.phase ? { phase: filter.phase } : {})}>
          Clear filters
        </Button>
      </li>
    </ul>
  );
}

function chipValue(key: FilterKey, value: string): string {
  if (key === "reason") return plainWords(value);
  if (key === "parent" || key === "retry_of") return shortId(value);
  if ((key === "since" || key === "until") && value !== "today") {
    const time = Date.parse(value);
    return Number.isNaN(time) ? `${value} ago` : new Date(time).toLocaleString();
  }
  return safeText(value);
}

/** The button and its panel. */
export function FilterPanel({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  return (
    <Popover label="Filter" title="Filters" icon={icons.filter}>
      {() => <Panel filter={filter} onChange={onChange} />}
    </Popover>
  );
}
