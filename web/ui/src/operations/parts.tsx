// The small parts that the operations pages share: heads, panels, figures and judgements.

import { useEffect, useRef, useState, type ReactElement, type ReactNode } from "react";
import { Link } from "wouter";

import type { Problem } from "../api/types";
import { useResource } from "../live/context";
import { Badge, ErrorState, icons, Outside, phaseIcons, safeText, Skeleton } from "../ui";
import type { Judgement, Tone } from "./judge";
import "./operations.css";

/** One shape for each tone, told apart without colour. */
export const toneIcons: Readonly<Record<Tone, ReactElement>> = {
  good: icons.check,
  note: icons.info,
  warn: icons.warning,
  bad: phaseIcons.failed,
};

export function JudgementBadge({ judgement }: { judgement: Judgement }) {
  const icon = judgement.shape === "pause" ? icons.pause : toneIcons[judgement.tone];
  return (
    <Badge tone={judgement.tone === "note" ? "plain" : judgement.tone} icon={icon}>
      {judgement.word}
    </Badge>
  );
}

/** The title of the window while a page is shown. */
function useTitle(title: string): void {
  useEffect(() => {
    const before = document.title;
    document.title = `${safeText(title)} · Heartline`;
    return () => {
      document.title = before;
    };
  }, [title]);
}

/** The head of a page: where it is, what it is, and what can be done with it. */
export function PageHead({ title, under, children }: { title: string; under?: { href: string; label: string }; children?: ReactNode }) {
  useTitle(under ? `${title} · ${under.label}` : title);
  return (
    <header className="ops-head">
      <div className="ops-title">
        {under && (
          <nav aria-label="Where this is">
            <Link href={under.href}>{under.label}</Link>
            <span aria-hidden="true"> / </span>
          </nav>
        )}
        <h1>
          <Outside>{title}</Outside>
        </h1>
      </div>
      {children && <div className="ops-head-end">{children}</div>}
    </header>
  );
}

export function Panel({ title, id, aside, children, tone }: { title: string; id?: string; aside?: ReactNode; children: ReactNode; tone?: Tone }) {
  return (
    <section className="ops-panel" id={id} data-tone={tone} aria-label={title}>
      <header className="ops-panel-head">
        <h2>{title}</h2>
        {aside && <div className="ops-panel-aside muted">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** What matters most on a page, in the colour and shape of how much it does. */
export function Verdict({ tone, icon, title, children }: { tone: Tone; icon?: ReactElement; title: ReactNode; children?: ReactNode }) {
  return (
    <section className="ops-verdict" data-tone={tone} aria-label="How it stands">
      <p className="ops-verdict-title">
        {icon ?? toneIcons[tone]}
        <span>{title}</span>
      </p>
      {children}
    </section>
  );
}

export function Figures({ children, label }: { children: ReactNode; label: string }) {
  return (
    <dl className="ops-figures" aria-label={label}>
      {children}
    </dl>
  );
}

/** One figure with its name, and a word on it. */
export function Figure({ label, value, detail, tone, href }: { label: string; value: ReactNode; detail?: ReactNode; tone?: Tone; href?: string }) {
  return (
    <div className="ops-figure" data-tone={tone}>
      <dt>{label}</dt>
      <dd>
        <span className="ops-figure-value num">
          {tone && tone !== "good" && tone !== "note" && toneIcons[tone]}
          {href ? <Link href={href}>{value}</Link> : value}
        </span>
        {detail && <span className="ops-figure-detail">{detail}</span>}
      </dd>
    </div>
  );
}

export interface Asked<T> {
  data: T | undefined;
  problem: Problem | undefined;
  at: number | undefined;
  retry: () => void;
}

/** A live resource that can be asked for anew after it was refused. */
export function useAsked<T>(path: string): Asked<T> {
  const [off, setOff] = useState(false);
  const resource = useResource<T>(off ? null : path);
  useEffect(() => {
    if (off) setOff(false);
  }, [off]);
  return { ...resource, retry: () => setOff(true) };
}

/** Asks anew once what was missing is there; not while it may merely not have left yet. */
export function useComesBack(missing: boolean, there: boolean, retry: () => void): void {
  const wasAway = useRef(false);
  useEffect(() => {
    if (!missing) {
      wasAway.current = false;
    } else if (!there) {
      wasAway.current = true;
    } else if (wasAway.current) {
      wasAway.current = false;
      retry();
    }
  });
}

/** What stands where nothing has come yet: the shape of a page, or why there is none. */
export function NotYet({ problem, retry, lines = 6 }: { problem: Problem | undefined; retry: () => void; lines?: number }) {
  if (problem) {
    return (
      <div className="ops-not-yet">
        <ErrorState problem={problem} retry={retry} />
      </div>
    );
  }
  return (
    <div className="ops-not-yet" role="status">
      <span className="visually-hidden">Loading</span>
      <Skeleton width="40%" />
      <Skeleton lines={lines} />
    </div>
  );
}

/** Figures that are shown although the server says no more of them. */
export function NoLonger({ problem, retry }: { problem: Problem; retry: () => void }) {
  return (
    <ErrorState problem={problem} retry={retry}>
      <p>What stands below is what was last known.</p>
    </ErrorState>
  );
}
