// A sub-agent, with its own conversation within.

import { memo, useState, type ComponentType } from "react";

import { count, Elapsed, icons, safeText } from "../../ui";
import { useShown, useVersion } from "../context";
import { threadKey } from "../model/entries";
import { took, type Agent } from "../model/items";
import { Fold, StatusBadge, Text, Took, Value } from "../parts";
import type { ThreadProps } from "./conversation";

interface AgentProps {
  agent: Agent;
  depth: number;
  following: boolean;
  Thread: ComponentType<ThreadProps>;
}

export const AgentCard = memo(function AgentCard({ agent, depth, following, Thread }: AgentProps) {
  useVersion(agent.key);
  const { status } = agent;
  const name = agent.name === "" ? agent.id : agent.name;
  // One at work is worth seeing; one of many that are done is not, unless somebody opens it.
  const [open, setOpen] = useState(depth === 0 || status === "running" || status === "error");
  return (
    <Fold at={agent.startedAt} seq={agent.seq}>
      <details
        className="x-agent"
        data-status={status}
        open={open}
        onToggle={(event) => event.target === event.currentTarget && setOpen(event.currentTarget.open)}
      >
        <summary>
          {icons.right}
          <span>
            Sub-agent{" "}
            <strong>
              <bdi className="outside-text">{safeText(name)}</bdi>
            </strong>
          </span>
          <StatusBadge status={status} />
          {status === "running" ? (
            <span className="muted">
              <Elapsed from={agent.startedAt} />
            </span>
          ) : (
            <Took ms={took(agent.startedAt, agent.finishedAt)} />
          )}
        </summary>
        {open && (
          <div className="x-agent-in">
            {agent.description && <p className="outside-text muted">{safeText(agent.description)}</p>}
            <Thread owner={agent.id} depth={depth + 1} following={following} />
            {agent.error && (
              <div className="x-io" data-bad>
                <span className="x-io-name">error{agent.error.code && ` ${safeText(agent.error.code)}`}</span>
                <div className="x-io-what">
                  <Text text={agent.error.message} />
                </div>
              </div>
            )}
            {agent.result !== undefined && (
              <div className="x-io">
                <span className="x-io-name">result</span>
                <div className="x-io-what">
                  <Value value={agent.result} />
                </div>
              </div>
            )}
          </div>
        )}
      </details>
    </Fold>
  );
});

/** What a sub-agent says that nothing has begun. */
export function OrphanCard({ id, depth, Thread }: { id: string; depth: number; Thread: ComponentType<ThreadProps> }) {
  useVersion(threadKey(id));
  const entries = useShown().model.transcript.entries.of(id);
  if (entries.length === 0) return null;
  return (
    <details className="x-agent">
      <summary>
        {icons.right}
        <span>
          Sub-agent <bdi className="outside-text mono">{safeText(id)}</bdi>, which was not announced
        </span>
        <span className="muted">{count(entries.length, "entry", "entries")}</span>
      </summary>
      <div className="x-agent-in">
        <Thread owner={id} depth={depth + 1} following={false} />
      </div>
    </details>
  );
}
