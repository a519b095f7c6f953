// Parts of the page whose code is loaded when they are first shown, or before. Without Suspense, which
// holds back what has come until its fallback was shown for a third of a second.

import { useEffect, useState, type ComponentType, type ReactNode } from "react";

/** The code did not come: the server is away, or it is another one that has other code. */
export class NotLoaded extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "NotLoaded";
  }
}

export type Later<Props> = ComponentType<Props> & {
  /** Loads the code ahead. What goes wrong is told when it is to be shown. */
  load: () => void;
};

/** What is loaded is the default of its module. `meanwhile` is shown until then. */
export function later<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  meanwhile: ReactNode = null,
): Later<Props> {
  let part: ComponentType<Props> | undefined;
  let coming: Promise<void> | undefined;
  const loaded = () =>
    (coming ??= load().then(
      (module) => void (part = module.default),
      (error: unknown) => {
        // The next who wants it asks again.
        coming = undefined;
        throw new NotLoaded(error);
      },
    ));
  function Part(props: Props) {
    const [, setVersion] = useState(0);
    const [problem, setProblem] = useState<unknown>();
    const Shown = part;
    const there = Shown !== undefined;
    useEffect(() => {
      // As it was when this was drawn: it may have come since.
      if (there) return;
      let gone = false;
      loaded().then(
        () => !gone && setVersion((before) => before + 1),
        (error: unknown) => !gone && setProblem(error),
      );
      return () => {
        gone = true;
      };
    }, [there]);
    // The boundary around it says what to do.
    if (problem !== undefined) throw problem;
    return Shown ? <Shown {...props} /> : meanwhile;
  }
  return Object.assign(Part, { load: () => void loaded().catch(() => {}) });
}

/** Before what is waited for is there, which is soon, a placeholder would only flicker. */
const PATIENCE_MS = 200;

/** Shown once waiting has begun to be felt. */
export function Patient({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return shown && children;
}
