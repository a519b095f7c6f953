// What a page that broke, or whose code did not come, shows instead of a blank one.

import { Component, type ErrorInfo, type ReactNode } from "react";

import { problemOf } from "../api/http";
import { useStatus } from "../live/context";
import { Button, ErrorState, NotLoaded } from "../ui";

type Props = { children: ReactNode; live: boolean };
type State = { error: unknown };

export function PageBoundary({ children }: { children: ReactNode }) {
  const { state } = useStatus();
  return <Boundary live={state === "live"}>{children}</Boundary>;
}

class Boundary extends Component<Props, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo) {
    if (!(error instanceof NotLoaded)) console.error("the page broke", error, info.componentStack);
  }

  override componentDidUpdate(before: Props) {
    // The server is back, and with it the code.
    if (this.props.live && !before.live && this.state.error instanceof NotLoaded) this.retry();
  }

  private readonly retry = () => this.setState({ error: undefined });

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    const absent = error instanceof NotLoaded;
    const title = absent ? "This part of the page could not be loaded" : "This part of the page broke";
    return (
      <div className="page-broken">
        <ErrorState problem={{ ...problemOf(error), title }} retry={this.retry}>
          <p>
            {absent
              ? "The server is away, or was updated since this page was opened. Once it is reached again, this is tried again by itself."
              : "What the server does is not affected. A newer server may have a newer page."}
          </p>
          {(!absent || this.props.live) && (
            <p>
              <Button onClick={() => location.reload()}>Load the page anew</Button>
            </p>
          )}
        </ErrorState>
      </div>
    );
  }
}
