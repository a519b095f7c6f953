// The button of the views: those that come with the page, and one's own.

import { icons, later, Popover } from "../ui";
import { BUILT_IN, useViews } from "./views";

const ViewList = later(() => import("./view-list"), <p className="muted">Loading…</p>);

export function ViewMenu({ query, onChoose }: { query: string; onChoose: (query: string) => void }) {
  const own = useViews();
  const here = [...own, ...BUILT_IN].find((view) => view.query === query);
  return (
    <Popover label={here?.name ?? "Views"} title="Views" icon={icons.bookmark}>
      {(close) => (
        <ViewList
          own={own}
          here={here}
          query={query}
          onChoose={(chosen) => {
            close();
            onChoose(chosen);
          }}
        />
      )}
    </Popover>
  );
}
