/** Keys of the whole page: `/` searches, `g` and a letter go to a view, `?` lists them. */
import { signal } from "@preact/signals";
import { hrefTo, navigate } from "./location.ts";

/** How long `g` waits for its letter. */
const SECOND_KEY_MS = 1_200;

/** Whether the list of keys is open. */
export const isHelpOpen = signal(false);

/** Called once, with the views that have a letter. */
export function listenForKeys(
  views: readonly { readonly key?: string; readonly path: string }[],
): void {
  let leaderMs = Number.NEGATIVE_INFINITY;
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    const isSecond = event.timeStamp - leaderMs < SECOND_KEY_MS;
    leaderMs = Number.NEGATIVE_INFINITY;
    if (isSecond) {
      const view = views.find(({ key }) => key === event.key);
      if (view === undefined) return;
      event.preventDefault();
      navigate(hrefTo(view.path));
    } else if (event.key === "g") {
      leaderMs = event.timeStamp;
    } else if (event.key === "/") {
      const search = document.querySelector<HTMLInputElement>("[data-search]");
      if (search === null) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      isHelpOpen.value = !isHelpOpen.value;
    }
  });
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement)
    return target.type !== "radio" && target.type !== "checkbox";
  return target.isContentEditable || target.matches("textarea, select");
}
