// The shell: where to go, how the connection is, and the page.

import { useEffect, useRef, useState, type SyntheticEvent } from "react";
import { Link, useLocation } from "wouter";

import { useStatus } from "../live/context";
import { IconButton, icons, later, Toasts } from "../ui";
import { ConnectionBanner } from "./banner";
import { PageBoundary } from "./boundary";
import { useServerClock } from "./clock";
import { bound, useShortcuts } from "./keys";
import { preload, Routes } from "./routes";
import { applyTheme, storedTheme, type Theme } from "./theme";

const HelpDialog = later(() => import("./help"));

const PLACES = [
  { href: "/", label: "Executions", icon: icons.list, under: "/executions" },
  { href: "/queues", label: "Queues", icon: icons.queue, under: "/queues" },
  { href: "/runners", label: "Runners", icon: icons.runner, under: "/runners" },
  { href: "/supervisor", label: "Supervisor", icon: icons.pulse, under: "/supervisor" },
] as const;

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: "light", light: "dark", dark: "auto" };
const THEME_NAME: Readonly<Record<Theme, string>> = { auto: "as the system", light: "light", dark: "dark" };

export function App() {
  const [location, navigate] = useLocation();
  const [help, setHelp] = useState(false);
  const [theme, setTheme] = useState<Theme>(storedTheme);
  useEffect(() => applyTheme(theme), [theme]);
  // The page that had the focus is gone: reading goes on at the new one, not at the top of the shell.
  const before = useRef(location);
  useEffect(() => {
    if (before.current === location) return;
    before.current = location;
    if (document.activeElement === document.body) document.getElementById("content")?.focus({ preventScroll: true });
  }, [location]);
  const nextTheme = () => setTheme((before) => NEXT_THEME[before]);
  useServerClock();
  useShortcuts(
    bound("anywhere", {
      executions: () => navigate("/"),
      queues: () => navigate("/queues"),
      runners: () => navigate("/runners"),
      supervisor: () => navigate("/supervisor"),
      help: () => setHelp(true),
      theme: nextTheme,
      search: () => {
        const search = document.querySelector<HTMLElement>("main input[type=search]");
        if (search) search.focus();
        else navigate("/?focus=search");
      },
      create: () => navigate("/?create"),
    }),
    true,
  );
  return (
    <Toasts>
      <div className="shell" onPointerOver={preloadLink} onFocus={preloadLink}>
        <a
          className="skip"
          href="#content"
          onClick={(event) => {
            event.preventDefault();
            document.getElementById("content")?.focus();
          }}
        >
          Skip to the content
        </a>
        <header className="top">
          <Link href="/" className="brand" aria-label="Heartline, to the executions">
            {icons.pulse}
            <span>Heartline</span>
          </Link>
          <nav aria-label="Main">
            {PLACES.map((place) => {
              const here = location === place.href || location.startsWith(`${place.under}/`);
              return (
                <Link key={place.href} href={place.href} className="place" aria-current={here ? "page" : undefined}>
                  {place.icon}
                  <span>{place.label}</span>
                </Link>
              );
            })}
          </nav>
          <div className="top-end">
            <LiveDot />
            <IconButton
              label={`Theme: ${THEME_NAME[theme]}`}
              icon={theme === "auto" ? icons.auto : theme === "light" ? icons.sun : icons.moon}
              onClick={nextTheme}
            />
            <IconButton label="Keyboard shortcuts" icon={icons.help} onClick={() => setHelp(true)} />
          </div>
        </header>
        <ConnectionBanner />
        <main id="content" tabIndex={-1}>
          <Routes />
          {help && (
            <PageBoundary>
              <HelpDialog onClose={() => setHelp(false)} />
            </PageBoundary>
          )}
        </main>
      </div>
    </Toasts>
  );
}

/** Who points at a link or goes to it with Tab may open it next. */
function preloadLink({ target }: SyntheticEvent) {
  const link = target instanceof Element ? target.closest("a") : null;
  if (link?.origin === location.origin) preload(link.pathname);
}

function LiveDot() {
  const { state } = useStatus();
  const word = state === "live" ? "Live" : state === "offline" ? "Offline" : state === "connecting" ? "Connecting" : "Reconnecting";
  return (
    <span className="live-dot" data-state={state} title={state === "live" ? "Changes are shown as they happen" : word}>
      <span aria-hidden="true">{state === "live" ? "●" : "○"}</span> <span className="live-word">{word}</span>
    </span>
  );
}
