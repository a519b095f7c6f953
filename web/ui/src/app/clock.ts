// What time it is at the server. Hardly anything is asked over HTTP, and frames do not say when they were
// sent, so each new connection asks once. The server may also have been started anew on another machine.

import { useEffect } from "react";

import { learnTimeOf } from "../api/http";
import { useStatus } from "../live/context";

export function useServerClock(): void {
  const live = useStatus().state === "live";
  useEffect(() => {
    if (!live) return;
    const abort = new AbortController();
    // Without an answer the clocks are taken to agree, or to differ as before.
    learnTimeOf("/livez", abort.signal).catch(() => {});
    return () => abort.abort();
  }, [live]);
}
