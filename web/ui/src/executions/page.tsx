// The list of executions: filters in the URL, counts, rows kept live, and what is done with several.

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useLocation, useSearch } from "wouter";

import { isFinal, type Counts, type Execution } from "../api/types";
import { withQuery } from "../api/http";
import { useShortcuts } from "../app/keys";
import { useLive, useResource } from "../live/context";
import type { Live } from "../live/socket";
import { Button, count, ErrorState, icons, IconButton, later, Patient, phaseWord, serverNow, Skeleton } from "../ui";
import type { BulkAction } from "./bulk-run";
import { FirstExecution, NoMatch } from "./empty";
import { atTime, filterOfQuery, isEmpty, moves, queryOfFilter, without, type Filter } from "./filter";
import { FilterChips, FilterPanel, PhaseFilter } from "./filters";
import { ListStore, useListView } from "./list";
import { SearchBox } from "./searchbox";
import { chooseAll, extend, NONE, toggle, type Selection } from "./selection";
import { Table } from "./table";
import { ViewMenu } from "./viewmenu";

import "./executions.css";

const BulkDialog = later(() => import("./bulk"));
const CreateDialog = later(() => import("./create"));

/** A list whose end moves with the clock is asked for anew so often. */
const MOVES_MS = 20_000;

/** The list that was shown last: who comes back to it from one of its executions finds it as it was. */
let kept: { live: Live; canonical: string; store: ListStore } | undefined;

function storeFor(live: Live, canonical: string, filter: Filter): ListStore {
  if (kept?.live !== live || kept.canonical !== canonical) {
    kept = { live, canonical, store: new ListStore(live, atTime(filter, new Date(serverNow()))) };
  }
  return kept.store;
}

/** The filter with its times as the server takes them, and the list that it makes. */
function useList(canonical: string) {
  const live = useLive();
  const [now, setNow] = useState(() => new Date(serverNow()));
  const filter = useMemo(() => filterOfQuery(canonical), [canonical]);
  useEffect(() => {
    setNow(new Date(serverNow()));
    if (!moves(filter)) return;
    const timer = setInterval(() => document.visibilityState === "visible" && setNow(new Date(serverNow())), MOVES_MS);
    return () => clearInterval(timer);
  }, [filter]);
  const resolved = useMemo(() => atTime(filter, now), [filter, now]);
  const store = useMemo(() => storeFor(live, canonical, filter), [live, canonical, filter]);
  const asked = useRef(store);
  useEffect(() => {
    if (asked.current === store && moves(filter)) store.refilter(resolved);
    asked.current = store;
  }, [store, resolved, filter]);
  const view = useListView(store);
  const countsPath = withQuery("/v1/executions/counts", without(resolved, "phase"));
  const counts = useResource<Counts>(countsPath).data;
  return { filter, store, view, counts };
}

export function ExecutionsPage() {
  const [, navigate] = useLocation();
  const search = useSearch();
  const canonical = queryOfFilter(filterOfQuery(search));
  const params = new URLSearchParams(search);
  const { filter, store, view, counts } = useList(canonical);
  const shownCounts = useLast(counts);
  const to = useCallback((query: string, replace = false) => navigate(query ? `/?${query}` : "/", { replace }), [navigate]);
  const put = (next: Filter) => to(queryOfFilter(next));

  const searchInput = useRef<HTMLInputElement>(null);
  const wantsSearch = params.has("focus");
  useEffect(() => {
    if (!wantsSearch) return;
    searchInput.current?.focus();
    to(canonical, true);
  }, [wantsSearch, canonical, to]);

  const creating = params.has("create");
  const create = () => to(canonical ? `${canonical}&create` : "create");
  const open = useCallback((id: string) => navigate(`/executions/${encodeURIComponent(id)}`), [navigate]);
  useShortcuts({ c: create, "/": () => searchInput.current?.select() });

  const [selection, setSelection] = useState<Selection>(NONE);
  useEffect(() => setSelection(NONE), [canonical]);
  const read = useCallback((id: string) => view.model.rows.get(id)?.execution, [view.model]);
  const onSelect = useCallback(
    (execution: Execution, range: boolean, ids: readonly string[]) =>
      setSelection((before) => (range ? extend(before, execution, ids, read) : toggle(before, execution))),
    [read],
  );
  const [bulk, setBulk] = useState<BulkAction>();
  const chosen = [...selection.chosen.values()].map((execution) => {
    const phase = view.model.departed.get(execution.id);
    return read(execution.id) ?? (phase ? { ...execution, phase } : execution);
  });

  const failed = shownCounts?.counts.failed;
  useEffect(() => {
    const what = filter.phase ? phaseWord(filter.phase) : "Executions";
    document.title = failed ? `(${failed} failed) ${what} · Heartline` : `${what} · Heartline`;
  }, [failed, filter.phase]);

  const total = view.model.ids.length;
  const known = view.loading !== "first";
  return (
    <div className="executions">
      <div className="bar-1">
        <h1 className="visually-hidden">Executions</h1>
        <SearchBox
          input={searchInput}
          onFilter={(typed) => put({ ...filter, ...typed })}
          onOpen={open}
          onBackspace={() => put(lastTaken(filter))}
        />
        <FilterPanel filter={filter} onChange={put} />
        <ViewMenu query={canonical} onChoose={to} />
        <Button variant="primary" icon={icons.plus} onClick={create} title="Create an execution (c)">
          Create
        </Button>
      </div>
      <PhaseFilter selected={filter.phase} counts={shownCounts} onSelect={(phase) => put({ ...without(filter, "phase"), ...(phase && { phase }) })} />
      <FilterChips filter={filter} onChange={put} />
      {view.problem && total === 0 ? (
        <div className="list-problem">
          <ErrorState problem={view.problem} retry={store.retry}>
            {!isEmpty(filter) && (
              <p>
                <Button onClick={() => to("")}>Clear all filters</Button>
              </p>
            )}
          </ErrorState>
        </div>
      ) : total > 0 ? (
        <Table
          key={canonical}
          view={view}
          place={store.place}
          selection={selection}
          onSelect={onSelect}
          onSelectAll={(ids) => setSelection(chooseAll(ids, read))}
          onClear={() => setSelection(NONE)}
          onOpen={open}
          onMore={view.problem ? store.retry : store.more}
        />
      ) : known ? (
        isEmpty(filter) ? (
          <FirstExecution onCreate={create} />
        ) : (
          <NoMatch
            only={filter.phase && isEmpty(without(filter, "phase")) ? phaseWord(filter.phase) : undefined}
            others={filter.phase && shownCounts ? Object.values(shownCounts.counts).reduce((sum, each) => sum + each, 0) : 0}
            onPhases={() => put(without(filter, "phase"))}
            onClear={() => to("")}
          />
        )
      ) : (
        <FirstRows />
      )}
      {chosen.length > 0 && <BulkBar chosen={chosen} onAct={setBulk} onClear={() => setSelection(NONE)} />}
      {bulk && (
        <BulkDialog
          action={bulk}
          executions={chosen}
          onClose={(worked) => {
            setBulk(undefined);
            if (worked) setSelection(NONE);
          }}
        />
      )}
      {creating && <CreateDialog queue={filter.queue} onClose={() => to(canonical, true)} />}
    </div>
  );
}

/** The last value there was, while the next one is not known. */
function useLast<T>(value: T | undefined): T | undefined {
  const last = useRef(value);
  if (value !== undefined) last.current = value;
  return value ?? last.current;
}

/** The filter without what was set last in order, the phase aside. */
function lastTaken(filter: Filter): Filter {
  const keys = [...new URLSearchParams(queryOfFilter(filter)).keys()].filter((key) => key !== "phase");
  const last = keys.at(-1) as keyof Filter | undefined;
  return last ? without(filter, last) : filter;
}

function BulkBar({ chosen, onAct, onClear }: { chosen: readonly Execution[]; onAct: (action: BulkAction) => void; onClear: () => void }) {
  const ended = chosen.filter((execution) => isFinal(execution.phase)).length;
  const live = chosen.length - ended;
  return (
    <div className="bulk-bar" role="toolbar" aria-label="With the selected ones">
      <p role="status">
        <strong>{count(chosen.length, "execution")} selected</strong>{" "}
        <span className="muted">
          {live} live, {ended} ended
        </span>
      </p>
      <Button variant="danger" icon={icons.stop} disabled={live === 0} onClick={() => onAct("cancel")}>
        Cancel{live > 0 && ` ${live}`}…
      </Button>
      <Button icon={icons.retry} disabled={ended === 0} onClick={() => onAct("retry")}>
        Retry{ended > 0 && ` ${ended}`}…
      </Button>
      <IconButton label="Clear the selection (Escape)" icon={icons.close} onClick={onClear} />
    </div>
  );
}

function FirstRows() {
  return (
    <div className="first-rows" role="status">
      <span className="visually-hidden">Loading executions</span>
      <Patient>
        {Array.from({ length: 8 }, (_, row) => (
          <Skeleton key={row} width={`${92 - row * 6}%`} />
        ))}
      </Patient>
    </div>
  );
}
