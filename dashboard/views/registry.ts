/**
 * Every view of the dashboard: one entry and one folder each. A view is loaded when it is first opened; what it exports under
 * the name `View` is rendered with the parameters of its path.
 */
import type { IconName } from "../ui/icons.tsx";
import type { ViewModule } from "./view-props.ts";

export interface ViewEntry {
  /** `/services/:namespace/:name`. */
  readonly path: string;
  /** In the navigation, in this group; absent: reached by links only. */
  readonly navigation?: {
    readonly title: string;
    readonly group: ViewGroup;
    readonly icon: IconName;
  };
  /** After `g`. */
  readonly key?: string;
  readonly load: () => Promise<ViewModule>;
}

export type ViewGroup = "Health" | "Traffic" | "Trust" | "Mesh";

export const VIEW_GROUPS: readonly ViewGroup[] = ["Health", "Traffic", "Trust", "Mesh"];

/** In the order of the navigation. */
export const VIEWS: readonly ViewEntry[] = [
  {
    path: "/",
    key: "o",
    navigation: { title: "Overview", group: "Health", icon: "overview" },
    load: () => import("./overview/overview-view.tsx"),
  },
  {
    path: "/services",
    key: "s",
    navigation: { title: "Services", group: "Health", icon: "services" },
    load: () => import("./services/services-view.tsx"),
  },
  { path: "/services/:namespace/:name", load: () => import("./service/service-view.tsx") },
  {
    path: "/errors",
    key: "e",
    navigation: { title: "Errors", group: "Health", icon: "errors" },
    load: () => import("./errors/errors-view.tsx"),
  },
  {
    path: "/topology",
    key: "m",
    navigation: { title: "Topology", group: "Traffic", icon: "topology" },
    load: () => import("./topology/topology-view.tsx"),
  },
  {
    path: "/routes",
    key: "r",
    navigation: { title: "Routes", group: "Traffic", icon: "routes" },
    load: () => import("./routes/routes-view.tsx"),
  },
  {
    path: "/rollouts",
    key: "u",
    navigation: { title: "Rollouts", group: "Traffic", icon: "rollouts" },
    load: () => import("./rollouts/rollouts-view.tsx"),
  },
  { path: "/rollouts/:namespace/:name", load: () => import("./rollouts/rollout-view.tsx") },
  {
    path: "/traces",
    key: "t",
    navigation: { title: "Traces", group: "Traffic", icon: "traces" },
    load: () => import("./traces/traces-view.tsx"),
  },
  { path: "/traces/:id", load: () => import("./trace/trace-view.tsx") },
  {
    path: "/tap",
    key: "l",
    navigation: { title: "Tap", group: "Traffic", icon: "tap" },
    load: () => import("./tap/tap-view.tsx"),
  },
  {
    path: "/security",
    key: "y",
    navigation: { title: "Security", group: "Trust", icon: "security" },
    load: () => import("./security/security-view.tsx"),
  },
  {
    path: "/proxies",
    key: "p",
    navigation: { title: "Proxies", group: "Mesh", icon: "proxies" },
    load: () => import("./proxies/proxies-view.tsx"),
  },
  {
    path: "/checks",
    key: "c",
    navigation: { title: "Checks", group: "Mesh", icon: "config" },
    load: () => import("./checks/checks-view.tsx"),
  },
];

/** The view of a path, with the values of its parameters. */
export function matchView(
  path: string,
): { readonly view: ViewEntry; readonly parameters: Readonly<Record<string, string>> } | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  for (const view of VIEWS) {
    const wanted = view.path.split("/").filter((part) => part !== "");
    if (wanted.length !== parts.length) continue;
    const parameters: Record<string, string> = {};
    const fits = wanted.every((want, index) => {
      const part = decode(parts[index] ?? "");
      if (want.startsWith(":")) parameters[want.slice(1)] = part;
      return want.startsWith(":") || want === part;
    });
    if (fits) return { view, parameters };
  }
  return undefined;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
