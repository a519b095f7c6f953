// The panel of filters: loaded when it is first opened.

import { useState } from "react";

import type { QueuesView, RunnersView } from "../api/types";
import { useResource } from "../live/context";
import { Field, plainWords, Select } from "../ui";
import { filterValue, REASONS, without, type Filter, type FilterKey } from "./filter";

const SINCE = [
  { value: "", label: "any time" },
  { value: "15m", label: "the last 15 minutes" },
  { value: "1h", label: "the last hour" },
  { value: "today", label: "today" },
  { value: "24h", label: "the last 24 hours" },
  { value: "7d", label: "the last 7 days" },
];

export default function Panel({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const queues = useResource<QueuesView>("/v1/queues").data?.queues.map((queue) => queue.queue);
  const runners = useResource<RunnersView>("/v1/runners").data?.runners.map((runner) => runner.id);
  const put = (key: FilterKey, value: string) => {
    const read = filterValue(key, value);
    onChange({ ...without(filter, key), ...read });
  };
  const sinceKnown = SINCE.some((option) => option.value === (filter.since ?? ""));
  return (
    <div className="filter-panel">
      <Field label="Kind">
        {(control) => (
          <Select
            {...control}
            value={filter.kind ?? ""}
            onChange={(value) => put("kind", value)}
            options={[
              { value: "", label: "any" },
              { value: "agent", label: "agent" },
              { value: "workflow", label: "workflow" },
            ]}
          />
        )}
      </Field>
      <Field label="Reason" hint="Why it is in its phase.">
        {(control) => (
          <Select
            {...control}
            value={filter.reason ?? ""}
            onChange={(value) => put("reason", value)}
            options={[
              { value: "", label: "any" },
              ...REASONS.map((value) => ({ value, label: plainWords(value) })),
            ]}
          />
        )}
      </Field>
      <TextFilter label="Queue" of="queue" filter={filter} put={put} known={queues} />
      <TextFilter label="Runner" of="runner" filter={filter} put={put} known={runners} hint="The id of the runner that held it last." />
      <TextFilter label="Name" of="name" filter={filter} put={put} hint="The whole name." />
      <TextFilter label="Label" of="label" filter={filter} put={put} hint="key:value" />
      <Field label="Created in">
        {(control) => (
          <Select
            {...control}
            value={filter.since ?? ""}
            onChange={(value) => put("since", value)}
            options={sinceKnown ? SINCE : [...SINCE, { value: filter.since ?? "", label: `since ${filter.since ?? ""}` }]}
          />
        )}
      </Field>
      <Field label="Created before" hint="Your time.">
        {(control) => (
          <input
            {...control}
            className="input"
            type="datetime-local"
            value={localInput(filter.until)}
            onChange={(event) => put("until", event.target.value ? new Date(event.target.value).toISOString() : "")}
          />
        )}
      </Field>
    </div>
  );
}

/** A moment as the input takes it; an age is not a moment. */
function localInput(moment: string | undefined): string {
  const time = moment ? new Date(moment) : undefined;
  if (!time || Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function TextFilter({
  label,
  of,
  filter,
  put,
  known,
  hint,
}: {
  label: string;
  of: FilterKey;
  filter: Filter;
  put: (key: FilterKey, value: string) => void;
  known?: readonly string[] | undefined;
  hint?: string;
}) {
  const set = filter[of] ?? "";
  const [text, setText] = useState(set);
  const [shown, setShown] = useState(set);
  if (shown !== set) {
    // Changed from outside, such as by a chip.
    setShown(set);
    setText(set);
  }
  const wrong = text.trim() !== "" && !filterValue(of, text);
  return (
    <Field label={label} hint={hint} error={wrong ? "It is written key:value." : undefined}>
      {(control) => (
        <>
          <input
            {...control}
            className="input"
            list={known ? `known-${of}` : undefined}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              if (known?.includes(event.target.value)) put(of, event.target.value);
            }}
            onBlur={() => text !== set && !wrong && put(of, text)}
            onKeyDown={(event) => event.key === "Enter" && !wrong && put(of, text)}
          />
          {known && (
            <datalist id={`known-${of}`}>
              {known.map((value) => (
                <option key={value} value={value} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}
