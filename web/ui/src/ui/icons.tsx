// Small line icons, drawn here so that no font or file is fetched for them. They never stand alone:
// a word is beside them, or the control has a name.

import type { ReactElement, ReactNode } from "react";

import type { Phase } from "../api/types";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

const path = (d: string) => (
  <Icon>
    <path d={d} />
  </Icon>
);

export const icons = {
  search: (
    <Icon>
      <circle cx="7" cy="7" r="4.2" />
      <path d="m10.4 10.4 3.2 3.2" />
    </Icon>
  ),
  plus: path("M8 3v10M3 8h10"),
  close: path("m4 4 8 8M12 4l-8 8"),
  check: path("m3 8.5 3.2 3.2L13 5"),
  copy: (
    <Icon>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5" />
    </Icon>
  ),
  down: path("m4 6 4 4 4-4"),
  up: path("m4 10 4-4 4 4"),
  left: path("m10 4-4 4 4 4"),
  right: path("m6 4 4 4-4 4"),
  retry: path("M13 8a5 5 0 1 1-1.5-3.6M13 2.5V5h-2.5"),
  stop: (
    <Icon>
      <rect x="4" y="4" width="8" height="8" rx="1" />
    </Icon>
  ),
  pause: path("M5.5 3.5v9M10.5 3.5v9"),
  play: path("M5 3.5v9l7-4.5z"),
  filter: path("M2.5 4h11M4.5 8h7M6.5 12h3"),
  bookmark: path("M4.5 2.5h7v11L8 10.7l-3.5 2.8z"),
  edit: path("m3 13 .6-2.6L11 3l2 2-7.4 7.4zM9.6 4.4l2 2"),
  trash: path("M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9"),
  warning: path("M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1"),
  info: (
    <Icon>
      <circle cx="8" cy="8" r="5.7" />
      <path d="M8 7.5v3.4M8 5.2v.1" />
    </Icon>
  ),
  link: path("M6.5 9.5 9.5 6.5M7 4.5l1.3-1.3a3 3 0 0 1 4.3 4.3L11.5 9M9 11.5l-1.3 1.3a3 3 0 0 1-4.3-4.3L4.5 7"),
  external: path("M9 3h4v4M13 3 7.5 8.5M11 9.5V13H3V5h3.5"),
  sun: (
    <Icon>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9" />
    </Icon>
  ),
  moon: path("M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z"),
  auto: (
    <Icon>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 2.5v11M8 5l3.6-.5M8 8h5.4M8 11l3.6.5" />
    </Icon>
  ),
  help: (
    <Icon>
      <circle cx="8" cy="8" r="5.7" />
      <path d="M6.4 6.3A1.7 1.7 0 1 1 8 8.4v.7M8 11.2v.1" />
    </Icon>
  ),
  list: path("M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1"),
  queue: path("M2.5 5.5 8 3l5.5 2.5L8 8zM2.5 8.3 8 10.8l5.5-2.5M2.5 11 8 13.5 13.5 11"),
  runner: (
    <Icon>
      <rect x="2.5" y="3" width="11" height="4.2" rx="1" />
      <rect x="2.5" y="8.8" width="11" height="4.2" rx="1" />
      <path d="M5 5.1h.1M5 10.9h.1" />
    </Icon>
  ),
  pulse: path("M1.5 8.5h3l1.6-5 3 9 1.7-5 .7 1h3"),
  offline: path("M2 2l12 12M3 7a7.5 7.5 0 0 1 3-1.7M13 7a7.5 7.5 0 0 0-3.3-1.8M5.2 9.6A4.2 4.2 0 0 1 7 8.6M8 12.4v.1"),
  menu: path("M2.5 4.5h11M2.5 8h11M2.5 11.5h11"),
} satisfies Record<string, ReactElement>;

/** One shape for each phase, told apart without colour. */
export const phaseIcons: Readonly<Record<Phase, ReactElement>> = {
  pending: (
    <Icon>
      <circle cx="8" cy="8" r="5.3" strokeDasharray="2.2 2.2" />
    </Icon>
  ),
  in_progress: (
    <Icon>
      <circle cx="8" cy="8" r="5.3" />
      <path d="M8 8V4.6M8 8l2.4 1.6" />
    </Icon>
  ),
  waiting: (
    <Icon>
      <path d="M2.5 3.5h11v7h-6L4.8 13v-2.5H2.5z" />
      <path d="M8 5.2v2M8 8.8v.1" />
    </Icon>
  ),
  failed: (
    <Icon>
      <path d="M5.7 2.5h4.6l3.2 3.2v4.6l-3.2 3.2H5.7l-3.2-3.2V5.7z" />
      <path d="m6 6 4 4M10 6l-4 4" />
    </Icon>
  ),
  completed: (
    <Icon>
      <circle cx="8" cy="8" r="5.3" />
      <path d="m5.6 8.2 1.7 1.7 3.2-3.5" />
    </Icon>
  ),
  cancelled: (
    <Icon>
      <circle cx="8" cy="8" r="5.3" />
      <path d="m4.4 4.4 7.2 7.2" />
    </Icon>
  ),
};
