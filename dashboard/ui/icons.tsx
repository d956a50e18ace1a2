/** The few pictures of the shell, drawn on a grid of 16. */
import type { VNode } from "preact";

const PATHS = {
  overview: "M2.5 8.5 8 3l5.5 5.5M4 7.5V13h8V7.5",
  services: "M8 1.8 13.4 4.9v6.2L8 14.2l-5.4-3.1V4.9zM2.8 5 8 8l5.2-3M8 8v6",
  errors: "M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.5v.1",
  traces: "M2 3.5h7M4.5 8h6M7 12.5h7",
  topology: "M8 3.5 3.5 11.5M8 3.5l4.5 8M3.5 12h9M8 3.5h.01M3.5 12h.01M12.5 12h.01",
  routes: "M2 12.5c5 0 4-9 10-9M9.5 1.5 12 3.5 9.5 5.5M2 12.5c5 0 5 0 10 0M9.5 10.5l2.5 2-2.5 2",
  rollouts: "M2 13h3.5V9.5H9V6h3.5V2.5M10.5 4.5l2-2 2 2",
  security: "M8 1.8 13 3.7v4c0 3-2 5.2-5 6.5-3-1.3-5-3.5-5-6.5v-4zM5.8 8l1.6 1.6 3-3.2",
  tap: "M8 13.5V8M4.7 10.8a4.5 4.5 0 1 1 6.6 0M2.6 12.8a7.3 7.3 0 1 1 10.8 0",
  proxies: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  config: "M3 8.5 6.5 12 13 4.5",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM14 14l-3.4-3.4",
  menu: "M2 4h12M2 8h12M2 12h12",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M3 13l1.1-1.1M11.9 4.1 13 3",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z",
  system: "M2 3h12v8H2zM5.5 14h5M8 11v3",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  pause: "M5.5 3v10M10.5 3v10",
  play: "M4.5 2.5 12.5 8l-8 5.5z",
  right: "M6 3.5 10.5 8 6 12.5",
  down: "M3.5 6 8 10.5 12.5 6",
  up: "M3.5 10 8 5.5l4.5 4.5",
} as const satisfies Readonly<Record<string, string>>;

export type IconName = keyof typeof PATHS;

/** Decoration: what it means stands beside it or is the name of its button. */
export function Icon({
  name,
  size = 16,
}: {
  readonly name: IconName;
  readonly size?: number;
}): VNode {
  return (
    <svg class="icon" viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.4"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
