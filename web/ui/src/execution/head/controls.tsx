// The controls of a form that was made from a JSON Schema. Labels and hints come from the runner, so
// they are shown as text.

import { safeText, Field, Json, type FieldControl } from "../../ui";
import { pointerOf, type Errors, type FormField, type Rules, type Values } from "../model/schema-form";

interface Props {
  form: FormField;
  values: Values;
  errors: Errors;
  onChange: (at: string, value: Values[string]) => void;
}

export function Controls({ form, values, errors, onChange }: Props) {
  if (form.kind === "group") {
    const inner = form.fields.map((each) => (
      <Controls key={pointerOf(each.path)} form={each} values={values} errors={errors} onChange={onChange} />
    ));
    if (form.path.length === 0) return <div className="x-controls">{inner}</div>;
    return (
      <fieldset className="x-group">
        <legend>
          {safeText(form.label)}
          {!form.required && <span className="muted"> (optional)</span>}
        </legend>
        {form.description && <p className="field-hint outside-text">{safeText(form.description)}</p>}
        <div className="x-controls">{inner}</div>
      </fieldset>
    );
  }
  const at = pointerOf(form.path);
  const value = Object.hasOwn(values, at) ? values[at] : undefined;
  if (form.kind === "boolean" || form.kind === "choices") {
    return <Ticks form={form} at={at} value={value} error={errors.get(at)} onChange={onChange} />;
  }
  const typed = typeof value === "string" ? value : "";
  const asked = (
    <Field label={labelOf(form)} hint={hintOf(form)} error={errors.get(at)}>
      {(control) => <One form={form} control={control} typed={typed} onChange={(next) => onChange(at, next)} />}
    </Field>
  );
  // That of the whole form stands below it.
  if (form.kind !== "json" || form.path.length === 0) return asked;
  return (
    <div className="x-json-field">
      {asked}
      <details className="x-schema">
        <summary>Its JSON Schema</summary>
        <Json value={form.schema} />
      </details>
    </div>
  );
}

type Single = Exclude<FormField, { kind: "group" | "boolean" | "choices" }>;

function One({
  form,
  control,
  typed,
  onChange,
}: {
  form: Single;
  control: FieldControl;
  typed: string;
  onChange: (typed: string) => void;
}) {
  const required = form.required || undefined;
  switch (form.kind) {
    case "choice":
      return (
        <select
          {...control}
          className="select"
          value={typed}
          aria-required={required}
          onChange={(event) => onChange(event.target.value)}
        >
          <option value="">{form.required ? "Choose…" : "–"}</option>
          {form.options.map((option, index) => (
            <option key={index} value={String(index)}>
              {safeText(typeof option === "string" ? option : JSON.stringify(option))}
            </option>
          ))}
        </select>
      );
    case "list":
      return (
        <textarea
          {...control}
          className="textarea"
          rows={3}
          value={typed}
          aria-required={required}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    case "json":
      return (
        <textarea
          {...control}
          className="textarea"
          rows={5}
          value={typed}
          spellCheck={false}
          aria-required={required}
          placeholder="JSON"
          onChange={(event) => onChange(event.target.value)}
        />
      );
    case "text": {
      const shared = { ...control, value: typed, "aria-required": required };
      if (form.long)
        return (
          <textarea {...shared} className="textarea" rows={4} onChange={(event) => onChange(event.target.value)} />
        );
      const numeric = form.type !== "string";
      const inputMode = form.type === "integer" ? "numeric" : numeric ? "decimal" : undefined;
      const type = form.rules.format === "date" ? "date" : "text";
      return (
        <input
          {...shared}
          className="input"
          type={type}
          inputMode={inputMode}
          autoComplete="off"
          onChange={(event) => onChange(event.target.value)}
        />
      );
    }
  }
}

/** Yes or no, or several of some: a group of boxes with a name of their own. */
function Ticks({
  form,
  at,
  value,
  error,
  onChange,
}: {
  form: FormField & { kind: "boolean" | "choices" };
  at: string;
  value: Values[string] | undefined;
  error: string | undefined;
  onChange: Props["onChange"];
}) {
  const id = `x-field-${at}`;
  const chosen = Array.isArray(value) ? (value as readonly string[]) : [];
  const options =
    form.kind === "boolean"
      ? [
          { key: "true", label: "Yes", on: value === "true" },
          { key: "false", label: "No", on: value === "false" },
          // Not to answer is an answer where none is required.
          ...(form.required ? [] : [{ key: "", label: "Leave open", on: value === "" || value === undefined }]),
        ]
      : form.options.map((option, index) => ({
          key: String(index),
          label: typeof option === "string" ? option : JSON.stringify(option),
          on: chosen.includes(String(index)),
        }));
  const pick = (key: string, on: boolean) => {
    if (form.kind === "boolean") onChange(at, key);
    else onChange(at, on ? [...chosen, key] : chosen.filter((each) => each !== key));
  };
  return (
    <fieldset className="field x-ticks" aria-describedby={error ? `${id}-error` : undefined}>
      <legend className="field-label">{labelOf(form)}</legend>
      <div className="x-ticks-row">
        {options.map((option) => (
          <label key={option.key} className="x-check">
            <input
              type={form.kind === "boolean" ? "radio" : "checkbox"}
              name={id}
              checked={option.on}
              aria-invalid={error ? true : undefined}
              onChange={(event) => pick(option.key, event.target.checked)}
            />{" "}
            {safeText(option.label)}
          </label>
        ))}
      </div>
      {error && (
        <p className="field-error" id={`${id}-error`}>
          {safeText(error)}
        </p>
      )}
      {form.description && <p className="field-hint outside-text">{safeText(form.description)}</p>}
    </fieldset>
  );
}

function labelOf(form: FormField): string {
  return `${safeText(form.label)}${form.required || form.path.length === 0 ? "" : " (optional)"}`;
}

function hintOf(form: Single) {
  const parts = [form.description && safeText(form.description)];
  if (form.kind === "list") parts.push("One on each line.");
  if (form.kind === "text" || form.kind === "list") parts.push(rulesInWords(form.rules));
  return parts.filter(Boolean).join(" ") || undefined;
}

function rulesInWords({ minimum, maximum, minLength, maxLength, pattern, format }: Rules): string {
  const rules = [
    minimum !== undefined && maximum !== undefined
      ? `from ${minimum} to ${maximum}`
      : minimum !== undefined
        ? `${minimum} or more`
        : maximum !== undefined
          ? `${maximum} or less`
          : "",
    minLength !== undefined ? `${minLength} characters or more` : "",
    maxLength !== undefined ? `at most ${maxLength} characters` : "",
    pattern !== undefined ? `like ${safeText(pattern)}` : "",
    format !== undefined ? safeText(format) : "",
  ].filter(Boolean);
  const words = rules.join(", ");
  return words === "" ? "" : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
