// Text that comes from outside: it is shown, never obeyed. Escape sequences go, characters that turn the
// direction of writing or hide are made visible, and only http and https become links.

import type { ReactNode } from "react";

// CSI and OSC sequences, then any other escape.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_]?)|\u009b[0-?]*[ -/]*[@-~]/g;
// Overrides and isolates of direction, and marks without a width.
const BIDI = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/g;
// Controls but tab, newline and carriage return.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f]/g;

/** Text that does what it looks like. */
export function safeText(text: string): string {
  return text
    .replace(ANSI, "")
    .replace(BIDI, (mark) => `⟦U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟧`)
    .replace(CONTROL, "\ufffd");
}

/** Whatever came, as one text. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  return JSON.stringify(value, null, 2) ?? "";
}

/** Text from outside, in its own direction. */
export function Outside({ children, className }: { children: string; className?: string }) {
  return <bdi className={className ? `outside-text ${className}` : "outside-text"}>{safeText(children)}</bdi>;
}

/** The address where it is one a page may lead to. */
export function safeHref(href: string): string | undefined {
  try {
    const url = new URL(href);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** A link that leads out, where its address is an honest one; else its text. */
export function SafeLink({ href, children }: { href: string; children?: ReactNode }) {
  const to = safeHref(href);
  const shown = children ?? safeText(href);
  if (to === undefined) return <span className="outside-text">{shown}</span>;
  return (
    <a className="outside-text" href={to} target="_blank" rel="noopener noreferrer" title={safeText(to)}>
      {shown}
    </a>
  );
}
