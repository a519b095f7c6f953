// Pausing a queue with a reason, and resuming it. Nothing is shown as done before the server says so.

import { useState } from "react";

import { api, problemOf } from "../api/http";
import type { Problem, QueueUpdate, QueueView } from "../api/types";
import { Button, Dialog, ErrorState, Field, icons, safeText, useToast } from "../ui";
import { count } from "./figures";

/** The bounds of the server, in bytes. */
const MOST_REASON = 1_024;
const MOST_BY = 256;
const WHO = "heartline.by";

export function updateQueue(name: string, change: QueueUpdate): Promise<QueueView> {
  return api.patch<QueueView>(`/v1/queues/${name}`, change);
}

export function PauseControl({ queue, onAnswer }: { queue: QueueView; onAnswer: (queue: QueueView) => void }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const toast = useToast();
  const resume = async () => {
    setBusy(true);
    try {
      onAnswer(await updateQueue(queue.queue, { paused: false }));
      toast(`Queue ${queue.queue} gives out work again.`, "good");
    } catch (error) {
      toast(`Not resumed: ${safeText(problemOf(error).detail || problemOf(error).title)}`, "bad");
    } finally {
      setBusy(false);
    }
  };
  if (queue.paused) {
    return (
      <Button variant="primary" icon={icons.play} disabled={busy} onClick={() => void resume()}>
        {busy ? "Resuming…" : "Resume"}
      </Button>
    );
  }
  return (
    <>
      <Button icon={icons.pause} onClick={() => setAsking(true)}>
        Pause…
      </Button>
      {asking && <PauseDialog queue={queue} onAnswer={onAnswer} onClose={() => setAsking(false)} />}
    </>
  );
}

function storedWho(): string {
  try {
    return localStorage.getItem(WHO) ?? "";
  } catch {
    return "";
  }
}

function storeWho(who: string): void {
  try {
    localStorage.setItem(WHO, who);
  } catch {
    // Asked for again next time.
  }
}

const bytes = (text: string): number => new TextEncoder().encode(text).length;

function PauseDialog({ queue, onAnswer, onClose }: { queue: QueueView; onAnswer: (queue: QueueView) => void; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [by, setBy] = useState(storedWho);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const toast = useToast();
  const at = (pointer: string) => problem?.errors?.find((error) => error.pointer === pointer)?.message;
  const wrong = {
    reason: bytes(reason.trim()) > MOST_REASON ? `At most ${count(MOST_REASON)} bytes.` : at("/reason"),
    by: bytes(by.trim()) > MOST_BY ? `At most ${count(MOST_BY)} bytes.` : at("/by"),
  };
  const pause = async () => {
    setBusy(true);
    setProblem(undefined);
    const change: QueueUpdate = { paused: true };
    if (reason.trim()) change.reason = reason.trim();
    if (by.trim()) change.by = by.trim();
    try {
      onAnswer(await updateQueue(queue.queue, change));
      storeWho(by.trim());
      toast(`Queue ${queue.queue} is paused.`, "good");
      onClose();
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  const tooLong = bytes(reason.trim()) > MOST_REASON || bytes(by.trim()) > MOST_BY;
  return (
    <Dialog
      title={`Pause ${queue.queue}`}
      size="small"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Do not pause</Button>
          <Button variant="primary" type="submit" form="pause-queue" icon={icons.pause} disabled={busy || tooLong}>
            {busy ? "Pausing…" : "Pause"}
          </Button>
        </>
      }
    >
      <form
        id="pause-queue"
        className="ops-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy && !tooLong) void pause();
        }}
      >
        <p>
          Nothing is given out until it is resumed. What is in progress goes on, and so do the deadlines of what waits
          {queue.depth > 0 ? `: of the ${count(queue.depth)} that wait now, those that run out of time fail.` : "."}
        </p>
        <Field label="Why" hint="Shown to whoever asks why nothing moves." error={wrong.reason}>
          {(control) => (
            <input className="input" data-autofocus value={reason} onChange={(event) => setReason(event.target.value)} {...control} />
          )}
        </Field>
        <Field label="Who" hint="Remembered in this browser." error={wrong.by}>
          {(control) => <input className="input" autoComplete="name" value={by} onChange={(event) => setBy(event.target.value)} {...control} />}
        </Field>
        {problem && !at("/reason") && !at("/by") && <ErrorState problem={problem} />}
      </form>
    </Dialog>
  );
}
