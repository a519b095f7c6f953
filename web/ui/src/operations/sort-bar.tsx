// What stands over a table: the search that narrows it down and, where its heads are not shown as it is
// narrow, how it is sorted. Both are kept in the address.

import { useSearchParams } from "wouter";

import { IconButton, icons, Select } from "../ui";
import { readSort, writeSort, type Sort } from "./order";
import type { Column } from "./table";

export interface TableView {
  sort: Sort;
  onSort: (sort: Sort) => void;
  search: string;
  onSearch: (text: string) => void;
}

/** Sort and search of a page's table, in its address. */
export function useTableView<T>(columns: readonly Column<T>[], otherwise: Sort): TableView {
  const [params, setParams] = useSearchParams();
  const known = columns.filter((column) => column.value).map(({ key }) => key);
  const set = (name: string, value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace: true },
    );
  return {
    sort: readSort(params.get("sort"), known, otherwise),
    onSort: (sort) => set("sort", writeSort(sort) === writeSort(otherwise) ? "" : writeSort(sort)),
    search: params.get("q") ?? "",
    onSearch: (text) => set("q", text),
  };
}

export function SortBar<T>({ view, columns, what, children }: { view: TableView; columns: readonly Column<T>[]; what: string; children?: React.ReactNode }) {
  const { sort, onSort, search, onSearch } = view;
  const options = columns.filter((column) => column.value).map(({ key, head }) => ({ value: key, label: head }));
  return (
    <div className="ops-bar">
      <input
        className="input"
        type="search"
        aria-label={`Search the ${what}`}
        placeholder={`Search the ${what}`}
        value={search}
        onChange={(event) => onSearch(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && (search ? onSearch("") : event.currentTarget.blur())}
      />
      <div className="ops-sort-by">
        <Select
          aria-label="Sort by"
          value={sort.by}
          options={options}
          onChange={(by) => onSort({ by, down: columns.find(({ key }) => key === by)?.downFirst ?? false })}
        />
        <IconButton
          label={sort.down ? "Highest first; turn round" : "Lowest first; turn round"}
          icon={sort.down ? icons.down : icons.up}
          onClick={() => onSort({ by: sort.by, down: !sort.down })}
        />
      </div>
      {children}
    </div>
  );
}
