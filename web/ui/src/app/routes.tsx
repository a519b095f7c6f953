// Which page is at which path. All but the list are loaded when they are first opened.

import { lazy, Suspense, type ReactNode } from "react";
import { Link, Route, Switch } from "wouter";

import { ExecutionsPage } from "../executions/page";
import { EmptyState, Skeleton } from "../ui";
import { PageBoundary } from "./boundary";

const ExecutionPage = lazy(() => import("../execution/page"));
const QueuesPage = lazy(() => import("../operations/queues"));
const QueuePage = lazy(() => import("../operations/queue"));
const RunnersPage = lazy(() => import("../operations/runners"));
const RunnerPage = lazy(() => import("../operations/runner"));
const SupervisorPage = lazy(() => import("../operations/supervisor"));

/** A part of the address, as text: the router leaves characters escaped that have a meaning in addresses. */
function text(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function Page({ children }: { children: ReactNode }) {
  return (
    <PageBoundary>
      <Suspense fallback={<Loading />}>{children}</Suspense>
    </PageBoundary>
  );
}

function Loading() {
  return (
    <div className="page-loading" role="status">
      <span className="visually-hidden">Loading the page</span>
      <Skeleton width="30%" />
      <Skeleton lines={5} />
    </div>
  );
}

export function Routes() {
  return (
    <Switch>
      <Route path="/">
        <Page>
          <ExecutionsPage />
        </Page>
      </Route>
      <Route path="/executions/:id">
        {({ id }) => (
          <Page key={id}>
            <ExecutionPage id={text(id)} />
          </Page>
        )}
      </Route>
      <Route path="/queues">
        <Page>
          <QueuesPage />
        </Page>
      </Route>
      <Route path="/queues/:name">
        {({ name }) => (
          <Page key={name}>
            <QueuePage name={text(name)} />
          </Page>
        )}
      </Route>
      <Route path="/runners">
        <Page>
          <RunnersPage />
        </Page>
      </Route>
      <Route path="/runners/:id">
        {({ id }) => (
          <Page key={id}>
            <RunnerPage id={text(id)} />
          </Page>
        )}
      </Route>
      <Route path="/supervisor">
        <Page>
          <SupervisorPage />
        </Page>
      </Route>
      <Route>
        <EmptyState title="There is no page here" action={<Link href="/">Go to the executions</Link>}>
          <p className="muted">The address leads nowhere in this version of the dashboard.</p>
        </EmptyState>
      </Route>
    </Switch>
  );
}
