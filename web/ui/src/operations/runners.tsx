// All runners: who is alive, who is late, and what the lost ones held.

import { useMemo } from "react";

import type { RunnersView, RunnerView } from "../api/types";
import { Command, EmptyState } from "../ui";
import { runnerCommand, thisServer } from "./commands";
import { count, counted } from "./figures";
import { runnerTone } from "./judge";
import { NotYet, PageHead, toneIcons, useAsked } from "./parts";
import { RUNNER_COLUMNS } from "./runner-columns";
import { SortBar, useTableView } from "./sort-bar";
import { DataTable } from "./table";

const WORST_FIRST = { by: "trouble", down: true };

function matches(runner: RunnerView, search: string): boolean {
  const words = [runner.id, runner.name, runner.host, runner.status, runner.pid, runner.version, ...Object.keys(runner.queues)];
  return words.some((word) => word != null && String(word).toLowerCase().includes(search));
}

export default function RunnersPage() {
  const { data, problem, retry } = useAsked<RunnersView>("/v1/runners");
  const view = useTableView(RUNNER_COLUMNS, WORST_FIRST);
  const runners = data?.runners;
  const shown = useMemo(() => {
    const search = view.search.trim().toLowerCase();
    return (runners ?? []).filter((runner) => search === "" || matches(runner, search));
  }, [runners, view.search]);
  return (
    <div className="ops-page">
      <PageHead title="Runners">{runners && runners.length > 0 && <Summary runners={runners} />}</PageHead>
      {!runners ? (
        <NotYet problem={problem} retry={retry} />
      ) : runners.length === 0 ? (
        <EmptyState title="No runners yet">
          <p className="muted">A runner takes executions from a queue and runs them. Whatever command you have will do.</p>
          <Command text={runnerCommand("agents", thisServer())} />
        </EmptyState>
      ) : (
        <>
          <SortBar view={view} columns={RUNNER_COLUMNS} what="runners" />
          {shown.length === 0 ? (
            <EmptyState title="No runner is like that" />
          ) : (
            <DataTable
              label="Runners"
              rows={shown}
              columns={RUNNER_COLUMNS}
              name={(runner) => runner.id}
              href={(runner) => `/runners/${runner.id}`}
              sort={view.sort}
              onSort={view.onSort}
              tone={runnerTone}
              walked
            />
          )}
        </>
      )}
    </div>
  );
}

function Summary({ runners }: { runners: readonly RunnerView[] }) {
  const of = (status: string) => runners.filter((runner) => runner.status === status);
  const [live, late, lost] = [of("live"), of("late"), of("lost")];
  const holding = lost.reduce((sum, runner) => sum + runner.leases.length, 0);
  const used = runners.reduce((sum, runner) => sum + runner.leases.length, 0);
  return (
    <p className="ops-summary">
      {holding > 0 && (
        <strong data-tone="bad">
          {toneIcons.bad}
          {count(lost.length)} lost, still holding {counted(holding, "execution")}
        </strong>
      )}
      {late.length > 0 && (
        <strong data-tone="warn">
          {toneIcons.warn}
          {count(late.length)} late
        </strong>
      )}
      <span className="muted num">
        {counted(runners.length, "runner")} · {count(live.length)} live · {holding === 0 && lost.length > 0 && `${count(lost.length)} lost · `} {counted(used, "execution")} held
      </span>
    </p>
  );
}
