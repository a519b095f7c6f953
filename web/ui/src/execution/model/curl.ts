// Requests as commands to paste. What stands in them comes from outside, so everything is quoted for
// the shell, and characters that a terminal would obey or hide are escaped.

/** One word of a shell command, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

// Controls, marks of direction and other characters without a look of their own.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** JSON in one line, in which nothing hides. */
export function plainJson(value: unknown): string {
  const json = JSON.stringify(value) ?? "null";
  return json.replaceAll(HIDDEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function curlGet(origin: string, path: string): string {
  return `curl -s ${quoted(origin + path)}`;
}

export function curlPost(origin: string, path: string, body: unknown): string {
  return `curl -s ${quoted(origin + path)} -H 'content-type: application/json' -d ${quoted(plainJson(body))}`;
}

/** Reads one event. */
export function curlEvent(origin: string, execution: string, seq: number): string {
  return curlGet(origin, `/v1/executions/${encodeURIComponent(execution)}/events?after=${seq - 1}&limit=1`);
}
