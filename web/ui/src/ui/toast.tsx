// Short messages about what was done. They are read out, stay long enough to be read, and do not take
// the focus; what went wrong stays until it is closed.

import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from "react";

import { icons } from "./icons";
import { IconButton, type Tone } from "./parts";

type Toast = { id: number; tone: Tone; content: ReactNode };
type Show = (content: ReactNode, tone?: Tone) => void;

const SHOWN_MS = 6_000;
const MOST = 4;

const Context = createContext<Show>(() => {});

/** Shows a short message. */
export function useToast(): Show {
  return useContext(Context);
}

export function Toasts({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const next = useRef(1);
  const close = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const show = useCallback<Show>(
    (content, tone = "plain") => {
      const id = next.current++;
      setToasts((all) => [...all.slice(1 - MOST), { id, tone, content }]);
      if (tone !== "bad") setTimeout(() => close(id), SHOWN_MS);
    },
    [close],
  );
  const shown = useMemo(
    () => (
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className="toast" data-tone={toast.tone}>
            {toast.tone === "bad" ? icons.warning : toast.tone === "good" ? icons.check : icons.info}
            <div>{toast.content}</div>
            <IconButton size="small" label="Close the message" icon={icons.close} onClick={() => close(toast.id)} />
          </div>
        ))}
      </div>
    ),
    [toasts, close],
  );
  return (
    <Context value={show}>
      {children}
      {shown}
    </Context>
  );
}
