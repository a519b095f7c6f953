// Where it belongs: its parent and its children, what it is a retry of, and what was tried after it.

import { useEffect, useState } from "react";
import { Link } from "wouter";

import { api, executionPath, problemOf } from "../../api/http";
import { isFinal, type Execution, type ExecutionPage, type Problem } from "../../api/types";
import { useLive } from "../../live/context";
import {
  Command,
  count,
  EmptyState,
  ErrorState,
  PhaseBadge,
  plainWords,
  safeText,
  shortId,
  Skeleton,
  Time,
} from "../../ui";
import { useExecution } from "../context";
import { Section } from "../parts";

const CHILDREN = 200;
const RETRIES = 200;

export default function Family() {
  const { id, name, created_at: created, parent_id: parent, retry_of: retryOf, phase } = useExecution();
  const children = useChildren(id);
  const retries = useRetries(id, name, created, isFinal(phase));
  const alone = !parent && !retryOf && children.rows?.length === 0 && retries.rows?.length === 0;
  if (alone) {
    return (
      <EmptyState title="It stands alone">
        <p className="muted">
          No parent, no children, and no other try. A runner that creates executions of its own names this one as their
          parent:
        </p>
        <Command
          text={`curl -s ${location.origin}/v1/executions -H 'content-type: application/json' -d '{"kind":"agent","name":"NAME","parent_id":"${id}"}'`}
        />
      </EmptyState>
    );
  }
  return (
    <div className="x-pane x-family">
      {parent && (
        <Section title="Parent">
          <One id={parent} />
        </Section>
      )}
      {retryOf && (
        <Section title="It is a retry of">
          <One id={retryOf} />
        </Section>
      )}
      <Section
        title={`Children${children.rows?.length ? `: ${children.rows.length}${children.more ? " of more" : ""}` : ""}`}
      >
        <Rows {...children} none="It has no children." />
        {children.more && <p className="muted">These are the newest {count(CHILDREN, "child", "children")}.</p>}
      </Section>
      <Section title="Tried again as">
        <Rows
          {...retries}
          none={
            retries.more
              ? `None of the newest ${RETRIES} executions of this name is a retry of it.`
              : "It was not tried again."
          }
        />
      </Section>
    </div>
  );
}

interface Found {
  rows: readonly Execution[] | undefined;
  problem: Problem | undefined;
  more: boolean;
}

const NOTHING: Found = { rows: undefined, problem: undefined, more: false };

/** Live: a child that is created while the page is open appears. */
function useChildren(parent: string): Found {
  const live = useLive();
  const [found, setFound] = useState(NOTHING);
  useEffect(() => {
    const rows = new Map<string, Execution>();
    const show = (more?: boolean) =>
      setFound((before) => ({
        rows: [...rows.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1)),
        problem: undefined,
        more: more ?? before.more,
      }));
    return live.list({ parent }, CHILDREN, {
      onBegin: () => rows.clear(),
      onChanges: (changes) => {
        for (const change of changes) {
          if (change.turn === "leave") rows.delete(change.id);
          else rows.set(change.execution.id, change.execution);
        }
        show();
      },
      onListed: (next) => show(next !== null),
      onProblem: (problem) => setFound({ rows: undefined, problem, more: false }),
    });
  }, [live, parent]);
  return found;
}

/** A retry has the name of what it tries again, and came after it. */
function useRetries(id: string, name: string, since: string, over: boolean): Found {
  const [found, setFound] = useState(NOTHING);
  useEffect(() => {
    // Only what is over can be tried again.
    if (!over) {
      setFound({ ...NOTHING, rows: [] });
      return;
    }
    const controller = new AbortController();
    api
      .get<ExecutionPage>("/v1/executions", { name, since, limit: RETRIES }, { signal: controller.signal })
      .then((page) =>
        setFound({
          rows: page.executions.filter((each) => each.retry_of === id),
          problem: undefined,
          more: Boolean(page.next_cursor),
        }),
      )
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setFound({ ...NOTHING, problem: problemOf(error) });
      });
    return () => controller.abort();
  }, [id, name, since, over]);
  return found;
}

function Rows({ rows, problem, none }: Found & { none: string }) {
  if (problem) return <ErrorState problem={problem} />;
  if (!rows) return <Skeleton lines={2} />;
  if (rows.length === 0) return <p className="muted">{none}</p>;
  return (
    <ul className="x-list">
      {rows.map((execution) => (
        <Row key={execution.id} execution={execution} />
      ))}
    </ul>
  );
}

function Row({ execution }: { execution: Execution }) {
  const { id, name, phase, reason } = execution;
  return (
    <li>
      <PhaseBadge phase={phase} />
      <span className="x-list-what">
        <Link href={`/executions/${id}`}>
          <bdi className="outside-text">{safeText(name)}</bdi>
        </Link>{" "}
        <code className="muted" title={id}>
          {shortId(id)}
        </code>
        {reason && <span className="muted"> {plainWords(reason)}</span>}
      </span>
      <span className="x-when">
        created <Time at={execution.created_at} />
      </span>
    </li>
  );
}

function One({ id }: { id: string }) {
  const [found, setFound] = useState<Execution>();
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    const controller = new AbortController();
    api
      .get<Execution>(executionPath(id), undefined, { signal: controller.signal })
      .then(setFound)
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setProblem(problemOf(error));
      });
    return () => controller.abort();
  }, [id]);
  if (problem) {
    return (
      <p>
        <code>{id}</code>{" "}
        <span className="muted">{problem.status === 404 ? "is not here any more." : problem.detail}</span>
      </p>
    );
  }
  if (!found) return <Skeleton />;
  return (
    <ul className="x-list">
      <Row execution={found} />
    </ul>
  );
}
