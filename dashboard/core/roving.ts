/**
 * The arrow keys inside a list or table: up and down go from row to row, home and end to the first and last. Tab leaves the
 * list, so that two hundred rows are not two hundred steps.
 */
import { useEffect, useRef } from "preact/hooks";

const STEPS: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  ArrowUp: -1,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};

/** To be the `ref` of the element whose children are the rows. In each, the first link or button is what is reached. */
export function useRoving<E extends HTMLElement = HTMLTableSectionElement>() {
  const container = useRef<E>(null);
  useEffect(() => {
    const element = container.current;
    if (element === null) return undefined;
    const onKey = (event: KeyboardEvent): void => {
      const step = STEPS[event.key];
      const isText =
        event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (step === undefined || isText || event.altKey || event.ctrlKey || event.metaKey) return;
      const rows = [...element.children];
      const index = rows.findIndex((row) => row.contains(document.activeElement));
      const next = Math.min(rows.length - 1, Math.max(0, index + step));
      const target = rows[next]?.querySelector<HTMLElement>("a[href], button");
      if (target === null || target === undefined) return;
      event.preventDefault();
      target.focus();
    };
    element.addEventListener("keydown", onKey);
    return () => element.removeEventListener("keydown", onKey);
  }, []);
  return container;
}
