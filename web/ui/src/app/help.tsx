// Every shortcut, on `?`.

import { Fragment } from "react";

import { Dialog } from "../ui";
import { KEYS } from "./key-table";

/** What stands on the keys. */
const CAPS: Readonly<Record<string, readonly string[]>> = {
  ArrowDown: ["↓"],
  ArrowUp: ["↑"],
  ArrowLeft: ["←"],
  ArrowRight: ["→"],
  Escape: ["Esc"],
  PageDown: ["Page ↓"],
  PageUp: ["Page ↑"],
  X: ["Shift", "x"],
};

function Caps({ of }: { of: string }) {
  return of.split(" ").map((key, at) => (
    <Fragment key={key}>
      {at > 0 && <span className="muted">then</span>}
      {(CAPS[key] ?? [key]).map((cap) => (
        <kbd key={cap} className="kbd">
          {cap}
        </kbd>
      ))}
    </Fragment>
  ));
}

export default function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" size="large" onClose={onClose}>
      {/* Where it does not all fit, the arrows scroll it. */}
      <div className="help" role="region" aria-label="All shortcuts" tabIndex={0} data-autofocus>
        {Object.entries(KEYS).map(([place, { title, does }]) => (
          <section key={place}>
            <h3>{title}</h3>
            <dl>
              {Object.values<{ keys: readonly string[]; words: string }>(does).map(({ keys, words }) => (
                <div key={words}>
                  <dt>
                    {keys.map((key) => (
                      <Caps key={key} of={key} />
                    ))}
                  </dt>
                  <dd>{words}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
