// A message, a piece of reasoning, or an activity.

import { memo, useState } from "react";

import { formatDuration, icons, Json, safeText } from "../../ui";
import { useVersion } from "../context";
import type { Message } from "../model/items";
import { took } from "../model/items";
import { ClockTime, EventLink, Fold, StatusBadge, Text } from "../parts";
import { StreamedText } from "./streamed";

const ROLES: Readonly<Record<string, string>> = {
  assistant: "Assistant",
  user: "User",
  system: "System",
  developer: "Developer",
  tool: "Tool",
  activity: "Activity",
  reasoning: "Reasoning",
};

export const MessageView = memo(function MessageView({ message }: { message: Message }) {
  useVersion(message.key);
  if (message.role === "reasoning") return <Reasoning message={message} />;
  const { role, name, status } = message;
  return (
    <article className="x-message" data-role={role} aria-label={`${ROLES[role] ?? safeText(role)}, message`}>
      <header>
        <strong>{ROLES[role] ?? safeText(role)}</strong>
        {name && <bdi className="outside-text muted">{safeText(name)}</bdi>}
        {message.activityType && <bdi className="outside-text muted">{safeText(message.activityType)}</bdi>}
        {status === "streaming" && <StatusBadge status="streaming" word="writing" />}
        {status === "interrupted" && <StatusBadge status="interrupted" />}
        <span className="x-when">
          <ClockTime at={message.time} /> <EventLink seq={message.seq} />
        </span>
      </header>
      <Body message={message} />
    </article>
  );
});

function Body({ message }: { message: Message }) {
  if (message.json === undefined) return <StreamedText key={message.epoch} message={message} />;
  if (!Array.isArray(message.json)) return <Json value={message.json} open={3} />;
  return (
    <>
      {(message.json as unknown[]).map((part, index) => (
        <Part key={index} part={part} />
      ))}
    </>
  );
}

/** A part of content: text as text, anything else as what it is made of. */
function Part({ part }: { part: unknown }) {
  const text =
    typeof part === "object" && part !== null && "type" in part && part.type === "text" && "text" in part
      ? part.text
      : undefined;
  return typeof text === "string" ? <Text text={text} /> : <Json value={part} open={2} />;
}

/** Folded: it is long, and what came of it is what counts. */
function Reasoning({ message }: { message: Message }) {
  const [open, setOpen] = useState(false);
  const { status } = message;
  const ms = took(message.time, message.endedAt);
  return (
    <Fold at={message.time} seq={message.seq}>
      <details className="x-reasoning" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          {icons.right}
          <span>
            Reasoning{" "}
            <span className="muted num">
              {message.text.length.toLocaleString("en-GB")} characters{ms !== undefined && `, ${formatDuration(ms)}`}
            </span>
          </span>
          {status === "streaming" && <StatusBadge status="streaming" word="thinking" />}
          {status === "interrupted" && <StatusBadge status="interrupted" />}
        </summary>
        {open && <Body message={message} />}
      </details>
    </Fold>
  );
}
