// An execution that waits for a person: what it asks, and a form made from the schema of the answer.

import { memo, useEffect, useMemo, useRef, useState, type FormEvent } from "react";

import { api, executionPath, problemOf } from "../../api/http";
import type { Problem, Question } from "../../api/types";
import { Button, Countdown, ErrorState, icons, Json, safeText, Time, useToast } from "../../ui";
import { useExecution } from "../context";
import {
  answerOf,
  errorsAt,
  formOf,
  initialValues,
  type Errors,
  type FormField,
  type Values,
} from "../model/schema-form";
import { EventLink } from "../parts";
import { Controls } from "./controls";

export const Waiting = memo(function Waiting() {
  const { id, waiting, phase } = useExecution();
  if (phase !== "waiting" || !waiting) return null;
  return (
    <section className="x-waiting" aria-labelledby="x-waiting-title">
      <p className="x-waiting-what">
        {icons.info} It waits for an answer, asked <Time at={waiting.since} />
        <span className="x-waiting-due">
          answer due in <Countdown at={waiting.until} /> <EventLink seq={waiting.seq} />
        </span>
      </p>
      <h2 id="x-waiting-title" className="outside-text">
        <bdi>{safeText(waiting.prompt ?? "It did not say what it wants to know.")}</bdi>
      </h2>
      <AnswerForm key={waiting.seq} id={id} question={waiting} />
      <p className="muted">
        {waiting.hold
          ? "The runner keeps its lease meanwhile."
          : "No runner is held up meanwhile; it goes on as the next attempt."}
      </p>
    </section>
  );
});

/** Without a schema any JSON will do; most answers are words. */
const ANY: FormField = formOf({ type: "string", title: "Answer" });

function AnswerForm({ id, question }: { id: string; question: Question }) {
  const bare = question.schema === null || question.schema === undefined;
  const [asJson, setAsJson] = useState(false);
  const form = useMemo(
    () => (bare ? (asJson ? formOf({ title: "Answer" }) : ANY) : formOf(question.schema)),
    [bare, asJson, question.schema],
  );
  const [values, setValues] = useState<Values>(() => initialValues(form));
  const [errors, setErrors] = useState<Errors>(new Map());
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const toast = useToast();
  const change = (at: string, value: Values[string]) => {
    setValues((before) => ({ ...before, [at]: value }));
    // What is being mended is not called wrong.
    setErrors((before) => (before.has(at) ? new Map([...before].filter(([key]) => key !== at)) : before));
  };
  const element = useRef<HTMLFormElement>(null);
  const wrong = useRef(false);
  // Once what is wrong is drawn, the first of it has the focus.
  useEffect(() => {
    if (wrong.current && errors.size > 0) element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    wrong.current = false;
  }, [errors]);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const answer = answerOf(bare ? { ...form, required: false } : form, values);
    wrong.current = true;
    setErrors(answer.errors);
    setProblem(undefined);
    if (answer.errors.size > 0) return;
    setBusy(true);
    try {
      await api.post(executionPath(id, "resume"), {
        question: question.seq,
        ...(answer.input !== undefined && { input: answer.input }),
      });
      toast("Answered", "good");
    } catch (error) {
      const told = problemOf(error);
      const at = errorsAt(form, told.errors ?? []);
      wrong.current = true;
      setErrors(at);
      setProblem(at.size === 0 || at.has("") ? told : undefined);
      setBusy(false);
    }
  };
  const whole = form.kind !== "group";
  return (
    <form className="x-form" ref={element} noValidate onSubmit={(event) => void submit(event)}>
      <Controls
        form={whole && form.label === "" ? { ...form, label: "Answer" } : form}
        values={values}
        errors={errors}
        onChange={change}
      />
      {!whole && errors.has("") && <p className="field-error outside-text">{safeText(errors.get("") ?? "")}</p>}
      {bare && (
        <label className="x-check">
          <input type="checkbox" checked={asJson} onChange={(event) => setAsJson(event.target.checked)} /> The answer is
          JSON, not words
        </label>
      )}
      {problem && !problem.errors?.length && <ErrorState problem={problem} />}
      <div className="x-form-foot">
        <Button variant="primary" type="submit" icon={icons.check} disabled={busy}>
          {busy ? "Sending…" : "Send the answer"}
        </Button>
        {!bare && (
          <details className="x-schema">
            <summary>Its JSON Schema</summary>
            <Json value={question.schema} />
          </details>
        )}
      </div>
    </form>
  );
}
