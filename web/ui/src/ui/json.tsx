// A JSON value as text that folds. Never markup: every key and value is a text node.

import { useState } from "react";

import { safeText } from "./text";

/** Entries shown at once; the rest on request, so that a huge value does not stop the page. */
const PAGE = 100;
/** Characters of a string shown at once. */
const LONG = 2_000;

export function Json({ value, open = 2 }: { value: unknown; /** Levels that are unfolded at first. */ open?: number }) {
  return (
    <div className="json">
      <Node value={value} open={open} />
    </div>
  );
}

function Node({ name, value, open }: { name?: string; value: unknown; open: number }) {
  if (typeof value !== "object" || value === null) {
    return (
      <div className="json-leaf">
        <Key name={name} />
        <Leaf value={value} />
      </div>
    );
  }
  return <Branch name={name} value={value} open={open} />;
}

function Key({ name }: { name: string | undefined }) {
  return name === undefined ? null : <bdi className="json-key">{safeText(name)}: </bdi>;
}

function Leaf({ value }: { value: unknown }) {
  const [all, setAll] = useState(false);
  if (typeof value !== "string") {
    return <span className={typeof value === "number" ? "json-number" : "json-word"}>{String(value)}</span>;
  }
  const cut = !all && value.length > LONG;
  return (
    <>
      <bdi className="json-string">{safeText(JSON.stringify(cut ? value.slice(0, LONG) : value))}</bdi>
      {cut && (
        <button type="button" className="button" data-variant="quiet" onClick={() => setAll(true)}>
          … show all {value.length.toLocaleString("en-GB")} characters
        </button>
      )}
    </>
  );
}

function Branch({ name, value, open }: { name: string | undefined; value: object; open: number }) {
  const [unfolded, setUnfolded] = useState(open > 0);
  const [shown, setShown] = useState(PAGE);
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  const summary = list ? `[${entries.length}]` : `{${entries.length}}`;
  if (entries.length === 0) {
    return (
      <div className="json-leaf">
        <Key name={name} />
        {list ? "[]" : "{}"}
      </div>
    );
  }
  return (
    <details open={unfolded} onToggle={(event) => setUnfolded(event.currentTarget.open)}>
      <summary>
        <Key name={name} />
        <span className="muted">{summary}</span>
      </summary>
      {unfolded && (
        <div className="json-in">
          {entries.slice(0, shown).map(([key, each]) => (
            <Node key={key} name={key} value={each} open={open - 1} />
          ))}
          {entries.length > shown && (
            <button type="button" className="button" data-variant="quiet" onClick={() => setShown(shown + 10 * PAGE)}>
              … {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </details>
  );
}
