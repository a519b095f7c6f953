// Where a text stops being JSON. Browsers word that differently, and some do not say where; so the place
// is found here, and only whether it is JSON is left to the browser.

export type JsonRead = { value: unknown } | { message: string; line: number; column: number };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS = ["true", "false", "null"];
const MOST_LEVELS = 500;

class Slip extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

export function readJson(text: string): JsonRead {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    const found = locate(text);
    const before = text.slice(0, found.at);
    const line = before.split("\n").length;
    return { message: found.message, line, column: found.at - before.lastIndexOf("\n") };
  }
}

function locate(text: string): { message: string; at: number } {
  let at = 0;
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const seen = () => (at >= text.length ? "the text ends" : `there is ${JSON.stringify(text[at])}`);
  const expect = (what: string): never => {
    throw new Slip(`${what} is expected, but ${seen()}`, at);
  };
  const string = () => {
    const begin = at;
    if (match(STRING)) return;
    // Where in the string it goes wrong.
    for (at = begin + 1; at < text.length; at += 1) {
      const character = text[at] as string;
      if (character === "\n") throw new Slip("a string ends with its line; write the line break as \\n", at);
      if (character < " ") throw new Slip("a control character stands in a string; write it as \\u00XX", at);
      if (character !== "\\") continue;
      if (!/^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(text.slice(at, at + 6))) throw new Slip("this escape is none", at);
      at += 1;
    }
    throw new Slip("a string has no end", begin);
  };
  const value = (level: number): void => {
    match(SPACE);
    if (level > MOST_LEVELS) throw new Slip("it is nested too deeply", at);
    const character = text[at];
    if (character === "{" || character === "[") branch(level, character === "{");
    else if (character === '"') string();
    else if (character === "'") throw new Slip('strings stand in double quotes: "…"', at);
    else {
      const word = WORDS.find((each) => text.startsWith(each, at));
      if (word) at += word.length;
      else if (!match(NUMBER)) expect("a value");
    }
    match(SPACE);
  };
  const branch = (level: number, object: boolean): void => {
    const close = object ? "}" : "]";
    at += 1;
    match(SPACE);
    if (text[at] === close) {
      at += 1;
      return;
    }
    for (;;) {
      match(SPACE);
      if (object) {
        if (text[at] !== '"') expect("a name in double quotes");
        string();
        match(SPACE);
        if (text[at] !== ":") expect("a colon");
        at += 1;
      }
      value(level + 1);
      if (text[at] === close) {
        at += 1;
        return;
      }
      if (text[at] !== ",") expect(`a comma or ${close}`);
      const comma = at;
      at += 1;
      match(SPACE);
      if (text[at] === close) throw new Slip(`a comma stands before ${close}`, comma);
    }
  };
  try {
    value(0);
    if (at < text.length) expect("the end");
  } catch (slip) {
    if (slip instanceof Slip) return { message: slip.message, at: slip.at };
    throw slip;
  }
  return { message: "it is not JSON", at: 0 };
}
