// Deadlines by kind and how late they fire, and the audit that finds what is in limbo.

import { Link } from "wouter";

import { Time } from "../ui";
import { count, counted, latency } from "./figures";
import { epsilonOf } from "./health";
import { Panel, toneIcons } from "./parts";
import { deadlineKinds, sum, type Vitals } from "./vitals";

export function DeadlinesPanel({ vitals }: { vitals: Vitals }) {
  const { armed, fired, lateness } = vitals.deadlines;
  return (
    <Panel title="Deadlines" id="deadlines" aside={`${count(sum(armed))} armed`}>
      <table className="ops-small-table">
        <thead>
          <tr>
            <th scope="col">Kind</th>
            <th scope="col" className="num">
              Armed
            </th>
            <th scope="col" className="num">
              Fired
            </th>
          </tr>
        </thead>
        <tbody>
          {deadlineKinds(armed, fired).map(({ kind, word, means }) => (
            <tr key={kind}>
              <th scope="row">
                {word}
                {means && <span className="ops-sub">{means}</span>}
              </th>
              <Amount value={armed[kind] ?? 0} />
              <Amount value={fired[kind] ?? 0} />
            </tr>
          ))}
        </tbody>
      </table>
      <h3>How late they fire</h3>
      {lateness && lateness.count > 0 ? <Lateness vitals={vitals} /> : <p className="muted">None has fired since the server started.</p>}
    </Panel>
  );
}

function Amount({ value }: { value: number }) {
  return <td className={value === 0 ? "num muted" : "num"}>{count(value)}</td>;
}

function Lateness({ vitals }: { vitals: Vitals }) {
  const { lateness, epsilonMs } = vitals.deadlines;
  if (!lateness) return null;
  const epsilon = epsilonOf(vitals);
  const rows = [
    ["p50", lateness.p50],
    ["p99", lateness.p99],
    ["max", lateness.max],
  ] as const;
  return (
    <>
      <ul className="ops-lateness">
        {rows.map(([name, value]) => (
          <li key={name} data-tone={value > epsilon ? "bad" : "good"}>
            <span>{name}</span>
            <strong className="num">{latency(value)}</strong>
            {value > epsilon ? toneIcons.bad : toneIcons.good}
            <span className="visually-hidden">{value > epsilon ? "too late" : "in time"}</span>
          </li>
        ))}
      </ul>
      <p className="muted">
        Of the last {counted(Math.min(lateness.count, 1_024), "deadline")}, from due to decided; at most ε ={" "}
        {latency(epsilon)} is meant{epsilonMs === null && " by this page, as this server states no bound"}. None ever
        fires early.
      </p>
    </>
  );
}

export function LimboPanel({ vitals }: { vitals: Vitals }) {
  const { checkedAt, live, violations } = vitals.limbo;
  const bad = violations.length > 0;
  return (
    <Panel title="Limbo audit" id="limbo" tone={bad ? "bad" : "good"} aside={checkedAt ? <>checked <Time at={checkedAt} /></> : "not yet checked"}>
      <p className="ops-line" data-tone={bad ? "bad" : "good"}>
        {bad ? toneIcons.bad : toneIcons.good}
        <strong>
          {bad ? `${counted(violations.length, "violation")} among ${counted(live, "live execution")}` : `No violations among ${counted(live, "live execution")}`}
        </strong>
      </p>
      <p className="muted">
        Every live execution has an armed deadline or a live lease, so that none can wait for nothing. This is checked
        all the time.
      </p>
      {bad && (
        <ul className="ops-leases">
          {violations.map((id) => (
            <li key={id}>
              <Link href={`/executions/${id}`} className="ops-lease">
                <code>{id}</code>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
