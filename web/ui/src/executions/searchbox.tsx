// The search box. What is typed becomes filters on Enter; below it stands what it will do.

import { useId, useState, type Ref } from "react";

import { icons, safeText } from "../ui";
import { FILTER_KEYS, FILTER_WORDS, readTyped, wholeId, type Filter, type FilterKey } from "./filter";

/** Keys whose words need a verb. */
const IS: ReadonlySet<FilterKey> = new Set<FilterKey>(["phase", "reason", "kind", "queue", "runner", "label"]);

export function SearchBox({
  input,
  onFilter,
  onOpen,
  onBackspace,
}: {
  input: Ref<HTMLInputElement>;
  onFilter: (filter: Filter) => void;
  onOpen: (id: string) => void;
  /** Backspace in the empty box. */
  onBackspace: () => void;
}) {
  const [text, setText] = useState("");
  const hint = useId();
  const typed = readTyped(text);
  const id = wholeId(text);
  const apply = () => {
    if (id) onOpen(id);
    else if (typed.slips.length > 0 || Object.keys(typed.filter).length === 0) return;
    else onFilter(typed.filter);
    setText("");
  };
  return (
    <form
      className="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      {icons.search}
      <input
        ref={input}
        type="search"
        className="input"
        placeholder="Name, id, or queue:… label:key:value"
        aria-label="Search executions"
        aria-describedby={hint}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Backspace" && text === "") onBackspace();
          if (event.key === "Escape") {
            if (text === "") event.currentTarget.blur();
            else setText("");
            event.preventDefault();
          }
        }}
      />
      <kbd className="kbd" aria-hidden="true">
        /
      </kbd>
      <div id={hint} className="search-hint" role="status" data-shown={text !== "" || undefined}>
        {text === "" ? null : typed.slips.length > 0 ? (
          typed.slips.map((slip) => (
            <p key={slip} className="field-error">
              {slip}
            </p>
          ))
        ) : id ? (
          <p>Enter opens this execution.</p>
        ) : (
          <>
            <p>
              Enter shows executions whose{" "}
              {FILTER_KEYS.filter((key) => typed.filter[key]).map((key, at) => (
                <span key={key}>
                  {at > 0 && " and "}
                  {FILTER_WORDS[key]} {key === "name" ? "is exactly " : IS.has(key) ? "is " : ""}
                  <strong>{safeText(typed.filter[key] ?? "")}</strong>
                </span>
              ))}
              .
            </p>
            {typed.filter.name && <p className="muted">Names are compared whole. Also: id, queue: runner: label: reason: kind: phase: since: until:</p>}
          </>
        )}
      </div>
    </form>
  );
}
