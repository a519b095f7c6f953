// Reading of data that runners made: what is not there, or not of that type, is undefined. Only own
// properties count, so that no name ("constructor", "__proto__") finds what the language put there.

export type Fields = Readonly<Record<string, unknown>>;

/** An object that is not an array; nothing else has fields. */
export function fields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export function own(from: Fields, name: string): unknown {
  return Object.hasOwn(from, name) ? from[name] : undefined;
}

export function text(from: Fields, name: string): string | undefined {
  const value = own(from, name);
  return typeof value === "string" ? value : undefined;
}

export function number(from: Fields, name: string): number | undefined {
  const value = own(from, name);
  return typeof value === "number" ? value : undefined;
}

export function flag(from: Fields, name: string): boolean | undefined {
  const value = own(from, name);
  return typeof value === "boolean" ? value : undefined;
}

export function list(from: Fields, name: string): readonly unknown[] {
  const value = own(from, name);
  return Array.isArray(value) ? value : [];
}

export function inner(from: Fields, name: string): Fields {
  return fields(own(from, name)) ?? {};
}

/** Milliseconds since 1970, with fractions; NaN for what is no time. */
export function instant(time: string | null | undefined): number {
  if (!time) return Number.NaN;
  const at = Date.parse(time);
  // Date.parse cuts to milliseconds; events of one batch are told apart by microseconds.
  const micros = /\.\d{3}(\d{3})/.exec(time);
  return micros ? at + Number(micros[1]) / 1000 : at;
}
