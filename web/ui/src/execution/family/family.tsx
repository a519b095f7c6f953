// Where it belongs: its parent and its children, what it is a retry of, and what was tried after it.

import { useEffect, useMemo, useState } from "react";
import { Link } from "wouter";

import { api, executionPath, problemOf } from "../../api/http";
import { isFinal, type Execution, type ListFilter, type Problem } from "../../api/types";
import { useLive } from "../../live/context";
import {
  Command,
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
import { Reading, Section } from "../parts";
import { childrenOf, NONE, NOT_KNOWN, Relatives, retriesOf, type Found } from "./relatives";

/** The newest of each kind that are listed. */
const MOST = 200;

export default function Family() {
  const { id, parent_id: parent, retry_of: retryOf, phase } = useExecution();
  const over = isFinal(phase);
  const children = useRelatives(useMemo(() => childrenOf(id), [id]));
  // Only what is over can be tried again.
  const retries = useRelatives(useMemo(() => (over ? retriesOf(id) : undefined), [id, over]));
  const related = Boolean(parent) || Boolean(retryOf);
  const alone = !related && children.rows?.length === 0 && retries.rows?.length === 0;
  const known = (found: Found) => found.rows !== undefined || found.problem !== undefined;
  if (!related && !(known(children) && known(retries))) return <Reading what="its family" />;
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
      <Section title={titleOf("Children", children)}>
        <Rows {...children} none="It has no children." />
      </Section>
      {over && (
        <Section title={titleOf("Tried again as", retries)}>
          <Rows {...retries} none="It was not tried again." />
        </Section>
      )}
    </div>
  );
}

function titleOf(title: string, { rows, more }: Found): string {
  if (!rows?.length) return title;
  return more ? `${title}: the newest ${rows.length}` : `${title}: ${rows.length}`;
}

/** Live: one that is created while the page is open appears. Without a filter there are none. */
function useRelatives(filter: ListFilter | undefined): Found {
  const live = useLive();
  const [held, hold] = useState<{ filter: ListFilter | undefined; found: Found }>({ filter: undefined, found: NONE });
  useEffect(() => {
    if (!filter) return;
    const relatives = new Relatives();
    const show = () => hold({ filter, found: relatives.found() });
    return live.list(filter, MOST, {
      onBegin: () => (relatives.begin(), show()),
      onChanges: (changes) => (relatives.take(changes), show()),
      onListed: (next) => (relatives.end(next), show()),
      onProblem: (problem) => (relatives.fail(problem), show()),
    });
  }, [live, filter]);
  // What was found for the filter before is not shown under this one.
  if (!filter) return NONE;
  return held.filter === filter ? held.found : NOT_KNOWN;
}

function Rows({ rows, problem, none }: Found & { none: string }) {
  if (!rows && !problem) return <Skeleton lines={2} />;
  return (
    <>
      {problem && <ErrorState problem={problem} />}
      {rows?.length === 0 && !problem && <p className="muted">{none}</p>}
      {rows && rows.length > 0 && (
        <ul className="x-list">
          {rows.map((execution) => (
            <Row key={execution.id} execution={execution} />
          ))}
        </ul>
      )}
    </>
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
