// What it was given, what it made, and what it keeps: input, output, shared state, things to do, tasks,
// artifacts, and the application's own values.

import { memo, useMemo } from "react";

import { isFinal } from "../../api/types";
import { CopyButton, Json, safeHref, SafeLink, safeText, Time } from "../../ui";
import { useExecution, useShown, useVersion } from "../context";
import { curlPost } from "../model/curl";
import type { Artifact, Task, Todo } from "../model/items";
import { ARTIFACTS, CUSTOM, TASKS, TODOS } from "../model/ledger";
import { AGENT_STATE } from "../model/transcript";
import { EventLink, Section, StatusBadge, Text, Value } from "../parts";
import { Terms } from "./terms";

export default function StatePane() {
  return (
    <div className="x-pane x-state">
      <Output />
      <Input />
      <Todos />
      <Tasks />
      <Artifacts />
      <SharedState />
      <Customs />
      <Terms />
    </div>
  );
}

const copyJson = (value: unknown) => <CopyButton text={() => JSON.stringify(value, null, 2)} label="Copy as JSON" shown />;

function Output() {
  const { output, phase, answer } = useExecution();
  const none = output === null || output === undefined;
  return (
    <>
      <Section title="Output" end={!none && copyJson(output)}>
        {none ? (
          <p className="muted">{isFinal(phase) ? "It left no output." : "No output yet."}</p>
        ) : (
          <Value value={output} open={3} />
        )}
      </Section>
      {answer !== null && answer !== undefined && (
        <Section title="Last answer of a person" end={copyJson(answer)}>
          <Value value={answer} open={3} />
        </Section>
      )}
    </>
  );
}

function Input() {
  const execution = useExecution();
  const { input } = execution;
  const again = () => {
    const { kind, name, queue, labels, priority } = execution;
    return curlPost(location.origin, "/v1/executions", { kind, name, queue, input, labels, priority });
  };
  const none = input === null || input === undefined;
  return (
    <Section
      title="Input"
      end={
        <>
          {!none && copyJson(input)}
          <CopyButton text={again} label="Copy curl to create another" shown />
        </>
      }
    >
      {none ? <p className="muted">It was given no input.</p> : <Value value={input} open={3} />}
    </Section>
  );
}

function Todos() {
  useVersion(TODOS);
  const todos = [...useShown().model.transcript.ledger.todos.values()];
  if (todos.length === 0) return null;
  const done = todos.filter((todo) => todo.status === "completed").length;
  return (
    <Section title={`To do: ${done} of ${todos.length} done`}>
      <ul className="x-list">
        {todos.map((todo) => (
          <TodoRow key={todo.id} todo={todo} />
        ))}
      </ul>
    </Section>
  );
}

/** Replaced as a whole when it changes. */
const TodoRow = memo(function TodoRow({ todo }: { todo: Todo }) {
  return (
    <li data-status={todo.status}>
      <StatusBadge status={todo.status} />
      <bdi className="outside-text x-list-what">{safeText(todo.content)}</bdi>
      <span className="x-when">
        <Time at={todo.time} /> <EventLink seq={todo.seq} />
      </span>
    </li>
  );
});

function Tasks() {
  useVersion(TASKS);
  const tasks = [...useShown().model.transcript.ledger.tasks.values()];
  if (tasks.length === 0) return null;
  const done = tasks.filter((task) => task.status === "completed").length;
  return (
    <Section title={`Tasks: ${done} of ${tasks.length} completed`}>
      <ul className="x-list">
        {tasks.map((task) => (
          <TaskRow key={task.id} task={task} />
        ))}
      </ul>
    </Section>
  );
}

const TaskRow = memo(function TaskRow({ task }: { task: Task }) {
  const parts = (
    [
      ["input", task.input],
      ["output", task.output],
      ["error", task.error],
    ] as const
  ).filter(([, value]) => value !== undefined);
  return (
    <li data-status={task.status}>
      <StatusBadge status={task.status} />
      <span className="x-list-what">
        <bdi className="outside-text">{safeText(task.name)}</bdi>
        {task.type && <code className="muted outside-text x-task-type">{safeText(task.type)}</code>}
      </span>
      <span className="x-when">
        <Time at={task.time} /> <EventLink seq={task.seq} />
      </span>
      {parts.map(([name, value]) => (
        <div key={name} className="x-io x-list-more" data-bad={name === "error" || undefined}>
          <span className="x-io-name">{name}</span>
          <div className="x-io-what">
            <Value value={value} open={1} />
          </div>
        </div>
      ))}
    </li>
  );
});

function Artifacts() {
  useVersion(ARTIFACTS);
  const artifacts = [...useShown().model.transcript.ledger.artifacts.values()];
  if (artifacts.length === 0) return null;
  return (
    <Section title={`Artifacts: ${artifacts.length}`}>
      <ul className="x-list">
        {artifacts.map((artifact) => (
          <ArtifactRow key={artifact.id} artifact={artifact} />
        ))}
      </ul>
    </Section>
  );
}

const ArtifactRow = memo(function ArtifactRow({ artifact }: { artifact: Artifact }) {
  const { url, text } = artifact;
  return (
    <li>
      <span className="x-list-what">
        <strong>
          <bdi className="outside-text">{safeText(artifact.name)}</bdi>
        </strong>{" "}
        <code className="muted">{safeText(artifact.mimeType)}</code>
      </span>
      <span className="x-when">
        <Time at={artifact.time} /> <EventLink seq={artifact.seq} />
      </span>
      <div className="x-list-more">
        {url !== undefined && (
          <p>
            <SafeLink href={url} />
            {safeHref(url) === undefined && <span className="muted"> – not a web address, so not a link</span>}
          </p>
        )}
        {text !== undefined && (
          <>
            <Text text={text} className="x-artifact" />
            <CopyButton text={text} label="Copy the text" shown />
          </>
        )}
      </div>
    </li>
  );
});

function SharedState() {
  useVersion(AGENT_STATE);
  const state = useShown().model.transcript.agentState;
  if (state === undefined) return null;
  return (
    <Section title="Shared state" end={copyJson(state)}>
      <Json value={state} open={3} />
    </Section>
  );
}

function Customs() {
  const version = useVersion(CUSTOM);
  const { ledger } = useShown().model.transcript;
  const customs = useMemo(() => [...ledger.custom.values()], [ledger, version]);
  if (customs.length === 0) return null;
  return (
    <Section title="The application's own events, the latest of each">
      <ul className="x-list">
        {customs.map((custom) => (
          <li key={custom.name}>
            <code className="x-list-what">{safeText(custom.name)}</code>
            <span className="x-when">
              <Time at={custom.time} /> <EventLink seq={custom.seq} />
            </span>
            <div className="x-list-more">
              <Value value={custom.value} open={1} />
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}
