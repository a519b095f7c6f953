// One execution. What went wrong or what it asks stands first, why it is where it is beside it, and all
// that happened below.

import { useEffect, useState } from "react";
import { Link } from "wouter";

import { useLive } from "../live/context";
import { Button, EmptyState, ErrorState, icons, safeText, Skeleton } from "../ui";
import { STATUS, ExecutionStore, type StoreStatus } from "./store";
import { preloadPane } from "./pane";
import { Shell } from "./shell";

import "./execution.css";

export default function ExecutionPage({ id }: { id: string }) {
  const live = useLive();
  const [store] = useState(() => new ExecutionStore(live, id));
  const [status, setStatus] = useState<StoreStatus>(store.status);
  useEffect(() => {
    preloadPane(location.search);
    const stop = store.start();
    const unsubscribe = store.subscribe(STATUS, () => setStatus(store.status));
    return () => {
      unsubscribe();
      stop();
    };
  }, [store]);
  switch (status.state) {
    case "loading":
      return <Loading id={id} />;
    case "failed":
      return <Failed id={id} problem={status.problem} retry={() => store.retry()} />;
    case "ready":
      return <Shell store={store} model={status.model} pages={status.pages} />;
  }
}

function Loading({ id }: { id: string }) {
  return (
    <div className="x-page x-loading" role="status">
      <span className="visually-hidden">Loading {safeText(id)}</span>
      <Skeleton width="34%" />
      <Skeleton width="70%" />
      <Skeleton lines={6} />
    </div>
  );
}

function Failed({
  id,
  problem,
  retry,
}: {
  id: string;
  problem: Extract<StoreStatus, { state: "failed" }>["problem"];
  retry: () => void;
}) {
  if (problem.status === 404) {
    return (
      <EmptyState title="There is no such execution here" action={<BackToList />}>
        <p className="mono outside-text">{safeText(id)}</p>
        <p className="muted">
          It may have been purged, or it lives on another server or in another namespace. An id is <code>aex_</code> or{" "}
          <code>wex_</code> and 32 hex digits: a part of one can be searched for in the list.
        </p>
        <Button icon={icons.retry} onClick={retry}>
          Look again
        </Button>
      </EmptyState>
    );
  }
  return (
    <div className="x-page x-loading">
      <ErrorState problem={problem} retry={retry}>
        <p>
          <BackToList />
        </p>
      </ErrorState>
    </div>
  );
}

function BackToList() {
  return <Link href="/">Back to all executions</Link>;
}
