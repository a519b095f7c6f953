// A form made from a JSON Schema: which fields it has, what was typed into them as a JSON value, and
// which field an error of the server belongs to. What does not fit a form is JSON in a text box; the
// server checks the answer against the schema in any case.

import { fields, list, number, own, text, type Fields } from "./read";

export type Scalar = "string" | "number" | "integer";

interface Common {
  /** Keys from the root; empty for the root itself. */
  readonly path: readonly string[];
  readonly label: string;
  readonly description: string | undefined;
  readonly required: boolean;
  readonly initial: unknown;
}

export type FormField = Common &
  (
    | { readonly kind: "text"; readonly type: Scalar; readonly rules: Rules; readonly long: boolean }
    | { readonly kind: "boolean" }
    | { readonly kind: "choice"; readonly options: readonly unknown[] }
    | { readonly kind: "choices"; readonly options: readonly unknown[] }
    | { readonly kind: "list"; readonly type: Scalar; readonly rules: Rules }
    | { readonly kind: "group"; readonly fields: readonly FormField[] }
    | { readonly kind: "json"; readonly schema: unknown }
  );

export interface Rules {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

const SCALARS: ReadonlySet<string> = new Set(["string", "number", "integer"]);
/** Words that make a schema say more than its type does. */
const BEYOND = [
  "oneOf",
  "anyOf",
  "allOf",
  "not",
  "if",
  "$ref",
  "$dynamicRef",
  "patternProperties",
  "const",
  "prefixItems",
];
const LEVELS = 2;
const REQUIRED = "is required";

/** The field that a whole schema is; of an object, a group. */
export function formOf(schema: unknown): FormField {
  return field(schema, [], "", true, LEVELS);
}

function field(schema: unknown, path: readonly string[], name: string, required: boolean, levels: number): FormField {
  const from = fields(schema) ?? {};
  const common: Common = {
    path,
    label: text(from, "title") ?? name,
    description: text(from, "description"),
    required,
    initial: own(from, "default"),
  };
  const type = text(from, "type");
  if (BEYOND.some((word) => Object.hasOwn(from, word))) return { ...common, kind: "json", schema };
  const options = choices(from);
  if (options) return { ...common, kind: "choice", options };
  if (type === "boolean") return { ...common, kind: "boolean" };
  if (type !== undefined && SCALARS.has(type)) {
    const rules = rulesOf(from);
    return {
      ...common,
      kind: "text",
      type: type as Scalar,
      rules,
      long: type === "string" && (rules.maxLength ?? 0) > 200,
    };
  }
  if (type === "array") return arrayField(common, schema, fields(own(from, "items")) ?? {});
  const properties = fields(own(from, "properties"));
  if (levels > 0 && properties && (type === "object" || type === undefined)) {
    const needed = new Set(list(from, "required"));
    const inner = Object.entries(properties).map(([key, each]) =>
      field(each, [...path, key], key, needed.has(key), levels - 1),
    );
    return { ...common, kind: "group", fields: inner };
  }
  return { ...common, kind: "json", schema };
}

function arrayField(common: Common, schema: unknown, items: Fields): FormField {
  const options = choices(items);
  if (options) return { ...common, kind: "choices", options };
  const type = text(items, "type");
  if (type !== undefined && SCALARS.has(type) && !BEYOND.some((word) => Object.hasOwn(items, word))) {
    return { ...common, kind: "list", type: type as Scalar, rules: rulesOf(items) };
  }
  return { ...common, kind: "json", schema };
}

/** The values of an `enum` of scalars. */
function choices(from: Fields): readonly unknown[] | undefined {
  const options = list(from, "enum");
  const scalar = (value: unknown) => value === null || ["string", "number", "boolean"].includes(typeof value);
  return options.length > 0 && options.every(scalar) ? options : undefined;
}

function rulesOf(from: Fields): Rules {
  const rules: Record<string, unknown> = {};
  for (const name of ["minimum", "maximum", "minLength", "maxLength"]) rules[name] = number(from, name);
  for (const name of ["pattern", "format"]) rules[name] = text(from, name);
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
}

/** What is in the controls: text, ticks, or several of either, by the pointer of the field. */
export type Values = Readonly<Record<string, string | boolean | readonly string[]>>;

/** RFC 6901. */
export function pointerOf(path: readonly string[]): string {
  return path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The controls as they are at first. */
export function initialValues(form: FormField, given: unknown = form.initial): Values {
  const at = pointerOf(form.path);
  switch (form.kind) {
    case "group": {
      const object = fields(given) ?? {};
      const key = (each: FormField) => each.path.at(-1) ?? "";
      const parts = form.fields.map((each) =>
        initialValues(each, Object.hasOwn(object, key(each)) ? own(object, key(each)) : each.initial),
      );
      return Object.assign({}, ...parts) as Values;
    }
    case "boolean":
      return { [at]: given === undefined ? "" : String(given === true) };
    case "choice": {
      const index = form.options.findIndex((option) => same(option, given));
      return { [at]: index >= 0 ? String(index) : "" };
    }
    case "choices": {
      const chosen = Array.isArray(given) ? given : [];
      return {
        [at]: form.options.flatMap((option, index) =>
          chosen.some((each) => same(each, option)) ? [String(index)] : [],
        ),
      };
    }
    case "list":
      return { [at]: Array.isArray(given) ? given.map(String).join("\n") : "" };
    case "json":
      return { [at]: given === undefined ? "" : JSON.stringify(given, null, 2) };
    case "text":
      return { [at]: typeof given === "string" || typeof given === "number" ? String(given) : "" };
  }
}

const same = (a: unknown, b: unknown): boolean => a === b;

export type Errors = ReadonlyMap<string, string>;

export interface Answer {
  /** Undefined where nothing was typed and nothing is needed. */
  input: unknown;
  errors: Errors;
}

/** What was typed, as JSON, and what of it cannot be sent. */
export function answerOf(form: FormField, values: Values): Answer {
  const errors = new Map<string, string>();
  const input = valueOf(form, values, errors);
  return { input, errors };
}

function valueOf(form: FormField, values: Values, errors: Map<string, string>): unknown {
  const at = pointerOf(form.path);
  const given = Object.hasOwn(values, at) ? values[at] : undefined;
  const typed = typeof given === "string" ? given : "";
  const missing = () => {
    if (form.required) errors.set(at, REQUIRED);
    return undefined;
  };
  switch (form.kind) {
    case "group":
      return groupValue(form, values, errors);
    case "boolean":
      return typed === "" ? missing() : typed === "true";
    case "choice":
      return typed === "" ? missing() : form.options[Number(typed)];
    case "choices": {
      const chosen = Array.isArray(given) ? (given as readonly string[]) : [];
      return chosen.length === 0 && !form.required ? undefined : chosen.map((index) => form.options[Number(index)]);
    }
    case "list": {
      const lines = typed.split("\n").filter((line) => line.trim() !== "");
      if (lines.length === 0 && !form.required) return undefined;
      return lines.map((line) => scalar(form.type, form.rules, line.trim(), at, errors));
    }
    case "json": {
      if (typed.trim() === "") return missing();
      try {
        return JSON.parse(typed) as unknown;
      } catch (error) {
        errors.set(at, `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    }
    case "text":
      return typed === "" ? missing() : scalar(form.type, form.rules, typed, at, errors);
  }
}

function groupValue(form: FormField & { kind: "group" }, values: Values, errors: Map<string, string>): unknown {
  const inner = new Map<string, string>();
  const entries = form.fields.map((each) => [each.path.at(-1) ?? "", valueOf(each, values, inner)] as const);
  const some = entries.filter(([, value]) => value !== undefined);
  // A group that need not be and in which nothing was typed is left out, with what it would need.
  const untouched = some.length === 0 && [...inner.values()].every((message) => message === REQUIRED);
  if (!form.required && untouched) return undefined;
  for (const [at, message] of inner) errors.set(at, message);
  return Object.fromEntries(some);
}

function scalar(type: Scalar, rules: Rules, typed: string, at: string, errors: Map<string, string>): unknown {
  const wrong = (message: string) => {
    if (!errors.has(at)) errors.set(at, message);
  };
  if (type === "string") {
    const length = [...typed].length;
    if (rules.minLength !== undefined && length < rules.minLength) wrong(`needs ${rules.minLength} characters or more`);
    if (rules.maxLength !== undefined && length > rules.maxLength)
      wrong(`has ${length} characters; at most ${rules.maxLength} are allowed`);
    // A pattern is somebody else's, and a bad one could hang the page: the server checks it, within bounds.
    return typed;
  }
  const value = Number(typed);
  if (typed.trim() === "" || !Number.isFinite(value)) wrong("is not a number");
  else if (type === "integer" && !Number.isInteger(value)) wrong("is not a whole number");
  else if (rules.minimum !== undefined && value < rules.minimum) wrong(`is less than ${rules.minimum}`);
  else if (rules.maximum !== undefined && value > rules.maximum) wrong(`is more than ${rules.maximum}`);
  return value;
}

/** The pointers of every control. */
function controls(form: FormField): string[] {
  return form.kind === "group" ? form.fields.flatMap(controls) : [pointerOf(form.path)];
}

const MISSING = /^"?(?<name>.+?)"? is a required property$/;

/** The server's errors by the field that they are about; the empty pointer has what no field takes. */
export function errorsAt(form: FormField, told: readonly { pointer: string; message: string }[]): Errors {
  const known = new Set(controls(form));
  const errors = new Map<string, string>();
  const add = (at: string, message: string) =>
    errors.set(at, errors.has(at) ? `${errors.get(at)}; ${message}` : message);
  for (const { pointer, message } of told) {
    const under = pointer.startsWith("/input") ? pointer.slice("/input".length) : pointer;
    const name = MISSING.exec(message)?.groups?.name;
    const child = name === undefined ? undefined : under + pointerOf([name]);
    if (child !== undefined && known.has(child)) {
      add(child, REQUIRED);
      continue;
    }
    // An error within a list or a JSON box is shown at the box.
    const place = [...known]
      .filter((at) => under === at || (at !== "" && under.startsWith(`${at}/`)))
      .sort((a, b) => b.length - a.length)[0];
    const rest = place === undefined ? under : under.slice(place.length);
    add(place ?? "", rest === "" ? message : `${rest}: ${message}`);
  }
  return errors;
}
