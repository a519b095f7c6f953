// Times, relative to now with the exact one on hover, and countdowns to what is due.

import { formatAge, formatDuration } from "./duration";
import { useClock } from "./clock";

const exactFormat = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "medium",
});

/** The exact local time, and the UTC one as the server writes it. */
export function exactTime(at: string): string {
  const time = Date.parse(at);
  return Number.isNaN(time) ? at : `${exactFormat.format(time)} (${at})`;
}

/** `12 s ago`, `in 3 min`; the exact time on hover. `plain` leaves out the `ago`. */
export function Time({ at, plain = false }: { at: string; plain?: boolean }) {
  const time = Date.parse(at);
  const text = useClock((now) => {
    if (Number.isNaN(time)) return at;
    const ms = now - time;
    if (ms < -999) return `in ${formatAge(-ms)}`;
    const age = formatAge(Math.max(0, ms));
    return plain || age === "now" ? age : `${age} ago`;
  });
  return (
    <time className="num" dateTime={at} title={exactTime(at)}>
      {text}
    </time>
  );
}

/** Time left until `at`: `0:42`, `12:03`, `3h 5m`; below zero it says that it is overdue. */
export function Countdown({ at, label }: { at: string; label?: string }) {
  const time = Date.parse(at);
  const text = useClock((now) => countdownText(time - now));
  return (
    <time className="num countdown" dateTime={at} title={exactTime(at)}>
      {label !== undefined && <span className="visually-hidden">{label} in </span>}
      {text}
    </time>
  );
}

export function countdownText(ms: number): string {
  if (Number.isNaN(ms)) return "–";
  if (ms <= -1_000) return `overdue ${formatAge(-ms)}`;
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  if (seconds >= 3_600) return formatDuration(ms);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How long something took or has taken; it ticks while there is no end. */
export function Elapsed({ from, to }: { from: string; to?: string | null }) {
  const begin = Date.parse(from);
  const end = to ? Date.parse(to) : undefined;
  const text = useClock((now) =>
    end === undefined ? formatDuration(Math.floor(Math.max(0, now - begin) / 1_000) * 1_000) : formatDuration(end - begin),
  );
  return (
    <span className="num" title={exactTime(from)}>
      {text}
    </span>
  );
}
