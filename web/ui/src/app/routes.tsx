// Which page is at which path. All but the list are loaded when they are first opened, or when a link to
// them is pointed at.

import { useEffect } from "react";
import { Link, Route, Switch } from "wouter";

import { ExecutionsPage } from "../executions/page";
import { EmptyState, later, Patient, Skeleton } from "../ui";
import { PageBoundary } from "./boundary";

const ExecutionPage = later(() => import("../execution/page"), <Loading />);
const QueuesPage = later(() => import("../operations/queues"), <Loading />);
const QueuePage = later(() => import("../operations/queue"), <Loading />);
const RunnersPage = later(() => import("../operations/runners"), <Loading />);
const RunnerPage = later(() => import("../operations/runner"), <Loading />);
const SupervisorPage = later(() => import("../operations/supervisor"), <Loading />);

const LOADED_LATER = [
  { path: /^\/executions\/./, page: ExecutionPage },
  { path: /^\/queues$/, page: QueuesPage },
  { path: /^\/queues\/./, page: QueuePage },
  { path: /^\/runners$/, page: RunnersPage },
  { path: /^\/runners\/./, page: RunnerPage },
  { path: /^\/supervisor$/, page: SupervisorPage },
];

/** Loads the code of the page at a path ahead. */
export function preload(path: string): void {
  LOADED_LATER.find((each) => each.path.test(path))?.page.load();
}

/** A part of the address, as text: the router leaves characters escaped that have a meaning in addresses. */
function text(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function Loading() {
  return (
    <div className="page-loading" role="status">
      <span className="visually-hidden">Loading the page</span>
      <Patient>
        <Skeleton width="30%" />
        <Skeleton lines={5} />
      </Patient>
    </div>
  );
}

function NoPage() {
  useEffect(() => {
    document.title = "No page here · Heartline";
  }, []);
  return (
    <EmptyState title="There is no page here" action={<Link href="/">Go to the executions</Link>}>
      <p className="muted">The address leads nowhere in this version of the dashboard.</p>
    </EmptyState>
  );
}

/** The keys keep what broke on one page from being shown on the next. */
export function Routes() {
  return (
    <Switch>
      <Route path="/">
        <PageBoundary key="executions">
          <ExecutionsPage />
        </PageBoundary>
      </Route>
      <Route path="/executions/:id">
        {({ id }) => (
          <PageBoundary key={id}>
            <ExecutionPage id={text(id)} />
          </PageBoundary>
        )}
      </Route>
      <Route path="/queues">
        <PageBoundary key="queues">
          <QueuesPage />
        </PageBoundary>
      </Route>
      <Route path="/queues/:name">
        {({ name }) => (
          <PageBoundary key={name}>
            <QueuePage name={text(name)} />
          </PageBoundary>
        )}
      </Route>
      <Route path="/runners">
        <PageBoundary key="runners">
          <RunnersPage />
        </PageBoundary>
      </Route>
      <Route path="/runners/:id">
        {({ id }) => (
          <PageBoundary key={id}>
            <RunnerPage id={text(id)} />
          </PageBoundary>
        )}
      </Route>
      <Route path="/supervisor">
        <PageBoundary key="supervisor">
          <SupervisorPage />
        </PageBoundary>
      </Route>
      <Route>
        <NoPage />
      </Route>
    </Switch>
  );
}
