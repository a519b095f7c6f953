// What a page that broke shows instead of a blank one.

import { Component, type ErrorInfo, type ReactNode } from "react";

import { problemOf } from "../api/http";
import { Button, ErrorState } from "../ui";

type State = { error: unknown };

export class PageBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo) {
    console.error("the page broke", error, info.componentStack);
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <div className="page-broken">
        <ErrorState
          problem={{ ...problemOf(error), title: "This part of the page broke" }}
          retry={() => this.setState({ error: undefined })}
        >
          <p>What the server does is not affected. A newer server may have a newer page:</p>
          <p>
            <Button onClick={() => location.reload()}>Load the page anew</Button>
          </p>
        </ErrorState>
      </div>
    );
  }
}
