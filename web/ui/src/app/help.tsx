// Every shortcut, on `?`.

import { Dialog } from "../ui";

const GROUPS: readonly { title: string; keys: readonly (readonly [string, string])[] }[] = [
  {
    title: "Anywhere",
    keys: [
      ["g e", "Executions"],
      ["g q", "Queues"],
      ["g r", "Runners"],
      ["g s", "Supervisor"],
      ["/", "Search"],
      ["c", "Create an execution"],
      ["t", "Light, dark, or as the system"],
      ["?", "This help"],
    ],
  },
  {
    title: "In the list",
    keys: [
      ["j k", "Next, previous (arrows, too)"],
      ["Enter", "Open"],
      ["x", "Select"],
      ["Shift x", "Select up to here"],
      ["Escape", "Clear the selection"],
      ["Home End", "First, last"],
    ],
  },
];

export default function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div className="help">
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, what]) => (
                <div key={keys}>
                  <dt>
                    {keys.split(" ").map((key) => (
                      <kbd key={key} className="kbd">
                        {key}
                      </kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
