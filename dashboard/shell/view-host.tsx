/** Loads the view of a path and shows it. After a step to another view, the focus is on its title. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { hrefTo } from "../core/location.ts";
import { Empty, Skeleton } from "../ui/page.tsx";
import { matchView, type ViewEntry } from "../views/registry.ts";
import type { ViewModule } from "../views/view-props.ts";

/** Views that were loaded stay. */
const loaded = new Map<ViewEntry, ViewModule>();
let isFirst = true;

export function ViewHost({ path }: { readonly path: string }) {
  const match = useMemo(() => matchView(path), [path]);
  const [, setLoads] = useState(0);
  const [failure, setFailure] = useState<string>();
  const view = match?.view;
  const module = view === undefined ? undefined : loaded.get(view);
  useEffect(() => {
    if (view === undefined || loaded.has(view)) return;
    view.load().then(
      (found) => {
        loaded.set(view, found);
        setLoads((count) => count + 1);
      },
      () =>
        setFailure("The rest of the dashboard could not be loaded; was Tulle updated meanwhile?"),
    );
  }, [view]);
  useEffect(() => {
    if (module === undefined) return;
    // Who loads the page begins at its top; who follows a link is told where it led.
    if (!isFirst)
      document.querySelector<HTMLElement>("#page-title")?.focus({ preventScroll: true });
    isFirst = false;
  }, [module, path]);
  if (failure !== undefined) {
    return (
      <Empty title={failure}>
        <a href={path} target="_self">
          Load the page again
        </a>
      </Empty>
    );
  }
  if (match === undefined) {
    return (
      <Empty title="There is no such view">
        <a href={hrefTo("/")}>Go to the overview</a>
      </Empty>
    );
  }
  if (module === undefined) return <Skeleton lines={6} />;
  return <module.View parameters={match.parameters} />;
}
