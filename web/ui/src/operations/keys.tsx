// The concurrency keys of a queue that have most in progress and waiting.

import type { QueueView } from "../api/types";
import { Meter, Outside } from "../ui";
import { count } from "./figures";

export function BusiestKeys({ queue }: { queue: QueueView }) {
  const keys = queue.busiest_keys;
  const most = queue.limits.key_max_in_progress ?? null;
  if (keys.length === 0) {
    return (
      <p className="muted">
        Nothing in this queue has a concurrency key. Executions that are created with one share the limits of their key,
        and keys take turns.
      </p>
    );
  }
  return (
    <table className="ops-small-table ops-keys">
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col" className="num">
            In progress
          </th>
          <th scope="col" className="num">
            Waiting
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => {
          const full = most !== null && key.in_progress >= most;
          return (
            <tr key={key.key}>
              <th scope="row">
                <Outside>{key.key}</Outside>
              </th>
              <td className="num">
                {count(key.in_progress)}
                {most !== null && <> of {count(most)}</>}
                {full && key.waiting > 0 && <span className="ops-sub">at its limit</span>}
                {most !== null && (
                  <Meter value={key.in_progress / most} tone={full ? "warn" : "plain"} label={`${key.key}: ${key.in_progress} of ${most} in progress`} />
                )}
              </td>
              <td className="num">{count(key.waiting)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
