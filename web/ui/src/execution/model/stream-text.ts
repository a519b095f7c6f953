// Text that comes in pieces, made safe piece by piece: an escape sequence may be cut in two by the
// pieces, so what could be the beginning of one is held back until more is known.

import { safeText } from "../../ui/text";

/** A sequence longer than this is none. */
const LONGEST = 512;
const ESCAPES = /[\u001b\u009b]/g;
/** CSI, OSC or another escape, complete. */
const COMPLETE =
  /^(?:\u001b\[[0-?]*[ -/]*[@-~]|\u009b[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[^[\]])/;

export class StreamText {
  private held = "";

  /** What can be shown of it now. */
  push(piece: string): string {
    const text = this.held + piece;
    const cut = openEscape(text);
    this.held = cut === undefined ? "" : text.slice(cut);
    return safeText(cut === undefined ? text : text.slice(0, cut));
  }

  /** What was held back; nothing follows. */
  end(): string {
    const rest = this.held;
    this.held = "";
    return safeText(rest);
  }
}

/** Where a sequence begins that is not complete. */
function openEscape(text: string): number | undefined {
  const from = Math.max(0, text.length - LONGEST);
  ESCAPES.lastIndex = from;
  for (let found = ESCAPES.exec(text); found; found = ESCAPES.exec(text)) {
    const whole = COMPLETE.exec(text.slice(found.index));
    if (!whole) return found.index;
    ESCAPES.lastIndex = found.index + whole[0].length;
  }
  return undefined;
}
