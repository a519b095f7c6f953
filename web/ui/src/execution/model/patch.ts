// JSON Patch (RFC 6902) on shared state and activities. The document is not changed in place: what
// a patch touches is copied on the way down, so that a view which holds the old one stays right.
// Patches in a log have been applied by the server, so a refusal here means a fault of ours: the
// document then stays as the operations before it made it.

import { fields, own, text } from "./read";

type Box = Record<string, unknown> | unknown[];

export function applyPatch(document: unknown, patch: readonly unknown[]): unknown {
  let current = document;
  for (const step of patch) {
    const operation = fields(step);
    const path = operation && pointer(text(operation, "path"));
    if (!operation || !path) return current;
    const done = one(current, text(operation, "op"), path, operation);
    if (!done) return current;
    current = done.value;
  }
  return current;
}

interface Done {
  value: unknown;
}

function one(
  document: unknown,
  op: string | undefined,
  path: readonly string[],
  operation: Readonly<Record<string, unknown>>,
): Done | undefined {
  const value = own(operation, "value");
  switch (op) {
    case "add":
      return change(document, path, { op, value });
    case "replace":
      return change(document, path, { op, value });
    case "remove":
      return change(document, path, { op });
    case "test":
      return { value: document };
    case "move":
    case "copy": {
      const from = pointer(text(operation, "from"));
      const found = from && at(document, from);
      if (!from || !found) return undefined;
      const rest = op === "move" ? change(document, from, { op: "remove" }) : { value: document };
      return rest && change(rest.value, path, { op: "add", value: found.value });
    }
    default:
      return undefined;
  }
}

/** The parts of an RFC 6901 pointer. */
export function pointer(text: string | undefined): string[] | undefined {
  if (text === "") return [];
  if (!text?.startsWith("/")) return undefined;
  return text
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function at(document: unknown, path: readonly string[]): Done | undefined {
  let value = document;
  for (const part of path) {
    if (Array.isArray(value)) {
      const index = indexIn(value, part);
      if (index === undefined || index >= value.length) return undefined;
      value = value[index];
    } else {
      const object = fields(value);
      if (!object || !Object.hasOwn(object, part)) return undefined;
      value = object[part];
    }
  }
  return { value };
}

type Change = { op: "add" | "replace"; value: unknown } | { op: "remove" };

function change(document: unknown, path: readonly string[], what: Change): Done | undefined {
  const [head, ...rest] = path;
  if (head === undefined) return { value: what.op === "remove" ? null : what.value };
  const copy = copied(document);
  if (!copy) return undefined;
  if (rest.length > 0) {
    const below = at(document, [head]);
    const changed = below && change(below.value, rest, what);
    if (!changed) return undefined;
    put(copy, head, changed.value);
    return { value: copy };
  }
  if (Array.isArray(copy)) {
    const index = head === "-" ? copy.length : indexIn(copy, head);
    if (index === undefined || index > copy.length) return undefined;
    if (what.op !== "add" && index === copy.length) return undefined;
    if (what.op === "add") copy.splice(index, 0, what.value);
    else if (what.op === "replace") copy[index] = what.value;
    else copy.splice(index, 1);
    return { value: copy };
  }
  if (what.op !== "add" && !Object.hasOwn(copy, head)) return undefined;
  if (what.op === "remove") delete copy[head];
  else put(copy, head, what.value);
  return { value: copy };
}

function copied(value: unknown): Box | undefined {
  if (Array.isArray(value)) return [...(value as unknown[])];
  const object = fields(value);
  return object && { ...object };
}

/** Assigning to "__proto__" would set the prototype instead of a field. */
function put(box: Box, name: string, value: unknown): void {
  Object.defineProperty(box, name, { value, writable: true, enumerable: true, configurable: true });
}

function indexIn(array: readonly unknown[], part: string): number | undefined {
  if (part === "-") return array.length;
  return /^(0|[1-9]\d*)$/.test(part) ? Number(part) : undefined;
}
