/** Text that comes piece by piece, and tool calls, in AG-UI's events. */

import { toJson } from "./json.js";

/** Hands on one event. */
export type Emit = (type: string, data: object) => Promise<void>;

/** Most UTF-16 units of one piece: three bytes each stay well below the largest event. */
const PIECE = 48 * 1024;

/** What may be said of a message. */
export interface MessageOptions {
  /** Unique within the execution; made up unless said. */
  id?: string;
  /** `assistant` unless said. */
  role?: "assistant" | "user" | "system" | "developer";
  /** Who speaks. */
  name?: string;
}

/** Something written piece by piece. */
export interface Writer {
  /** Its `messageId`. */
  readonly id: string;
  /** Adds a piece, such as a token; resolves when there was room for it. */
  write: (text: string) => Promise<void>;
  /** It is complete; again is fine. */
  end: () => Promise<void>;
}

/** The types of one kind of text; `around` encloses it. */
interface Kind {
  around?: [string, string];
  start: string;
  content: string;
  end: string;
}

const MESSAGE: Kind = {
  start: "TEXT_MESSAGE_START",
  content: "TEXT_MESSAGE_CONTENT",
  end: "TEXT_MESSAGE_END",
};

const REASONING: Kind = {
  around: ["REASONING_START", "REASONING_END"],
  start: "REASONING_MESSAGE_START",
  content: "REASONING_MESSAGE_CONTENT",
  end: "REASONING_MESSAGE_END",
};

/** A message for people. */
export function message(emit: Emit, id: string, options: MessageOptions): Writer {
  const { role = "assistant", name } = options;
  return writer(emit, MESSAGE, id, { role, ...(name === undefined ? {} : { name }) });
}

/** What a model thinks before it speaks. */
export function reasoning(emit: Emit, id: string): Writer {
  return writer(emit, REASONING, id, { role: "reasoning" });
}

function writer(emit: Emit, kind: Kind, messageId: string, about: object): Writer {
  const [before, after] = kind.around ?? [];
  if (before) void emit(before, { messageId });
  void emit(kind.start, { messageId, ...about });
  const pieces = new Pieces();
  let ended = false;
  const put = async (texts: string[]) => {
    for (const delta of texts) await emit(kind.content, { messageId, delta });
  };
  return {
    id: messageId,
    write: (text) => put(pieces.take(text)),
    end: async () => {
      if (ended) return;
      ended = true;
      void put(pieces.rest());
      const end = emit(kind.end, { messageId });
      await (after ? (void end, emit(after, { messageId })) : end);
    },
  };
}

/** Cuts text into pieces that fit, never through a character, also where models do. */
class Pieces {
  #half = "";

  take(text: string): string[] {
    const whole = this.#half + text;
    const pieces: string[] = [];
    let at = 0;
    while (at < whole.length) {
      let to = Math.min(whole.length, at + PIECE);
      // The first half of a character waits for the second.
      if (isFirstHalf(whole.charCodeAt(to - 1))) to -= 1;
      if (to === at) break;
      pieces.push(whole.slice(at, to));
      at = to;
    }
    this.#half = whole.slice(at);
    return pieces;
  }

  rest(): string[] {
    const half = this.#half;
    this.#half = "";
    return half === "" ? [] : [half];
  }
}

function isFirstHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** A tool call whose result is not there yet. */
export interface ToolCall {
  /** Its `toolCallId`. */
  readonly id: string;
  /** What the tool answered: text, or anything that has JSON. */
  result: (content: unknown) => Promise<void>;
  /** What went wrong. */
  error: (message: string) => Promise<void>;
}

/** Says that a tool is called. `resultId` becomes the id of the message with the result. */
export function toolCall(
  emit: Emit,
  ids: { call: string; result: string },
  name: string,
  args: unknown,
): ToolCall {
  const toolCallId = ids.call;
  void emit("TOOL_CALL_START", { toolCallId, toolCallName: name });
  for (const delta of new Pieces().take(asText(args ?? {}))) {
    void emit("TOOL_CALL_ARGS", { toolCallId, delta });
  }
  void emit("TOOL_CALL_END", { toolCallId });
  const about = { messageId: ids.result, toolCallId, role: "tool" };
  return {
    id: toolCallId,
    result: (content) => emit("TOOL_CALL_RESULT", { ...about, content: asText(content) }),
    error: (error) => emit("TOOL_CALL_RESULT", { ...about, content: error, error }),
  };
}

function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return toJson(value) ?? "null";
}
