// Following the end of a list that scrolls: at the end until a person moves away, and again when they
// come back to it.

import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";

/** How near to the end counts as being there, in pixels. */
const NEAR = 30;
/** How long after a wheel, a touch or a key a scroll is a person's. */
const PERSON_MS = 400;

/** What to call when it scrolls. */
export function useFollow(
  of: RefObject<HTMLElement | null>,
  following: boolean,
  onFollow: (following: boolean) => void,
): () => void {
  const moved = usePersonMoves(of);
  return useCallback(() => {
    const at = of.current;
    if (!at) return;
    const atEnd = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR;
    // Lists scroll by themselves when rows turn out higher than thought; that is nobody's wish.
    if (atEnd !== following && (atEnd || moved.current)) onFollow(atEnd);
  }, [of, moved, following, onFollow]);
}

/** Whether all of the content is in sight, so that there is no end to go to. */
export function useFits(of: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>): boolean {
  const [fits, setFits] = useState(true);
  useLayoutEffect(() => {
    const [outer, inner] = [of.current, content.current];
    if (!outer || !inner) return;
    const measure = () => setFits(outer.scrollHeight - outer.clientHeight < NEAR);
    const resized = new ResizeObserver(measure);
    resized.observe(outer);
    resized.observe(inner);
    measure();
    return () => resized.disconnect();
  }, [of, content]);
  return fits;
}

function usePersonMoves(of: RefObject<HTMLElement | null>): RefObject<boolean> {
  const moved = useRef(false);
  useEffect(() => {
    const element = of.current;
    let timer: ReturnType<typeof setTimeout>;
    const mark = () => {
      moved.current = true;
      clearTimeout(timer);
      timer = setTimeout(() => (moved.current = false), PERSON_MS);
    };
    const events = ["wheel", "touchmove", "keydown", "pointerdown"] as const;
    for (const each of events) element?.addEventListener(each, mark, { passive: true });
    return () => {
      clearTimeout(timer);
      for (const each of events) element?.removeEventListener(each, mark);
    };
  }, [of]);
  return moved;
}
