// Small parts that several panes of the page share.

import { memo, useState, type MouseEvent, type ReactElement, type ReactNode } from "react";
import { Link } from "wouter";

import { Badge, Button, Command, exactTime, formatDuration, icons, Json, safeText, Skeleton, textOf, type Tone } from "../ui";
import { useShown } from "./context";
import { adviceRows, pieces, type Piece } from "./model/prose";

/** A link to an event of this execution; with its modifiers it opens as links do. */
export function EventLink({ seq, children, className }: { seq: number; children?: ReactNode; className?: string }) {
  const { eventHref, openEvent } = useShown();
  const onClick = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    openEvent(seq);
  };
  return (
    <a className={className ?? "x-seq num"} href={eventHref(seq)} onClick={onClick} title={`Event ${seq}`}>
      {children ?? `#${seq}`}
    </a>
  );
}

/** A sentence of the server: its instants, ids and commands as what they are. */
export function Prose({ text }: { text: string }) {
  return (
    <bdi className="outside-text x-prose">
      {pieces(text).map((piece, at) => (
        <Shown key={at} piece={piece} />
      ))}
    </bdi>
  );
}

/** What can be done: each command on a line of its own, to be copied. */
export function Advice({ text }: { text: string }) {
  return (
    <>
      {adviceRows(text).map((row, at) =>
        row.kind === "command" ? (
          <Command key={at} text={safeText(row.text)} />
        ) : (
          <bdi key={at} className="outside-text x-prose">
            {row.pieces.map((piece, index) => (
              <Shown key={index} piece={piece} />
            ))}
          </bdi>
        ),
      )}
    </>
  );
}

function Shown({ piece }: { piece: Piece }) {
  switch (piece.kind) {
    case "time":
      return <ClockTime at={piece.text} dated />;
    case "command":
      return <code>{safeText(piece.text)}</code>;
    case "execution":
      return (
        <Link href={`/executions/${piece.text}`} className="mono">
          {piece.text}
        </Link>
      );
    case "text":
      return <span>{safeText(piece.text)}</span>;
  }
}

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** The time of day, the whole instant on hover; `dated` has the day as well where it is not today. */
export const ClockTime = memo(function ClockTime({ at, dated = false }: { at: string; dated?: boolean }) {
  const time = Date.parse(at);
  const away = dated && new Date(time).toDateString() !== new Date().toDateString();
  return (
    <time className="num" dateTime={at} title={exactTime(at)}>
      {Number.isNaN(time) ? at : (away ? dayFormat : clockFormat).format(time)}
    </time>
  );
});

const STATUS_TONES: Readonly<Record<string, { tone: Tone; icon: ReactElement }>> = {
  streaming: { tone: "plain", icon: icons.pulse },
  called: { tone: "plain", icon: icons.pulse },
  running: { tone: "plain", icon: icons.pulse },
  in_progress: { tone: "plain", icon: icons.pulse },
  done: { tone: "good", icon: icons.check },
  completed: { tone: "good", icon: icons.check },
  answered: { tone: "good", icon: icons.check },
  error: { tone: "bad", icon: icons.warning },
  failed: { tone: "bad", icon: icons.warning },
  interrupted: { tone: "warn", icon: icons.stop },
  cancelled: { tone: "plain", icon: icons.stop },
  skipped: { tone: "plain", icon: icons.right },
  suspended: { tone: "warn", icon: icons.pause },
  waiting: { tone: "warn", icon: icons.pause },
};

const STATUS_WORDS: Readonly<Record<string, string>> = {
  streaming: "arguments arriving",
  called: "running",
  in_progress: "in progress",
  error: "failed",
};

/** A status as glyph and word. */
export function StatusBadge({ status, word }: { status: string; word?: string }) {
  const { tone, icon } = STATUS_TONES[status] ?? { tone: "plain" as const, icon: icons.info };
  return (
    <Badge tone={tone} icon={icon}>
      {word ?? STATUS_WORDS[status] ?? safeText(status.replaceAll("_", " "))}
    </Badge>
  );
}

/** Lines and characters that stand without being asked for. */
const LINES = 14;
const CHARACTERS = 2_400;
/** The most that is put into the page at all; the log has the rest. */
const MOST = 400_000;

/** Text from outside as it stands, cut where it is long. */
export function Text({ text, className }: { text: string; className?: string }) {
  const [all, setAll] = useState(false);
  const short = all ? undefined : cutAt(text);
  const shown = short === undefined ? text.slice(0, MOST) : text.slice(0, short);
  return (
    <>
      <pre className={className ? `x-text ${className}` : "x-text"} dir="auto">
        {safeText(shown)}
      </pre>
      {(short !== undefined || all) && (
        <Button variant="quiet" className="x-more" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? "Show less" : `Show all ${text.length.toLocaleString("en-GB")} characters`}
        </Button>
      )}
    </>
  );
}

function cutAt(text: string): number | undefined {
  let at = -1;
  for (let line = 0; line < LINES; line += 1) {
    at = text.indexOf("\n", at + 1);
    if (at < 0) break;
  }
  const end = at < 0 ? text.length : at;
  const cut = Math.min(end, CHARACTERS);
  // To save a line or two is not worth a button.
  return text.length - cut > 200 || (at >= 0 && text.indexOf("\n", at + 1) >= 0) ? cut : undefined;
}

/** JSON larger than this is not taken apart for showing. */
const PARSED_MOST = 200_000;

/** A value, or text that is one: an object or a list as JSON, anything else as text. */
export function Value({ value, open = 2 }: { value: unknown; open?: number }) {
  const shown = typeof value === "string" ? parsed(value) : value;
  if (typeof shown === "object" && shown !== null) return <Json value={shown} open={open} />;
  return <Text text={textOf(shown)} />;
}

function parsed(text: string): unknown {
  if (text.length > PARSED_MOST || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export function Took({ ms }: { ms: number | undefined }) {
  return ms === undefined ? null : <span className="num muted">{formatDuration(ms)}</span>;
}

/** Something that folds, with its time beside it: what is in a summary cannot be a link as well. */
export function Fold({ at, seq, children }: { at: string; seq: number; children: ReactNode }) {
  return (
    <div className="x-fold">
      {children}
      <span className="x-when">
        <ClockTime at={at} /> <EventLink seq={seq} />
      </span>
    </div>
  );
}

/** Stands where something will, or what says that there is nothing: neither is known yet. */
export function Reading({ what, lines = 3 }: { what: string; lines?: number }) {
  return (
    <div className="x-reading" role="status">
      <span className="muted">Reading {what}…</span>
      <Skeleton lines={lines} />
    </div>
  );
}

export function Section({ title, end, children }: { title: string; end?: ReactNode; children: ReactNode }) {
  return (
    <section className="x-section">
      <header>
        <h2>{title}</h2>
        {end}
      </header>
      {children}
    </section>
  );
}
