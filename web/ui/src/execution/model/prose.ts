// Sentences of the server, cut into what can be shown better than as text: instants, commands of the
// command line, and ids of executions. The pieces together are the sentence.

export type Piece =
  | { kind: "text"; text: string }
  | { kind: "time"; text: string }
  | { kind: "command"; text: string }
  | { kind: "execution"; text: string };

const PARTS =
  /(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|"(?<quoted>heartline [^"\n]{1,300})"|(?<=(?:: |\(|\bsee ))(?<command>heartline (?:[a-z]+)(?: [^;()\n]{1,300})?)|(?<id>\b[aw]ex_[0-9a-f]{32}\b)/g;

/** What stands on a line of its own in advice: a command, or the words before one. */
export type AdviceRow = { kind: "command"; text: string } | { kind: "words"; pieces: readonly Piece[] };

/** A sentence of advice with each command on a line of its own; what joined them in the sentence goes. */
export function adviceRows(sentence: string): AdviceRow[] {
  const rows: AdviceRow[] = [];
  let words: Piece[] = [];
  const flush = () => {
    const text = words.map((piece) => piece.text).join("");
    if (/[\p{L}\p{N}]/u.test(text)) rows.push({ kind: "words", pieces: words });
    words = [];
  };
  for (const piece of pieces(sentence)) {
    if (piece.kind === "command") {
      flush();
      rows.push({ kind: "command", text: piece.text });
    } else if (words.length === 0 && rows.length > 0) {
      const rest = piece.text.replace(/^[;,.)\s]+(?:or )?/, "");
      words.push({ ...piece, text: rest.charAt(0).toUpperCase() + rest.slice(1) });
    } else words.push(piece);
  }
  flush();
  return rows;
}

export function pieces(sentence: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  const add = (kind: Piece["kind"], text: string) => {
    if (text !== "") found.push({ kind, text });
  };
  for (const match of sentence.matchAll(PARTS)) {
    const groups = match.groups ?? {};
    const at = match.index;
    add("text", sentence.slice(from, at));
    if (groups.time !== undefined) add("time", groups.time);
    else if (groups.quoted !== undefined) add("command", groups.quoted);
    else if (groups.command !== undefined) {
      // The full stop belongs to the sentence.
      const command = groups.command.replace(/[.\s]+$/, "");
      add("command", command);
      add("text", groups.command.slice(command.length));
    } else add("execution", groups.id ?? "");
    from = at + match[0].length;
  }
  add("text", sentence.slice(from));
  return found;
}
