// The head of the page: what it is, where it stands, who has it, and what can be done with it.

import { memo, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, executionPath, problemOf } from "../../api/http";
import { isFinal, type Created, type Execution } from "../../api/types";
import {
  Badge,
  Bar,
  Button,
  CopyButton,
  copyText,
  Elapsed,
  formatDuration,
  icons,
  PhaseBadge,
  phaseWord,
  plainWords,
  safeText,
  shortId,
  Time,
  useToast,
} from "../../ui";
import { useExecution } from "../context";
import { curlGet } from "../model/curl";
import { instant } from "../model/read";
import { CancelDialog } from "./cancel";

export const Header = memo(function Header() {
  const execution = useExecution();
  const { phase, name, id } = execution;
  useTitle(`${safeText(name)}: ${phaseWord(phase).toLowerCase()}`);
  return (
    <header className="x-head">
      <div className="x-head-top">
        <div className="x-title">
          <Link href="/" className="x-back" aria-label="Back to all executions">
            {icons.left}
          </Link>
          <Badge>{execution.kind}</Badge>
          <h1>
            <bdi className="outside-text">{safeText(name)}</bdi>
          </h1>
          <PhaseBadge phase={phase} />
          {execution.reason && <span className="x-reason">{plainWords(execution.reason)}</span>}
          {execution.cancel && !isFinal(phase) && (
            <Badge tone="warn" icon={icons.stop}>
              cancelling
            </Badge>
          )}
        </div>
        <Actions execution={execution} />
      </div>
      <Facts execution={execution} />
      <ProgressLine execution={execution} />
      <p className="visually-hidden" role="status">
        {`${safeText(name)} is ${phaseWord(phase).toLowerCase()}${execution.reason ? `, ${plainWords(execution.reason)}` : ""}.`}
      </p>
      <span className="visually-hidden" data-execution={id} data-phase={phase} />
    </header>
  );
});

function useTitle(title: string): void {
  useEffect(() => {
    const before = document.title;
    document.title = `${title} – Heartline`;
    return () => {
      document.title = before;
    };
  }, [title]);
}

function Facts({ execution }: { execution: Execution }) {
  const { id, runner, attempt, max_attempts: most, phase, waiting } = execution;
  // Between two attempts it is with no runner.
  const left = phase === "pending" || (phase === "waiting" && waiting?.hold === false);
  const labels = Object.entries(execution.labels);
  return (
    <ul className="x-facts">
      <li className="x-id">
        <code title={id}>
          <span className="x-id-long">{id}</span>
          <span className="x-id-short">{shortId(id)}</span>
        </code>
        <CopyButton text={id} label="Copy the id" />
      </li>
      <li>
        {attempt === 0 ? "not begun" : "attempt "}
        {attempt > 0 && <strong className="num">{attempt}</strong>}
        {attempt > 0 && attempt <= most && ` of ${most}`}
      </li>
      {runner && (
        <li title={safeText([runner.host, runner.pid && `pid ${runner.pid}`, runner.version].filter(Boolean).join(", "))}>
          {left ? "last runner" : "runner"}{" "}
          <Link href={`/runners/${encodeURIComponent(runner.id)}`}>
            <bdi>{safeText(runner.name ?? runner.id)}</bdi>
          </Link>
          {runner.host && <bdi className="muted"> on {safeText(runner.host)}</bdi>}
        </li>
      )}
      <li>
        queue <Link href={`/queues/${encodeURIComponent(execution.queue)}`}>{execution.queue}</Link>
      </li>
      <li>
        created <Time at={execution.created_at} />
      </li>
      <Timing execution={execution} />
      {execution.retry_of && (
        <li>
          retry of{" "}
          <Link href={`/executions/${execution.retry_of}`} className="mono">
            {shortId(execution.retry_of)}
          </Link>
        </li>
      )}
      {execution.parent_id && (
        <li>
          child of{" "}
          <Link href={`/executions/${execution.parent_id}`} className="mono">
            {shortId(execution.parent_id)}
          </Link>
        </li>
      )}
      {labels.map(([key, value]) => (
        <li key={key}>
          <Link
            href={`/?label=${encodeURIComponent(`${key}:${value}`)}`}
            className="x-label"
            title="Others with this label"
          >
            <bdi>{safeText(key)}</bdi>: <bdi>{safeText(value)}</bdi>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Timing({ execution }: { execution: Execution }) {
  const { created_at: created, started_at: started, finished_at: finished } = execution;
  if (!started)
    return finished ? (
      <li>
        never started, ended <Time at={finished} />
      </li>
    ) : null;
  const queued = instant(started) - instant(created);
  return (
    <>
      <li title={`It was in its queue for ${formatDuration(queued)}`}>
        started <Time at={started} />
      </li>
      {finished && (
        <li>
          ended <Time at={finished} />
        </li>
      )}
      <li>
        {finished ? "took" : execution.phase === "in_progress" ? "runs for" : "under way for"}{" "}
        <strong>
          <Elapsed from={started} to={finished ?? null} />
        </strong>
      </li>
    </>
  );
}

function ProgressLine({ execution }: { execution: Execution }) {
  const { progress, phase } = execution;
  if (!progress || (typeof progress.fraction !== "number" && !progress.message)) return null;
  const { fraction, message } = progress;
  return (
    <div className="x-progress" data-over={isFinal(phase) || undefined}>
      {typeof fraction === "number" && (
        <>
          <Bar value={fraction} label={isFinal(phase) ? "Last progress" : "Progress"} />
          <span className="num">{Math.round(fraction * 100)} %</span>
        </>
      )}
      {message && (
        <bdi className="outside-text clip" title={safeText(message)}>
          {safeText(message)}
        </bdi>
      )}
    </div>
  );
}

function Actions({ execution }: { execution: Execution }) {
  const { id, phase, cancel } = execution;
  const [cancelling, setCancelling] = useState(false);
  const [busy, setBusy] = useState(false);
  const [, navigate] = useLocation();
  const toast = useToast();
  const over = isFinal(phase);
  const retry = async () => {
    setBusy(true);
    try {
      const { execution: made, dispatch } = await api.post<Created>(executionPath(id, "retry"));
      toast(
        <>
          Tried again as <code>{shortId(made.id)}</code>. {safeText(dispatch.message)}
        </>,
        dispatch.verdict === "ready" ? "good" : "warn",
      );
      navigate(`/executions/${made.id}`);
    } catch (error) {
      toast(`It could not be tried again: ${problemOf(error).detail}`, "bad");
    } finally {
      setBusy(false);
    }
  };
  const curl = async () => {
    const done = await copyText(curlGet(location.origin, executionPath(id)));
    toast(
      done ? "Copied a curl command that reads this execution" : "The browser did not let it be copied",
      done ? "good" : "bad",
    );
  };
  return (
    <div className="x-actions">
      {!over && (
        <Button variant="danger" icon={icons.stop} onClick={() => setCancelling(true)}>
          {cancel ? "Cancel sooner" : "Cancel"}
        </Button>
      )}
      {over && (
        <Button
          icon={icons.retry}
          onClick={() => void retry()}
          disabled={busy}
          variant={phase === "failed" ? "primary" : "plain"}
        >
          {phase === "completed" ? "Run again" : "Retry"}
        </Button>
      )}
      <Button icon={icons.copy} onClick={() => void curl()} title="Copy a curl command that reads this execution">
        Copy as curl
      </Button>
      {cancelling && <CancelDialog execution={execution} onClose={() => setCancelling(false)} />}
    </div>
  );
}
