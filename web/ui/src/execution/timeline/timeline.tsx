// What took how long: attempts, steps, tool calls and waits as bars over time, live, or as a list.
//
// The first picture comes from the snapshot and the lifecycle. Where attempts or rounds of a step may
// have replaced each other there, the whole log is read, and the picture is exact.

import { useEffect, useMemo, useState } from "react";

import { isFinal, type HeartlineEvent } from "../../api/types";
import { Button, EmptyState, icons, serverNow, useClock } from "../../ui";
import { useExecution, useReading, useShown, useVersion } from "../context";
import { LIFECYCLE, HEAD } from "../model/model";
import { pageOf } from "../model/pages";
import { SpanFold } from "../model/spans";
import { rowsOf, spansOfModel, type Row } from "../model/timeline";
import { Reading } from "../parts";
import { Chart } from "./chart";
import { SpanTable } from "./table";

/** Logs up to this long are read whole without being asked. */
const WHOLE_MOST = 25_000;

export default function Timeline() {
  const { rows, exact, reading, read } = useRows();
  const [asList, setAsList] = useState(false);
  const { store } = useShown();
  const more = useReading();
  if (rows.length === 0) return reading || more ? <Reading what="the log" /> : <NoRows whole={store.past !== "failed"} />;
  return (
    <div className="x-pane x-timeline">
      {asList ? (
        <>
          <div className="x-bar">
            <ViewSwitch asList={asList} onChange={setAsList} />
          </div>
          <SpanTable rows={rows} />
        </>
      ) : (
        <Chart rows={rows} tools={<ViewSwitch asList={asList} onChange={setAsList} />} />
      )}
      {(!exact || store.past === "cut") && (
        <p className="x-foot muted">
          {reading
            ? "Reading the whole log…"
            : "Earlier rounds of a step, and what an earlier attempt began under the same id, may be missing."}{" "}
          {!reading && (
            <Button variant="quiet" onClick={read}>
              Read the whole log
            </Button>
          )}
        </p>
      )}
    </div>
  );
}

function NoRows({ whole }: { whole: boolean }) {
  return (
    <EmptyState title={whole ? "Nothing has taken time yet" : "What took time could not be read"}>
      <p className="muted">
        {whole
          ? "Attempts, steps, tool calls and waits are drawn here as they happen."
          : "What happens from now on is drawn here. Load the page again to read what was before."}
      </p>
    </EmptyState>
  );
}

function ViewSwitch({ asList, onChange }: { asList: boolean; onChange: (asList: boolean) => void }) {
  return (
    <Button icon={asList ? icons.pulse : icons.list} onClick={() => onChange(!asList)}>
      {asList ? "Show the chart" : "Show as a list"}
    </Button>
  );
}

interface Rows {
  rows: Row[];
  exact: boolean;
  reading: boolean;
  read: () => void;
}

function useRows(): Rows {
  const { store, model, pages } = useShown();
  const lifecycle = useVersion(LIFECYCLE);
  const [fold, setFold] = useState<SpanFold>();
  const [reading, setReading] = useState(false);
  const [wanted, setWanted] = useState(() => model.base <= WHOLE_MOST);
  // Bars that move are moved twice a second, however many events come.
  const moved = useClock(() => model.head);

  useEffect(() => {
    if (!wanted) return;
    const controller = new AbortController();
    const whole = new SpanFold();
    let next = 1;
    let ready = false;
    const late: HeartlineEvent[] = [];
    const apply = (events: readonly HeartlineEvent[]) => {
      for (const event of events) {
        if (event.seq < next) continue;
        next = event.seq + 1;
        whole.apply(event);
      }
    };
    const untap = store.tap((events) => {
      if (ready) apply(events);
      else late.push(...events);
    });
    const run = async () => {
      setReading(true);
      for (let index = pageOf(pages.oldest); index <= pageOf(pages.head); index += 1)
        apply(await pages.events(index, controller.signal));
      apply(late);
      ready = true;
      setFold(whole);
      setReading(false);
    };
    // What is shown without it stands; the button is there to try again.
    run().catch(() => (setReading(false), setWanted(false)));
    return () => {
      untap();
      controller.abort();
    };
  }, [wanted, store, pages]);

  const rows = useMemo(() => rowsOf(fold ? fold.all : spansOfModel(model)), [fold, model, lifecycle, moved]);
  return { rows, exact: fold !== undefined, reading, read: () => setWanted(true) };
}

/** Now, where something still goes on; else where it ended. */
export function useNow(): number {
  const execution = useExecution();
  useVersion(HEAD);
  const over = isFinal(execution.phase);
  const second = useClock((now) => (over ? 0 : Math.floor(now / 1000)));
  return useMemo(
    () => (over ? Date.parse(execution.finished_at ?? execution.created_at) : Math.max(second * 1000, serverNow())),
    [over, second, execution],
  );
}
