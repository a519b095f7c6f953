// What was asked for: limits and tries, for who wants to see why something ran out.

import { memo } from "react";

import { safeText } from "../../ui";
import { useExecution, useShown, useVersion } from "../context";
import { HEAD } from "../model/model";
import { Section } from "../parts";

export const Terms = memo(function Terms() {
  const execution = useExecution();
  const { timeouts, retry } = execution;
  const rows: [string, string][] = [
    ["Must start within", timeouts.schedule_to_start],
    ["Sign of life every", timeouts.heartbeat],
    ["Progress every", timeouts.progress ?? ""],
    ["An attempt takes at most", timeouts.start_to_close ?? ""],
    ["All of it at most", timeouts.schedule_to_close ?? ""],
    ["An answer within", timeouts.waiting],
    ["Grace of a cancellation", timeouts.cancel],
  ];
  return (
    <Section title="Terms">
      <dl className="x-terms">
        {rows
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="num">{value}</dd>
            </div>
          ))}
        <div>
          <dt>Attempts</dt>
          <dd className="num">
            {retry.max_attempts}
            {retry.max_attempts > 1 && `, ${retry.initial_backoff} × ${retry.factor} to ${retry.max_backoff}`}
          </dd>
        </div>
        <div>
          <dt>Priority</dt>
          <dd className="num">{execution.priority}</dd>
        </div>
        {execution.concurrency_key && (
          <div>
            <dt>Concurrency key</dt>
            <dd>
              <bdi>{safeText(execution.concurrency_key)}</bdi>
            </dd>
          </div>
        )}
        <div>
          <dt>Namespace</dt>
          <dd>{execution.namespace}</dd>
        </div>
        <div>
          <dt>Events in its log</dt>
          <dd className="num">
            <LogLength />
          </dd>
        </div>
      </dl>
    </Section>
  );
});

function LogLength() {
  useVersion(HEAD);
  return <>{useShown().model.head.toLocaleString("en-GB")}</>;
}
