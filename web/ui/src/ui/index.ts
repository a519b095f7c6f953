// The shared parts, in one place. Heavier ones (Json) are imported by who needs them through here all
// the same: the bundler leaves out what a page does not use.

export { PhaseBadge, Badge, Button, IconButton, CopyButton, copyText, VisuallyHidden, Bar, Meter, Skeleton, Command, EmptyState, ErrorState } from "./parts";
export type { ButtonProps, IconButtonProps, Tone } from "./parts";
export { Dialog } from "./dialog";
export { Popover } from "./popover";
export { later, NotLoaded, Patient, type Later } from "./later";
export { Tabs, type Tab } from "./tabs";
export { Field, Select, type FieldControl, type Option } from "./fields";
export { Json } from "./json";
export { Toasts, useToast } from "./toast";
export { Time, Countdown, Elapsed, countdownText, exactTime } from "./time";
export { formatAge, formatDuration, formatSpan, milliseconds } from "./duration";
export { atServer, serverNow, useClock } from "./clock";
export { safeText, safeHref, textOf, Outside, SafeLink } from "./text";
export { icons, phaseIcons } from "./icons";
export { attemptOf, count, deadlineWord, phaseWord, plainWords, shortId } from "./words";
