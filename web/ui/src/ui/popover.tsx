// A panel below its button, on the browser's own popover: it closes on Escape and on a click elsewhere.

import { useEffect, useId, useRef, useState, type ReactElement, type ReactNode } from "react";

import { icons } from "./icons";

const GAP = 4;

export function Popover({
  label,
  icon,
  children,
  title,
  align = "start",
}: {
  /** On the button. */
  label: ReactNode;
  icon?: ReactElement;
  /** The panel's name for who does not see it. */
  title: string;
  align?: "start" | "end";
  children: (close: () => void) => ReactNode;
}) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const element = panel.current;
    if (!element) return;
    const place = () => {
      const at = button.current?.getBoundingClientRect();
      if (!at) return;
      const width = element.offsetWidth;
      const left = align === "start" ? at.left : at.right - width;
      element.style.left = `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`;
      element.style.top = `${at.bottom + GAP}px`;
      element.style.maxHeight = `${Math.max(160, window.innerHeight - at.bottom - GAP - 8)}px`;
    };
    const onToggle = (event: Event) => {
      const opens = (event as ToggleEvent).newState === "open";
      setOpen(opens);
      if (opens) requestAnimationFrame(place);
    };
    element.addEventListener("toggle", onToggle);
    // What it holds may come later, or change.
    const resized = new ResizeObserver(place);
    if (open) {
      place();
      resized.observe(element);
      window.addEventListener("resize", place);
    }
    return () => {
      element.removeEventListener("toggle", onToggle);
      resized.disconnect();
      window.removeEventListener("resize", place);
    };
  }, [open, align]);
  return (
    <>
      <button ref={button} type="button" className="button" popoverTarget={id} aria-expanded={open}>
        {icon}
        {label}
        {icons.down}
      </button>
      <div ref={panel} id={id} popover="auto" className="popover" role="dialog" aria-label={title}>
        {open && children(() => panel.current?.hidePopover())}
      </div>
    </>
  );
}
