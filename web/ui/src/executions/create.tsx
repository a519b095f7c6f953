// The form that creates an execution. Before: who could take it now. After: the server's verdict.

import { useEffect, useRef, useState, type FormEvent } from "react";
import { Link } from "wouter";

import { api, problemOf } from "../api/http";
import type { Created, Kind, Problem, QueuesView } from "../api/types";
import { useResource } from "../live/context";
import { Button, Command, Dialog, ErrorState, Field, icons, Outside, Select, shortId } from "../ui";
import { bodyOf, concernsMore, defaultQueue, EMPTY, placeErrors, TIMEOUTS, type Draft, type Errors } from "./create-form";
import { QueueVerdict, Verdict } from "./verdict";

/** The same for the same form, so that a repeated try does not create twice. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export default function CreateDialog({ queue, onClose }: { queue?: string | undefined; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>({ ...EMPTY, queue: queue ?? "" });
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<Problem>();
  const [more, setMore] = useState(false);
  const [sending, setSending] = useState(false);
  const [created, setCreated] = useState<Created>();
  const key = useRef({ of: "", key: "" });
  const form = useRef<HTMLFormElement>(null);

  const show = (fields: Errors) => {
    setErrors(fields);
    if (concernsMore(fields)) setMore(true);
  };
  // Once what is wrong is drawn.
  useEffect(() => {
    if (Object.keys(errors).length > 0) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [errors]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (sending) return;
    setProblem(undefined);
    const made = bodyOf(draft);
    if ("errors" in made) {
      show(made.errors);
      return;
    }
    setErrors({});
    setSending(true);
    const text = JSON.stringify(made.body);
    if (key.current.of !== text) key.current = { of: text, key: newKey() };
    try {
      setCreated(await api.post<Created>("/v1/executions", made.body, { "idempotency-key": key.current.key }));
    } catch (error) {
      const refused = problemOf(error);
      const { fields, rest } = placeErrors(refused.errors ?? []);
      const placed = Object.keys(fields).length > 0;
      if (!placed || rest.length > 0) setProblem({ ...refused, errors: rest });
      if (placed) show(fields);
    } finally {
      setSending(false);
    }
  };

  if (created) {
    const again = () => {
      key.current = { of: "", key: "" };
      setCreated(undefined);
    };
    return <CreatedDialog created={created} onAgain={again} onClose={onClose} />;
  }
  const foot = (
    <>
      <Button onClick={onClose}>Leave it</Button>
      <Button variant="primary" type="submit" form="create" disabled={sending}>
        {sending ? "Creating…" : "Create"}
      </Button>
    </>
  );
  return (
    <Dialog title="Create an execution" onClose={onClose} foot={foot}>
      <form id="create" ref={form} className="stack" noValidate onSubmit={(event) => void submit(event)}>
        {problem && <ErrorState problem={problem} />}
        <Basics draft={draft} errors={errors} onChange={(change) => setDraft({ ...draft, ...change })} />
        <QueueVerdict queue={draft.queue.trim() || defaultQueue(draft.kind)} />
        <details open={more} onToggle={(event) => setMore(event.currentTarget.open)}>
          <summary>Priority, delay, retries, timeouts</summary>
          <More draft={draft} errors={errors} onChange={(change) => setDraft({ ...draft, ...change })} />
        </details>
      </form>
    </Dialog>
  );
}

type PartProps = { draft: Draft; errors: Errors; onChange: (change: Partial<Draft>) => void };

function Basics({ draft, errors, onChange }: PartProps) {
  const queues = useResource<QueuesView>("/v1/queues").data?.queues ?? [];
  return (
    <>
      <div className="two">
        <Field label="Kind" error={errors["/kind"]}>
          {(control) => (
            <Select
              {...control}
              value={draft.kind}
              onChange={(kind) => onChange({ kind: kind as Kind })}
              options={[
                { value: "agent", label: "agent" },
                { value: "workflow", label: "workflow" },
              ]}
            />
          )}
        </Field>
        <Field label="Queue" error={errors["/queue"]}>
          {(control) => (
            <>
              <input
                {...control}
                className="input"
                list="create-queues"
                placeholder={defaultQueue(draft.kind)}
                value={draft.queue}
                onChange={(event) => onChange({ queue: event.target.value })}
              />
              <datalist id="create-queues">
                {queues.map(({ queue }) => (
                  <option key={queue} value={queue} />
                ))}
              </datalist>
            </>
          )}
        </Field>
      </div>
      <Field label="Name" hint="What the runner is to do, as it knows it." error={errors["/name"]}>
        {(control) => (
          <input {...control} className="input" data-autofocus required value={draft.name} onChange={(event) => onChange({ name: event.target.value })} />
        )}
      </Field>
      <Field label="Input" hint="JSON, handed to the runner as it is. May be left empty." error={errors["/input"]}>
        {(control) => (
          <textarea
            {...control}
            className="textarea"
            rows={6}
            spellCheck={false}
            placeholder='{"text": "…"}'
            value={draft.input}
            onChange={(event) => onChange({ input: event.target.value })}
          />
        )}
      </Field>
      <Field label="Labels" hint="key=value, one a line." error={errors["/labels"]}>
        {(control) => (
          <textarea
            {...control}
            className="textarea"
            rows={2}
            spellCheck={false}
            placeholder="team=search"
            value={draft.labels}
            onChange={(event) => onChange({ labels: event.target.value })}
          />
        )}
      </Field>
    </>
  );
}

function More({ draft, errors, onChange }: PartProps) {
  const text = (label: string, pointer: string, field: keyof Draft, placeholder: string, hint?: string) => (
    <Field label={label} hint={hint} error={errors[pointer]}>
      {(control) => (
        <input
          {...control}
          className="input"
          placeholder={placeholder}
          value={draft[field] as string}
          onChange={(event) => onChange({ [field]: event.target.value })}
        />
      )}
    </Field>
  );
  return (
    <div className="stack more">
      <div className="two">
        {text("Priority", "/priority", "priority", "0", "Higher goes first.")}
        {text("Concurrency key", "/concurrency_key", "concurrencyKey", "none", "A queue can limit how many of one key run.")}
        {text("Delay", "/delay", "delay", "none", "Such as 30s or 1h30m.")}
        {text("Attempts in all", "/retry/max_attempts", "maxAttempts", "1")}
        {text("First backoff", "/retry/initial_backoff", "initialBackoff", "1s")}
        {text("Backoff factor", "/retry/factor", "factor", "2")}
        {text("Longest backoff", "/retry/max_backoff", "maxBackoff", "1m")}
      </div>
      <fieldset>
        <legend>Timeouts</legend>
        <div className="two">
          {TIMEOUTS.map(([key, label, placeholder, hint]) => (
            <Field key={key} label={label} hint={hint} error={errors[`/timeouts/${key}`]}>
              {(control) => (
                <input
                  {...control}
                  className="input"
                  placeholder={placeholder}
                  value={draft.timeouts[key] ?? ""}
                  onChange={(event) => onChange({ timeouts: { ...draft.timeouts, [key]: event.target.value } })}
                />
              )}
            </Field>
          ))}
        </div>
      </fieldset>
    </div>
  );
}

function CreatedDialog({ created, onAgain, onClose }: { created: Created; onAgain: () => void; onClose: () => void }) {
  const { execution, dispatch } = created;
  const foot = (
    <>
      <Button onClick={onAgain}>Create another</Button>
      <Link href={`/executions/${execution.id}`} className="button" data-variant="primary" data-autofocus>
        {icons.right}
        Open it
      </Link>
    </>
  );
  return (
    <Dialog title="Created" onClose={onClose} foot={foot}>
      <div className="stack">
        <p>
          <Outside>{execution.name}</Outside> <code title={execution.id}>{shortId(execution.id)}</code> is in queue{" "}
          <strong>{execution.queue}</strong>.
        </p>
        <Verdict dispatch={dispatch} after />
        {dispatch.verdict !== "ready" && dispatch.verdict !== "paused" && (
          <>
            <p className="muted">A runner for this queue is one command away:</p>
            <Command text={`heartline runner --server ${location.origin} --queue ${execution.queue} -- ./your-command.sh`} />
          </>
        )}
      </div>
    </Dialog>
  );
}

