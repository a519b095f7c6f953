// One queue: whether it gives work out and why not, its pause and limits, what went through it, and who
// serves it.

import { useState } from "react";

import type { QueueView } from "../api/types";
import { Command, EmptyState, icons, Outside, safeText, Time } from "../ui";
import { createCommand, executionsHref, isQueueName, runnerCommand, thisServer } from "./commands";
import { age, count, counted, latency, spanMs } from "./figures";
import { heldSentence, judgeQueue, messageBesidePause } from "./judge";
import { BusiestKeys } from "./keys";
import { LimitsForm } from "./limits-form";
import { Figure, Figures, NoLonger, NotYet, PageHead, Panel, useAsked, useComesBack, Verdict } from "./parts";
import { PauseControl } from "./pause";
import { QueueCharts } from "./queue-charts";
import { queueSamples, useSeries } from "./samples";
import { Serving } from "./serving";

const UNDER = { href: "/queues", label: "Queues" };

export default function QueuePage({ name }: { name: string }) {
  const { data, problem, at, retry } = useAsked<QueueView>(`/v1/queues/${name}`);
  const series = useSeries(queueSamples, name);
  const missing = problem?.status === 404;
  // It may come to be while this page is open.
  useComesBack(missing, queueSamples.has(name), retry);
  const [answered, setAnswered] = useState<{ queue: QueueView; at: number }>();
  // What a change was answered with is newer than what came before it.
  const queue = answered && answered.at > (at ?? 0) ? answered.queue : data;
  const onAnswer = (next: QueueView) => setAnswered({ queue: next, at: Date.now() });
  if (!queue) {
    return (
      <div className="ops-page">
        <PageHead title={name} under={UNDER} />
        {missing ? <NoQueue name={name} detail={problem.detail} /> : <NotYet problem={problem} retry={retry} />}
      </div>
    );
  }
  return (
    <div className="ops-page">
      <PageHead title={name} under={UNDER}>
        {!missing && <PauseControl queue={queue} onAnswer={onAnswer} />}
      </PageHead>
      {problem && !missing && <NoLonger problem={problem} retry={retry} />}
      {missing ? (
        // What was last known of it would be read as what is.
        <Gone name={name} />
      ) : (
        <>
          <QueueVerdict queue={queue} />
          <QueueFigures queue={queue} />
        </>
      )}
      <Panel title="Over time">
        <QueueCharts series={series} name={name} />
      </Panel>
      {!missing && <Settings queue={queue} onAnswer={onAnswer} />}
    </div>
  );
}

function Settings({ queue, onAnswer }: { queue: QueueView; onAnswer: (queue: QueueView) => void }) {
  return (
    <>
      <Panel title="Who serves it">
        <Serving queue={queue} />
      </Panel>
      <Panel title="Limits">
        <LimitsForm queue={queue} onAnswer={onAnswer} />
      </Panel>
      <Panel title="Busiest keys" aside={queue.busiest_keys.length > 0 && "most in progress, then most waiting"}>
        <BusiestKeys queue={queue} />
      </Panel>
    </>
  );
}

function QueueVerdict({ queue }: { queue: QueueView }) {
  const { tone, word, shape } = judgeQueue(queue);
  const held = heldSentence(queue);
  const { pause } = queue;
  const needsRunner = queue.runners_live === 0;
  return (
    <Verdict tone={tone} title={word} {...(shape === "pause" && { icon: icons.pause })}>
      {pause && (
        <p className="ops-verdict-why">
          It was paused <Time at={pause.since} />
          {pause.by && (
            <>
              {" by "}
              <Outside>{pause.by}</Outside>
            </>
          )}
          {pause.reason ? (
            <>
              {": "}
              <strong>
                <Outside>{pause.reason}</Outside>
              </strong>
            </>
          ) : (
            ". No reason was given."
          )}
        </p>
      )}
      {held && <p>{held}</p>}
      <p className="outside-text">{safeText(messageBesidePause(queue))}</p>
      {pause && <p className="muted">What is in progress goes on, and so do the deadlines of what waits.</p>}
      {needsRunner && <Command text={runnerCommand(queue.queue, thisServer())} />}
    </Verdict>
  );
}

function QueueFigures({ queue }: { queue: QueueView }) {
  const name = queue.queue;
  const { claim_latency_ms: claimed, last_minute: minute, limits } = queue;
  const oldest = spanMs(queue.oldest_age);
  return (
    <Figures label={`Figures of ${name}`}>
      <Figure
        label="Waiting"
        value={count(queue.depth)}
        href={executionsHref({ queue: name, phase: "pending" })}
        detail={queue.held > 0 ? `${count(queue.held)} of them held` : undefined}
      />
      <Figure label="Oldest" value={oldest === null ? "–" : age(oldest)} detail={oldest === null ? "nothing waits" : "since it was due"} />
      <Figure
        label="In progress"
        value={count(queue.in_progress)}
        href={executionsHref({ queue: name, phase: "in_progress" })}
        detail={limits.max_in_progress == null ? undefined : `of at most ${count(limits.max_in_progress)}`}
        {...(limits.max_in_progress != null && queue.in_progress >= limits.max_in_progress && { tone: "warn" as const })}
      />
      <Figure label="Scheduled" value={count(queue.scheduled)} detail="not yet due" />
      <Figure
        label="Claimed within"
        value={claimed.count === 0 ? "–" : latency(claimed.p50)}
        detail={claimed.count === 0 ? "nothing was claimed" : `p99 ${latency(claimed.p99)}, max ${latency(claimed.max)}`}
      />
      <Figure
        label="In the last minute"
        value={`${count(minute.ended)} ended`}
        detail={`${count(minute.entered)} came to wait, ${count(minute.claimed)} claimed`}
      />
      <Figure label="In all" value={`${count(queue.total.ended)} ended`} detail={`${counted(queue.total.claimed, "claim")} since it is known`} />
    </Figures>
  );
}

function Gone({ name }: { name: string }) {
  return (
    <Verdict tone="note" title="This queue is no more">
      <p>
        Nothing waits in {name}, nothing is set on it, and no runner that is known asks it. It is there again as soon as
        a runner asks it for work, or something is created in it, and this page shows it then by itself.
      </p>
      <Command text={runnerCommand(name, thisServer())} />
    </Verdict>
  );
}

function NoQueue({ name, detail }: { name: string; detail: string }) {
  const server = thisServer();
  return (
    <EmptyState title="There is no such queue now">
      <p className="outside-text muted">{safeText(detail)}</p>
      {isQueueName(name) ? (
        <>
          <p>It is there as soon as a runner asks it for work, or something is created in it:</p>
          <Command text={runnerCommand(name, server)} />
          <Command text={createCommand(name, server)} />
          <p className="muted">This page shows it then by itself.</p>
        </>
      ) : (
        <p>No queue can be called that: a name has 1 to 128 letters, digits, and _ . : - of ASCII.</p>
      )}
    </EmptyState>
  );
}
