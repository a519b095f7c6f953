// Dialogs on the browser's own <dialog>: it keeps the focus inside, gives it back, and closes on Escape.

import { useEffect, useId, useRef, type ReactNode } from "react";

import { icons } from "./icons";
import { IconButton } from "./parts";

const FIELD = ".dialog-body :is(input, textarea, select):not(:disabled)";

/** The first field has the focus, or what is marked with `data-autofocus`. */
export function Dialog({
  title,
  onClose,
  children,
  foot,
  size = "normal",
}: {
  title: string;
  /** Called when it is closed, however that came; the caller then no longer renders it. */
  onClose: () => void;
  children: ReactNode;
  foot?: ReactNode;
  size?: "small" | "normal" | "large";
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const pressedOn = useRef<EventTarget | null>(null);
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    // The browser would take the first control there is, which is the one that closes it.
    const first = dialog?.querySelector<HTMLElement>("[data-autofocus]") ?? dialog?.querySelector<HTMLElement>(FIELD);
    first?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      className="dialog"
      data-size={size}
      aria-labelledby={heading}
      onCancel={(event) => {
        // Also fired by inputs inside, such as one for files.
        if (event.target !== ref.current) return;
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => (pressedOn.current = event.target)}
      onClick={(event) => {
        // Outside of it, and not the end of a selection that began inside.
        if (event.target === ref.current && pressedOn.current === ref.current) onClose();
      }}
    >
      <header className="dialog-head">
        <h2 id={heading}>{title}</h2>
        <IconButton label="Close" icon={icons.close} onClick={onClose} />
      </header>
      <div className="dialog-body">{children}</div>
      {foot && <footer className="dialog-foot">{foot}</footer>}
    </dialog>
  );
}
