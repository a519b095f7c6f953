// Says that what is shown may be old, as long as it may be, and when the next try is.

import { useEffect, useState } from "react";

import { useLive, useStatus } from "../live/context";
import { atServer, Button, icons, safeText, Time, useClock } from "../ui";

/** A reconnect that is over sooner than this is not worth a word. */
const PATIENCE_MS = 700;

export function ConnectionBanner() {
  const live = useLive();
  const status = useStatus();
  const away = status.state === "reconnecting" || status.state === "offline";
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    if (!away) {
      setPatient(true);
      return;
    }
    const timer = setTimeout(() => setPatient(false), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [away]);
  const shown = away && !patient;
  return (
    <div role="status" aria-live="polite">
      {shown && (
        <div className="banner">
          {icons.offline}
          <p>
            <strong>{status.state === "offline" ? "This machine is offline." : "Reconnecting to the server."}</strong>{" "}
            What you see is as of <Time at={new Date(atServer(status.since)).toISOString()} />
            {status.why ? `: ${safeText(status.why)}` : ""}. Nothing is lost: it goes on from there.
          </p>
          <NextTry at={status.retryAt} />
          <Button onClick={() => live.retryNow()}>Try now</Button>
        </div>
      )}
    </div>
  );
}

function NextTry({ at }: { at: number | undefined }) {
  const left = useClock(() => (at === undefined ? 0 : Math.max(0, Math.ceil((at - Date.now()) / 1_000))));
  // Not read out each second.
  return (
    <span className="muted num" aria-hidden="true">
      {left > 0 ? `next try in ${left} s` : "trying…"}
    </span>
  );
}
