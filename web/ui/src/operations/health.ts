// Whether all is well with the server, in words: what is wrong first, and one sentence for everything.

import { age, count, counted, latency, listed } from "./figures";
import { rank, worst, type Tone } from "./judge";
import type { Vitals } from "./vitals";

export interface Finding {
  tone: Tone;
  /** A few words, for the top sentence: "the store refuses writes". */
  brief: string;
  /** What is so, in whole sentences. */
  told: string;
  /** What to do about it. */
  todo?: string;
  /** The section of the page it is about. */
  about: "store" | "limbo" | "deadlines" | "journal" | "feed" | "actors";
}

export interface Health {
  tone: Tone;
  sentence: string;
  /** The worst first. */
  findings: Finding[];
}

/** How late a deadline may fire; what the server says goes before it. */
export const EPSILON_MS = 1_000;
/** A sync this slow makes every acknowledgement slow. */
const SLOW_SYNC_MS = 100;
/** Of fewer syncs the slowest in a hundred is but the slowest. */
const SYNCS_TO_JUDGE = 100;
/** The journal takes some thousand appends a batch: with more than one batch waiting it is behind. */
const LONG_QUEUE = 4_096;
/** Appends that wait while nothing is committed for so long: the disk does not answer. */
const STALLED_MS = 5_000;
/** The audit looks at so many executions a second, and rests in between. */
const AUDITED_PER_SECOND = 10_000;
const AUDIT_REST_MS = 30_000;

export function epsilonOf(vitals: Vitals): number {
  return vitals.deadlines.epsilonMs ?? EPSILON_MS;
}

/** What was seen over time and one body does not tell. */
export interface Seen {
  /** For how long appends have waited and none was committed; 0 when the journal moves. */
  stalledMs: number;
  /** Connections cut since the samples began. */
  cut: number;
  /** Restarts since the samples began. */
  restarts: number;
}

export const NOTHING_SEEN: Seen = { stalledMs: 0, cut: 0, restarts: 0 };

function ofStore({ store }: Vitals): Finding[] {
  if (store.healthy !== false) return [];
  return [
    {
      tone: "bad",
      about: "store",
      brief: "the store refuses writes",
      told: `The store failed${store.error ? `: ${store.error}` : ""}. Nothing new is acknowledged until it recovers; what was acknowledged is safe.`,
      todo: "Look at the disk (space, permissions, I/O errors in the kernel log). The server tries again every second and goes on by itself.",
    },
  ];
}

function ofLimbo({ limbo, now }: Vitals): Finding[] {
  const findings: Finding[] = [];
  const { violations, checkedAt, live } = limbo;
  if (violations.length > 0) {
    const those = violations.length === 1 ? "it" : "them";
    findings.push({
      tone: "bad",
      about: "limbo",
      brief: violations.length === 1 ? "one execution is in limbo" : `${count(violations.length)} executions are in limbo`,
      told: `${counted(violations.length, "live execution has", "live executions have")} neither an armed deadline nor a live lease: nothing will ever end ${those}. This must never be, and is a defect of the server.`,
      todo: `Cancel or retry ${those} by hand, keep the server's log, and report it.`,
    });
  }
  const since = checkedAt ? Date.parse(now) - Date.parse(checkedAt) : null;
  const stale = AUDIT_REST_MS + (2_000 * live) / AUDITED_PER_SECOND;
  if (since !== null && since > stale) {
    findings.push({
      tone: "warn",
      about: "limbo",
      brief: "the limbo audit is overdue",
      told: `The last audit was ${age(since)} ago.`,
      todo: "The supervisor may be overloaded: look at its CPU time and its log.",
    });
  }
  return findings;
}

function ofDeadlines(vitals: Vitals): Finding[] {
  const { lateness } = vitals.deadlines;
  const epsilon = epsilonOf(vitals);
  if (!lateness || lateness.max <= epsilon) return [];
  const many = lateness.p99 > epsilon;
  return [
    {
      tone: many ? "bad" : "warn",
      about: "deadlines",
      brief: many ? "deadlines fire late" : "a deadline fired late",
      told: `Of the last deadlines one in a hundred fired more than ${latency(lateness.p99)} late, the worst ${latency(lateness.max)}; at most ${latency(epsilon)} is meant.`,
      todo: "The machine was too busy or was suspended: look at CPU and disk. Failures were told later than their owners asked for.",
    },
  ];
}

function ofJournal({ journal }: Vitals, seen: Seen): Finding[] {
  const { sync, queued } = journal;
  const waiting = counted(queued ?? 0, "append waits", "appends wait");
  if (seen.stalledMs >= STALLED_MS) {
    return [
      {
        tone: "bad",
        about: "journal",
        brief: "the journal stands still",
        told: `${waiting} and nothing has been committed for ${age(seen.stalledMs)}.`,
        todo: "The disk does not answer: look at its health and at the kernel log.",
      },
    ];
  }
  const findings: Finding[] = [];
  if ((queued ?? 0) > LONG_QUEUE) {
    findings.push({
      tone: "warn",
      about: "journal",
      brief: "the journal is behind",
      told: `${waiting} to be written.`,
      todo: "More is written than the disk syncs. Past the journal's queue, calls are answered with 503.",
    });
  }
  if (sync && sync.count >= SYNCS_TO_JUDGE && sync.p99 > SLOW_SYNC_MS) {
    findings.push({
      tone: "warn",
      about: "journal",
      brief: "the disk syncs slowly",
      told: `One sync in a hundred takes more than ${latency(sync.p99)}, and every acknowledgement waits for one.`,
      todo: "Put the data folder on a faster disk, or find what else writes to it.",
    });
  }
  return findings;
}

function ofTheRest({ feed, restarts }: Vitals, seen: Seen): Finding[] {
  const findings: Finding[] = [];
  if (restarts > 0) {
    findings.push({
      tone: seen.restarts > 0 ? "warn" : "note",
      about: "actors",
      brief: counted(restarts, "actor was", "actors were") + " restarted",
      told: `${counted(restarts, "actor has", "actors have")} crashed and been restarted since the server started; their executions went on from the log.`,
      todo: "Each crash is in the server's log with its cause: report it.",
    });
  }
  if (seen.cut > 0) {
    findings.push({
      tone: "note",
      about: "feed",
      brief: counted(seen.cut, "reader was", "readers were") + " cut off",
      told: `${counted(seen.cut, "connection was", "connections were")} ended since this page watches, as ${seen.cut === 1 ? "it" : "they"} did not take what was sent. Such a reader resumes by seq and misses nothing.`,
    });
  }
  const lagging = feed.lagging ?? 0;
  if (lagging > 0) {
    findings.push({
      tone: "note",
      about: "feed",
      brief: counted(lagging, "reader lags", "readers lag"),
      told: `${counted(lagging, "subscription has", "subscriptions have")} fallen behind and ${lagging === 1 ? "is" : "are"} caught up from disk.`,
    });
  }
  return findings;
}

function wellSentence({ deadlines, limbo, journal }: Vitals): string {
  const parts = ["the store is healthy"];
  parts.push(limbo.checkedAt ? `none of ${counted(limbo.live, "live execution")} is in limbo` : "the limbo audit is about to run");
  const { lateness } = deadlines;
  parts.push(lateness && lateness.count > 0 ? `deadlines fire on time (99 of 100 within ${latency(lateness.p99)})` : "no deadline has fired late");
  parts.push(journal.sync && journal.sync.count > 0 ? `the journal keeps up (a sync takes ${latency(journal.sync.p50)})` : "the journal is idle");
  return `All is well: ${listed(parts)}.`;
}

/** The judgement on everything that the supervisor says. */
export function judgeHealth(vitals: Vitals, seen: Seen = NOTHING_SEEN): Health {
  const findings = [
    ...ofStore(vitals),
    ...ofLimbo(vitals),
    ...ofDeadlines(vitals),
    ...ofJournal(vitals, seen),
    ...ofTheRest(vitals, seen),
  ].sort((a, b) => rank(b.tone) - rank(a.tone));
  const tone = worst(findings.map((finding) => finding.tone));
  if (tone === "good" || tone === "note") return { tone: "good", sentence: wellSentence(vitals), findings };
  const wrong = findings.filter((finding) => rank(finding.tone) >= rank("warn"));
  const all = listed(wrong.map((finding) => finding.brief));
  return { tone, sentence: `${all.charAt(0).toUpperCase()}${all.slice(1)}.`, findings };
}
