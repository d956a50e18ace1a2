/** Where the user is: the address is the state of the page, so that every view can be sent to somebody else. */
import { computed, signal } from "@preact/signals";

const current = signal(read());

/** The path, `/services/default/catalog`. */
export const path = computed(() => current.value.path);
/** What stands behind the question mark. */
export const query = computed(() => new URLSearchParams(current.value.search));

/** Parameters that stay when one goes from view to view. */
const SHARED_PARAMETERS = ["since", "from", "to"] as const;

function read(): { readonly path: string; readonly search: string } {
  return { path: location.pathname, search: location.search };
}

/** The address of another view, with the time range of this one. Empty values are left out. */
export function hrefTo(
  to: string,
  parameters: Readonly<Record<string, string | null | undefined>> = {},
): string {
  const next = new URLSearchParams();
  for (const name of SHARED_PARAMETERS) {
    const value = query.value.get(name);
    if (value !== null) next.set(name, value);
  }
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") next.set(name, value);
    else next.delete(name);
  }
  const search = next.toString();
  return search === "" ? to : `${to}?${search}`;
}

/** Goes to an address of the dashboard. */
export function navigate(href: string): void {
  history.pushState(null, "", href);
  current.value = read();
  scrollTo(0, 0);
}

/** Changes parameters of this view, without a step in the history: what was typed is no place. */
export function setParameters(changes: Readonly<Record<string, string | null | undefined>>): void {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const search = next.toString();
  history.replaceState(null, "", search === "" ? location.pathname : `?${search}`);
  current.value = read();
}

/** One parameter of this view; empty when it is not there. Read in a component, it follows changes. */
export function parameter(name: string): string {
  return query.value.get(name) ?? "";
}

/** Follows links of the dashboard without loading the page, and the browser's way back. Called once. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    current.value = read();
  });
  document.addEventListener("click", (event) => {
    const isPlain =
      event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!isPlain || event.defaultPrevented || !(link instanceof HTMLAnchorElement)) return;
    const isOurs =
      link.origin === location.origin && !/^\/(?:api|assets|metrics)/.test(link.pathname);
    if (!isOurs || link.target !== "" || link.hasAttribute("download")) return;
    if (link.hash !== "" && link.pathname === location.pathname) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}
