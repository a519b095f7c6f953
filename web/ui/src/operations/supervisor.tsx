// How the server is doing: one sentence on everything, what is wrong with what to do about it, and the
// figures behind it.

import type { SupervisorView } from "../api/types";
import { Elapsed, safeText } from "../ui";
import { judgeHealth, type Finding } from "./health";
import { Figure, Figures, NoLonger, NotYet, PageHead, toneIcons, useAsked, Verdict } from "./parts";
import { seenIn, SERVER, supervisorSamples, useSeries } from "./samples";
import { readVitals, type Vitals } from "./vitals";
import { ActorsPanel, BootPanel, StorePanel } from "./vitals-core";
import { DeadlinesPanel, LimboPanel } from "./vitals-deadlines";
import { FeedPanel, JournalPanel } from "./vitals-flow";

export default function SupervisorPage() {
  const { data, problem, retry } = useAsked<SupervisorView>("/v1/supervisor");
  const series = useSeries(supervisorSamples, SERVER);
  if (!data) {
    return (
      <div className="ops-page">
        <PageHead title="Supervisor" />
        <NotYet problem={problem} retry={retry} lines={10} />
      </div>
    );
  }
  const vitals = readVitals(data);
  const health = judgeHealth(vitals, seenIn(series?.read() ?? []));
  return (
    <div className="ops-page">
      <PageHead title="Supervisor">
        <p className="ops-summary muted">
          <span>
            Heartline {safeText(vitals.version)} · up for <Elapsed from={vitals.startedAt} />
          </span>
        </p>
      </PageHead>
      {problem && <NoLonger problem={problem} retry={retry} />}
      <Verdict tone={health.tone} title={health.sentence} />
      {health.findings.length > 0 && (
        <ul className="ops-findings" aria-label="Findings">
          {health.findings.map((finding) => (
            <FindingItem key={finding.brief} finding={finding} vitals={vitals} />
          ))}
        </ul>
      )}
      <Live vitals={vitals} />
      <div className="ops-columns">
        <DeadlinesPanel vitals={vitals} />
        <div className="ops-stack">
          <LimboPanel vitals={vitals} />
          <StorePanel vitals={vitals} />
          <ActorsPanel vitals={vitals} />
        </div>
      </div>
      <JournalPanel vitals={vitals} series={series} />
      <FeedPanel vitals={vitals} series={series} />
      <BootPanel vitals={vitals} />
    </div>
  );
}

function FindingItem({ finding, vitals }: { finding: Finding; vitals: Vitals }) {
  return (
    <li data-tone={finding.tone}>
      {toneIcons[finding.tone]}
      <div>
        <p className="outside-text">{safeText(finding.told)}</p>
        {finding.todo && <p className="muted">{finding.todo}</p>}
        {finding.about === "limbo" && vitals.limbo.violations.length > 0 && (
          <p>
            <a href="#limbo" onClick={toLimbo}>
              Which ones
            </a>
          </p>
        )}
      </div>
    </li>
  );
}

function toLimbo(event: React.MouseEvent) {
  event.preventDefault();
  document.getElementById("limbo")?.scrollIntoView();
}

const PHASES = [
  { phase: "pending", label: "Pending" },
  { phase: "in_progress", label: "In progress" },
  { phase: "waiting", label: "Waiting" },
] as const;

function Live({ vitals }: { vitals: Vitals }) {
  return (
    <Figures label="Live executions">
      <Figure label="Live executions" value={(vitals.actors.live ?? vitals.limbo.live).toLocaleString("en-GB")} detail="in memory or not" />
      {PHASES.map(({ phase, label }) => (
        <Figure key={phase} label={label} value={(vitals.executions[phase] ?? 0).toLocaleString("en-GB")} href={`/?phase=${phase}`} />
      ))}
    </Figures>
  );
}
