// The text of a message that may still grow. What is new is appended to the page as text nodes; nothing
// that is there is drawn again, so that twenty thousand words cost the same as one, each.

import { useEffect, useLayoutEffect, useRef } from "react";

import type { Message } from "../model/items";
import { useVersion } from "../context";
import { Writer } from "./writer";

export function StreamedText({ message }: { message: Message }) {
  const version = useVersion(message.key);
  const element = useRef<HTMLDivElement>(null);
  const writer = useRef<Writer | undefined>(undefined);
  useLayoutEffect(() => {
    if (!element.current) return;
    writer.current ??= new Writer(element.current);
    writer.current.write(message.text, message.status !== "streaming");
  }, [version, message]);
  // A component that comes back begins on an empty page.
  useEffect(() => () => void (writer.current = undefined), []);
  return <div className="x-words" ref={element} data-streaming={message.status === "streaming" || undefined} />;
}
