// The names of views: choosing, saving, renaming and deleting them. Loaded when the menu is first opened.

import { useState } from "react";

import { Button, Field, icons, IconButton } from "../ui";
import { BUILT_IN, deleteView, NAME_MAX, renameView, saveView, type View } from "./views";

export default function ViewList({
  own,
  here,
  query,
  onChoose,
}: {
  own: readonly View[];
  /** The view that is shown. */
  here: View | undefined;
  query: string;
  onChoose: (query: string) => void;
}) {
  const [naming, setNaming] = useState<{ view?: View }>();
  if (naming) {
    return (
      <NameForm
        before={naming.view?.name ?? ""}
        onClose={() => setNaming(undefined)}
        onName={(name) => {
          if (naming.view) renameView(naming.view.id, name);
          else saveView(name, query);
          setNaming(undefined);
        }}
      />
    );
  }
  return (
    <div className="view-menu">
      <ul aria-label="Views that come with the page">
        {BUILT_IN.map((view) => (
          <Item key={view.id} view={view} here={view === here} onChoose={() => onChoose(view.query)} />
        ))}
      </ul>
      {own.length > 0 && (
        <ul aria-label="Your views">
          {own.map((view) => (
            <Item key={view.id} view={view} here={view === here} onChoose={() => onChoose(view.query)} onRename={() => setNaming({ view })} />
          ))}
        </ul>
      )}
      <Button variant="quiet" icon={icons.plus} disabled={here !== undefined} onClick={() => setNaming({})}>
        {here ? "These filters are a view already" : "Save these filters as a view"}
      </Button>
    </div>
  );
}

function Item({ view, here, onChoose, onRename }: { view: View; here: boolean; onChoose: () => void; onRename?: () => void }) {
  return (
    <li>
      <button type="button" className="view-item" aria-current={here ? "true" : undefined} onClick={onChoose}>
        {here ? icons.check : <span className="icon" />}
        <bdi>{view.name}</bdi>
      </button>
      {onRename && (
        <>
          <IconButton size="small" label={`Rename ${view.name}`} icon={icons.edit} onClick={onRename} />
          <IconButton size="small" label={`Delete ${view.name}`} icon={icons.trash} onClick={() => deleteView(view.id)} />
        </>
      )}
    </li>
  );
}

function NameForm({ before, onName, onClose }: { before: string; onName: (name: string) => void; onClose: () => void }) {
  const [name, setName] = useState(before);
  return (
    <form
      className="view-menu stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== "") onName(name);
      }}
    >
      <Field
        label={before ? "New name of the view" : "Name of the view"}
        hint="It is kept in this browser. The address of this page can be shared as it is."
      >
        {(control) => (
          <input {...control} className="input" autoFocus maxLength={NAME_MAX} value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <div className="two">
        <Button onClick={onClose}>Leave it</Button>
        <Button variant="primary" type="submit" disabled={name.trim() === ""}>
          {before ? "Rename" : "Save"}
        </Button>
      </div>
    </form>
  );
}
