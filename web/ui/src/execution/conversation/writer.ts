// Writes a growing text into the page: only ever appends text nodes, so nothing in it can be markup and
// nothing that is there is drawn again.

import { StreamText } from "../model/stream-text";

/**
 * A block is laid out as a whole, so a long text is several: cut at a line's end once it is so long, and
 * where no line ends, at a word's, or anywhere: what takes as long as it is wide to break into lines must
 * not grow.
 */
const BLOCK = 4_000;
const LONGEST = 2 * BLOCK;

export class Writer {
  private written = 0;
  private block: HTMLDivElement | undefined;
  private length = 0;
  private readonly stream = new StreamText();

  constructor(private readonly into: HTMLElement) {
    into.replaceChildren();
  }

  write(text: string, complete: boolean): void {
    if (text.length > this.written) {
      this.append(this.stream.push(text.slice(this.written)));
      this.written = text.length;
    }
    if (complete) this.append(this.stream.end());
  }

  private append(text: string): void {
    let rest = text;
    while (rest !== "") {
      this.block ??= this.begin();
      const room = BLOCK - this.length;
      const line = room < rest.length ? rest.indexOf("\n", Math.max(0, room)) : -1;
      const most = LONGEST - this.length;
      const cut = line < 0 || line > most;
      const part = cut ? rest.slice(0, end(rest, most)) : rest.slice(0, line);
      this.put(part);
      this.length += part.length;
      rest = rest.slice(part.length);
      if (!cut) {
        // The end of the block is the end of the line.
        rest = rest.slice(1);
        this.block = undefined;
      } else if (rest !== "") {
        this.block = undefined;
      }
    }
  }

  private put(text: string): void {
    const last = this.block?.lastChild;
    if (last instanceof Text && last.length < BLOCK) last.appendData(text);
    else this.block?.append(text);
  }

  private begin(): HTMLDivElement {
    const block = document.createElement("div");
    block.dir = "auto";
    this.into.append(block);
    this.length = 0;
    return block;
  }
}

/** Where to cut a text that is longer than `most`: behind its last space, and never within a character. */
function end(text: string, most: number): number {
  if (text.length <= most) return text.length;
  const space = text.lastIndexOf(" ", most - 1);
  if (space > 0) return space + 1;
  const high = text.charCodeAt(most - 1);
  return Math.max(1, high >= 0xd800 && high <= 0xdbff ? most - 1 : most);
}
