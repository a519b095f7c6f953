// Badges, buttons, bars and the other parts without a life of their own.

import { useState, type ButtonHTMLAttributes, type ReactElement, type ReactNode } from "react";

import type { Phase, Problem } from "../api/types";
import { icons, phaseIcons } from "./icons";
import { safeText } from "./text";
import { phaseWord } from "./words";

/** A phase as glyph and word; colour comes on top. */
export function PhaseBadge({ phase }: { phase: Phase }) {
  return (
    <span className="badge" data-phase={phase}>
      {phaseIcons[phase]}
      {phaseWord(phase)}
    </span>
  );
}

export type Tone = "plain" | "good" | "warn" | "bad";

export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: ReactElement; children: ReactNode }) {
  return (
    <span className="badge" data-tone={tone}>
      {icon}
      {children}
    </span>
  );
}

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  variant?: "plain" | "primary" | "danger" | "quiet";
  icon?: ReactElement;
};

export function Button({ variant = "plain", icon, children, className, type = "button", ...rest }: ButtonProps) {
  return (
    <button type={type} className={className ? `button ${className}` : "button"} data-variant={variant} {...rest}>
      {icon}
      {children}
    </button>
  );
}

export type IconButtonProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> & {
  /** Its name, for who does not see the icon, and on hover. */
  label: string;
  icon: ReactElement;
  size?: "small" | "normal";
};

export function IconButton({ label, icon, size = "normal", type = "button", className, ...rest }: IconButtonProps) {
  return (
    <button
      type={type}
      className={className ? `icon-button ${className}` : "icon-button"}
      data-size={size}
      aria-label={label}
      title={label}
      {...rest}
    >
      {icon}
    </button>
  );
}

/** Copies a text. Where the browser does not let a page do that, it says so. */
export function CopyButton({
  text,
  label = "Copy",
  shown = false,
}: {
  text: string | (() => string);
  label?: string;
  shown?: boolean;
}) {
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  const copy = async () => {
    const done = await copyText(typeof text === "function" ? text() : text);
    setState(done ? "done" : "failed");
    setTimeout(() => setState("idle"), 1_600);
  };
  const icon = state === "done" ? icons.check : state === "failed" ? icons.warning : icons.copy;
  const word = state === "done" ? "Copied" : state === "failed" ? "Could not copy" : label;
  return (
    <>
      {shown ? (
        <Button variant="quiet" icon={icon} onClick={() => void copy()}>
          {word}
        </Button>
      ) : (
        <IconButton size="small" label={word} icon={icon} onClick={() => void copy()} />
      )}
      <span className="visually-hidden" role="status">
        {state === "idle" ? "" : word}
      </span>
    </>
  );
}

/** Whether it is on the clipboard now. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function VisuallyHidden({ children }: { children: ReactNode }) {
  return <span className="visually-hidden">{children}</span>;
}

/** How much of a whole. */
export function Bar({ value, label, tone }: { value: number; label: string; tone?: Tone }) {
  const percent = Math.round(Math.min(1, Math.max(0, Number.isFinite(value) ? value : 0)) * 100);
  return (
    <span className="bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <span className="bar-fill" data-tone={tone} style={{ width: `${percent}%` }} />
    </span>
  );
}

export { Bar as Meter };

export function Skeleton({ width = "100%", lines = 1 }: { width?: string; lines?: number }) {
  return (
    <span aria-hidden="true" style={{ display: "grid", gap: 6 }}>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className="skeleton" style={{ width }} />
      ))}
    </span>
  );
}

/** A command to paste into a terminal. */
export function Command({ text }: { text: string }) {
  return (
    <div className="command">
      {/* It may be wider than the page, so it can be scrolled from the keyboard. */}
      <code tabIndex={0}>{text}</code>
      <CopyButton text={text} label="Copy the command" />
    </div>
  );
}

/** Nothing to show, why, and what to do next. */
export function EmptyState({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
      {action}
    </div>
  );
}

/** What went wrong, in the server's words, and the way on. */
export function ErrorState({ problem, retry, children }: { problem: Problem; retry?: () => void; children?: ReactNode }) {
  return (
    <div className="problem" role="alert">
      <p className="problem-title">
        {icons.warning}
        {safeText(problem.title)}
      </p>
      {problem.detail && <p className="outside-text">{safeText(problem.detail)}</p>}
      {problem.errors?.filter((error) => !problem.detail.includes(error.message)).map((error) => (
        <p key={`${error.pointer} ${error.message}`} className="outside-text">
          <code>{safeText(error.pointer)}</code> {safeText(error.message)}
        </p>
      ))}
      {children}
      <div className="problem-foot">
        <code>{problem.code}</code>
        {problem.request_id && (
          <span>
            request <code>{problem.request_id}</code>
          </span>
        )}
        {retry && (
          <Button icon={icons.retry} onClick={retry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}
