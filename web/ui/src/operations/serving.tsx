// The runners of one queue.

import { useState } from "react";

import type { QueueView, RunnersView } from "../api/types";
import { Command, Skeleton } from "../ui";
import { runnerCommand, thisServer } from "./commands";
import { runnersSentence, runnerTone } from "./judge";
import { NotYet, useAsked } from "./parts";
import { SERVING_COLUMNS } from "./runner-columns";
import { DataTable } from "./table";

export function Serving({ queue }: { queue: QueueView }) {
  const { data, problem, retry } = useAsked<RunnersView>("/v1/runners");
  const [sort, setSort] = useState({ by: "trouble", down: true });
  if (!data) return problem ? <NotYet problem={problem} retry={retry} /> : <Skeleton lines={3} />;
  const serving = data.runners.filter((runner) => Object.hasOwn(runner.queues, queue.queue));
  if (serving.length === 0) {
    return (
      <div className="ops-none">
        <p>No runner that is known has ever asked this queue for work. Start one:</p>
        <Command text={runnerCommand(queue.queue, thisServer())} />
      </div>
    );
  }
  return (
    <>
      <p className="muted">{runnersSentence(queue)}.</p>
      <DataTable
        label={`Runners of ${queue.queue}`}
        rows={serving}
        columns={SERVING_COLUMNS}
        name={(runner) => runner.id}
        href={(runner) => `/runners/${runner.id}`}
        sort={sort}
        onSort={setSort}
        tone={runnerTone}
      />
    </>
  );
}
