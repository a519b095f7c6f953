// The limits of a queue, to be changed. What the server refuses stands at the field it refuses.

import { useState } from "react";

import { problemOf } from "../api/http";
import type { Problem, QueueView } from "../api/types";
import { Button, ErrorState, Field, IconButton, icons, Select, useToast } from "../ui";
import { listed } from "./figures";
import { limitsText, limitWords, placeErrors, readLimits, UNITS, usualBurst, type Limits, type LimitsText, type RateText, type Unit, type Wrong } from "./limits";
import { updateQueue } from "./pause";

const UNIT_OPTIONS = UNITS.map(({ unit, word }) => ({ value: unit, label: `a ${word}`.replace("a hour", "an hour") }));

interface Typed {
  text: LimitsText;
  /** The limits on which the typing began. */
  on: Limits;
}

const same = (a: Limits, b: Limits): boolean => JSON.stringify(limitsText(a)) === JSON.stringify(limitsText(b));

export function LimitsForm({ queue, onAnswer }: { queue: QueueView; onAnswer: (queue: QueueView) => void }) {
  const [typed, setTyped] = useState<Typed>();
  const [busy, setBusy] = useState(false);
  const [checked, setChecked] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const toast = useToast();
  const now = queue.limits;
  const text = typed?.text ?? limitsText(now);
  const read = readLimits(text, now);
  const nothing = "value" in read && Object.keys(read.value).length === 0;
  const placed = placeErrors(problem?.errors ?? []);
  // What is wrong is said once somebody wanted to set it, not while they type the first time.
  const wrong: Wrong = { ...placed.wrong, ...(checked && "wrong" in read ? read.wrong : {}) };
  const set = (change: Partial<LimitsText>) => {
    setTyped((before) => ({ text: { ...(before?.text ?? limitsText(now)), ...change }, on: before?.on ?? now }));
    setProblem(undefined);
  };
  const reset = () => {
    setTyped(undefined);
    setProblem(undefined);
    setChecked(false);
  };
  const send = async () => {
    setChecked(true);
    if (!("value" in read) || nothing) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await updateQueue(queue.queue, read.value);
      reset();
      onAnswer(answer);
      const words = limitWords(answer.limits);
      toast(words.length === 0 ? `Queue ${queue.queue} has no limits now.` : `Queue ${queue.queue}: ${listed(words)}.`, "good");
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  const words = limitWords(now);
  return (
    <form
      className="ops-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <p>{words.length === 0 ? "No limits are set." : `Now: ${listed(words)}.`}</p>
      {typed && !same(typed.on, now) && (
        <p className="ops-note" data-tone="warn" role="status">
          {icons.warning}
          <span>The limits were changed meanwhile, by somebody else. What you typed stands here still.</span>
          <Button onClick={reset}>Take theirs</Button>
        </p>
      )}
      <div className="ops-limits">
      <fieldset>
        <legend>The queue</legend>
        <Whole label="In progress at once" value={text.max_in_progress} error={wrong["/max_in_progress"]} onChange={(max_in_progress) => set({ max_in_progress })} />
        <Rate pointer="/rate" value={text.rate} wrong={wrong} onChange={(rate) => set({ rate })} />
      </fieldset>
      <fieldset>
        <legend>Each concurrency key</legend>
        <Whole label="In progress at once" value={text.key_max_in_progress} error={wrong["/key_max_in_progress"]} onChange={(key_max_in_progress) => set({ key_max_in_progress })} />
        <Rate pointer="/key_rate" value={text.key_rate} wrong={wrong} onChange={(key_rate) => set({ key_rate })} />
      </fieldset>
      </div>
      {problem && Object.keys(placed.wrong).length === 0 && <ErrorState problem={problem} />}
      {placed.rest.map((message) => (
        <p key={message} className="field-error">
          {message}
        </p>
      ))}
      <div className="ops-form-foot">
        <Button variant="primary" type="submit" disabled={busy || nothing}>
          {busy ? "Setting…" : "Set limits"}
        </Button>
        {typed && !nothing && <Button onClick={reset}>Undo</Button>}
        <span className="field-hint">An empty field is no limit.</span>
      </div>
    </form>
  );
}

function Clear({ what, shown, onClear }: { what: string; shown: boolean; onClear: () => void }) {
  if (!shown) return null;
  return <IconButton label={`No limit for ${what}`} icon={icons.close} onClick={onClear} />;
}

function Whole({ label, value, error, onChange }: { label: string; value: string; error: string | undefined; onChange: (value: string) => void }) {
  return (
    <Field label={label} error={error}>
      {(control) => (
        <div className="ops-rate">
          <input className="input num" inputMode="numeric" autoComplete="off" placeholder="no limit" value={value} onChange={(event) => onChange(event.target.value)} {...control} />
          <Clear what="how many are in progress" shown={value !== ""} onClear={() => onChange("")} />
        </div>
      )}
    </Field>
  );
}

function Rate({ pointer, value, wrong, onChange }: { pointer: string; value: RateText; wrong: Wrong; onChange: (value: RateText) => void }) {
  const seconds = UNITS.find((known) => known.unit === value.unit)?.seconds ?? 1;
  const often = Number(value.count);
  const usual = value.count.trim() !== "" && often > 0 ? String(usualBurst(often / seconds)) : "1";
  return (
    <>
      <Field label="Claims" error={wrong[`${pointer}/per_second`]}>
        {(control) => (
          <div className="ops-rate">
            <input
              className="input num"
              inputMode="decimal"
              autoComplete="off"
              placeholder="no limit"
              value={value.count}
              onChange={(event) => onChange({ ...value, count: event.target.value })}
              {...control}
            />
            <Select
              aria-label="Claims in how much time"
              value={value.unit}
              options={UNIT_OPTIONS}
              onChange={(next) => onChange({ ...value, unit: next as Unit })}
            />
            <Clear what="how fast claims come" shown={value.count !== "" || value.burst !== ""} onClear={() => onChange({ ...value, count: "", burst: "" })} />
          </div>
        )}
      </Field>
      <Field label="At once after a quiet time" error={wrong[`${pointer}/burst`]}>
        {(control) => (
          <input
            className="input num"
            inputMode="numeric"
            autoComplete="off"
            placeholder={usual}
            value={value.burst}
            onChange={(event) => onChange({ ...value, burst: event.target.value })}
            {...control}
          />
        )}
      </Field>
    </>
  );
}
