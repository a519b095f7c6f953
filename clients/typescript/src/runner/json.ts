/** JSON that every reader takes. */

/** Half characters, such as a cut through an emoji leaves, become U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/**
 * The JSON of `value`, without half characters in its strings; `undefined` for what JSON leaves
 * out, such as a function.
 *
 * @throws TypeError for what has no JSON, such as a cycle.
 */
export function toJson(value: unknown): string | undefined {
  const json = JSON.stringify(value) as string | undefined;
  // Only half characters are escaped so; or it is someone's backslash, and this changes nothing.
  if (!json?.includes("\\ud")) return json;
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "string" ? wellFormed(part) : part,
  );
}
