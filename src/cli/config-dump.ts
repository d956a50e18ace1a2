/**
 * Envoy's `/config_dump` (envoy.admin.v3.ConfigDump as JSON) as tables: one per section, a row per resource.
 * Reads what it knows and shows nothing for the rest, so that a newer proxy's dump still prints.
 */
import { asRecord, type JsonRecord, recordsAt, textAt, valueAt } from "./json-view.ts";
import type { Column } from "./output/table.ts";

export const CONFIG_SECTIONS = [
  "listeners",
  "clusters",
  "routes",
  "endpoints",
  "secrets",
  "bootstrap",
] as const;
export type ConfigSection = (typeof CONFIG_SECTIONS)[number];

export interface SectionTable {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** The last part of the `@type` of each section's dump message. */
const DUMP_TYPES: Readonly<Record<ConfigSection, string>> = {
  listeners: "ListenersConfigDump",
  clusters: "ClustersConfigDump",
  routes: "RoutesConfigDump",
  endpoints: "EndpointsConfigDump",
  secrets: "SecretsConfigDump",
  bootstrap: "BootstrapConfigDump",
};

/** The dump message of one section; empty when the proxy sent none. */
export function sectionDump(dump: unknown, section: ConfigSection): JsonRecord {
  const found = recordsAt(dump, "configs").find((config) =>
    textAt(config, "@type").endsWith(`.${DUMP_TYPES[section]}`),
  );
  return found ?? {};
}

/** `clusters`: the answer of the proxy's `/clusters?format=json`, which knows what it uses of the endpoints. */
export function sectionTable(
  dump: unknown,
  section: Exclude<ConfigSection, "bootstrap">,
  clusters?: unknown,
): SectionTable {
  const message = sectionDump(dump, section);
  switch (section) {
    case "listeners":
      return listenersTable(message);
    case "clusters":
      return clustersTable(message);
    case "routes":
      return routesTable(message);
    case "endpoints":
      return endpointsTable(message, subsetsOf(clusters));
    case "secrets":
      return secretsTable(message);
  }
}

interface Entry {
  readonly resource: JsonRecord;
  readonly version: string;
  /** What the proxy tells beside the resource. */
  readonly entry: JsonRecord;
}

/** Static and dynamic entries of a dump message, each unpacked from the key that holds the resource. */
function entriesOf(message: JsonRecord, lists: readonly string[], key: string): readonly Entry[] {
  return lists.flatMap((list) =>
    recordsAt(message, list).map((entry) => {
      const state = asRecord(entry["active_state"] ?? entry["warming_state"] ?? entry);
      return {
        resource: asRecord(state[key]),
        entry: asRecord(entry),
        version: list.startsWith("static") ? "static" : textAt(state, "version_info") || "-",
      };
    }),
  );
}

function listenersTable(message: JsonRecord): SectionTable {
  const entries = entriesOf(message, ["static_listeners", "dynamic_listeners"], "listener");
  return {
    columns: [
      { title: "NAME", isKept: true },
      { title: "ADDRESS" },
      { title: "PROTOCOL" },
      { title: "FROM" },
      { title: "FILTERS" },
      { title: "SPOKEN" },
      { title: "VERSION", align: "right" },
    ],
    rows: entries.map(({ resource, version, entry }) => {
      const known = valueAt(resource, "metadata", "filter_metadata", "tulle");
      return [
        textAt(resource, "name"),
        addressText(valueAt(resource, "address")),
        protocolText(textAt(known, "protocol")),
        textAt(known, "origin") || "-",
        [...recordsAt(resource, "filter_chains"), valueAt(resource, "default_filter_chain")]
          .filter((chain) => chain !== undefined)
          .map(chainText)
          .join("; "),
        spokenText(asRecord(entry["accepted_connections"])),
        version,
      ];
    }),
  };
}

/** `http/1.1 12, tcp 3`: the connections so far. Envoy does not tell. */
function spokenText(accepted: JsonRecord): string {
  const spoken = Object.entries(accepted).map(([protocol, count]) => `${protocol} ${count}`);
  return spoken.join(", ") || "-";
}

/** What the control plane wrote beside the listener; other control planes write nothing. */
function protocolText(protocol: string): string {
  if (protocol === "undeclared" || protocol === "auto") return "detected";
  return protocol || "-";
}

/** `TLS, tcp_proxy for tulle-tcp`. */
function chainText(chain: unknown): string {
  const tls = valueAt(chain, "transport_socket") === undefined ? "" : "TLS, ";
  const match = asRecord(valueAt(chain, "filter_chain_match"));
  const wanted = [
    stringsAt(match, "server_names"),
    stringsAt(match, "application_protocols") || textAt(match, "transport_protocol"),
  ].filter((text) => text !== "");
  const filters = recordsAt(chain, "filters").map(filterName).join(", ");
  return `${tls}${filters}${wanted.length === 0 ? "" : ` for ${wanted[0]}`}`;
}

function clustersTable(message: JsonRecord): SectionTable {
  const lists = ["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"];
  const entries = entriesOf(message, lists, "cluster");
  return {
    columns: [
      { title: "NAME", isKept: true },
      { title: "TYPE" },
      { title: "LOAD BALANCER" },
      { title: "TLS" },
      { title: "VERSION", align: "right" },
    ],
    rows: entries.map(({ resource, version }) => [
      textAt(resource, "name"),
      textAt(resource, "type") || "STATIC",
      balancerText(resource),
      valueAt(resource, "transport_socket") === undefined ? "-" : "yes",
      version,
    ]),
  };
}

function balancerText(cluster: JsonRecord): string {
  const policies = recordsAt(cluster, "load_balancing_policy", "policies").map((policy) =>
    textAt(policy, "typed_extension_config", "name").replace(
      /^envoy\.load_balancing_policies\./,
      "",
    ),
  );
  return policies[0] ?? (textAt(cluster, "lb_policy").toLowerCase() || "round_robin");
}

function routesTable(message: JsonRecord): SectionTable {
  const lists = ["static_route_configs", "dynamic_route_configs"];
  const entries = entriesOf(message, lists, "route_config");
  return {
    columns: [
      { title: "NAME", isKept: true },
      { title: "DOMAINS" },
      { title: "MATCH" },
      { title: "ACTION" },
      { title: "VERSION", align: "right" },
    ],
    rows: entries.flatMap(({ resource, version }) =>
      recordsAt(resource, "virtual_hosts").flatMap((host) =>
        recordsAt(host, "routes").map((route) => [
          textAt(resource, "name"),
          stringsAt(host, "domains"),
          matchText(asRecord(route["match"])),
          actionText(route),
          version,
        ]),
      ),
    ),
  };
}

function matchText(match: JsonRecord): string {
  const path = ["prefix", "path", "path_separated_prefix"]
    .filter((key) => match[key] !== undefined)
    .map((key) => `${key.replaceAll("_", " ")} ${textAt(match, key)}`);
  const regex = textAt(match, "safe_regex", "regex");
  const headers = recordsAt(match, "headers").map((header) => `header ${textAt(header, "name")}`);
  const query = recordsAt(match, "query_parameters").map((one) => `query ${textAt(one, "name")}`);
  return [...path, ...(regex === "" ? [] : [`regex ${regex}`]), ...headers, ...query].join(", ");
}

function actionText(route: JsonRecord): string {
  const weighted = recordsAt(route, "route", "weighted_clusters", "clusters");
  if (weighted.length > 0) {
    return weighted
      .map((cluster) => `${textAt(cluster, "name")} ${textAt(cluster, "weight") || "0"}`)
      .join(", ");
  }
  const cluster = textAt(route, "route", "cluster");
  if (cluster !== "") return cluster;
  const status = textAt(route, "direct_response", "status");
  if (status !== "") return `respond ${status}`;
  return route["redirect"] === undefined ? "-" : "redirect";
}

/** An endpoint that the proxy uses or not, of a cluster of which it uses a part. */
interface SubsetHost {
  readonly isIn: boolean;
  /** Its row, for clusters that bring their endpoints along: these stand in no dump. */
  readonly row: readonly string[];
}

/** By cluster and address. */
function subsetsOf(clusters: unknown): ReadonlyMap<string, SubsetHost> {
  const found = new Map<string, SubsetHost>();
  for (const status of recordsAt(clusters, "cluster_statuses")) {
    for (const host of recordsAt(status, "host_statuses")) {
      const isIn = host["in_subset"];
      if (typeof isIn !== "boolean") continue;
      const [cluster, address] = [textAt(status, "name"), addressText(host["address"])];
      const health = textAt(host, "health_status", "eds_health_status") || "UNKNOWN";
      const zone = textAt(host, "locality", "zone") || "-";
      const row = [cluster, address, health, zone, textAt(host, "weight") || "1"];
      found.set(`${cluster} ${address}`, { isIn, row });
    }
  }
  return found;
}

function endpointsTable(
  message: JsonRecord,
  subsets: ReadonlyMap<string, SubsetHost>,
): SectionTable {
  const lists = ["static_endpoint_configs", "dynamic_endpoint_configs"];
  const rows = entriesOf(message, lists, "endpoint_config").flatMap(({ resource }) =>
    recordsAt(resource, "endpoints").flatMap((locality) =>
      recordsAt(locality, "lb_endpoints").map((endpoint) => [
        textAt(resource, "cluster_name"),
        addressText(valueAt(endpoint, "endpoint", "address")),
        textAt(endpoint, "health_status") || "UNKNOWN",
        textAt(locality, "locality", "zone") || "-",
        textAt(endpoint, "load_balancing_weight") || "1",
      ]),
    ),
  );
  const columns: readonly Column[] = [
    { title: "CLUSTER", isKept: true },
    { title: "ADDRESS" },
    { title: "HEALTH" },
    { title: "ZONE" },
    { title: "WEIGHT", align: "right" },
  ];
  if (subsets.size === 0) return { columns, rows };
  const keyOf = ([cluster, address]: readonly string[]): string => `${cluster} ${address}`;
  const dumped = new Set(rows.map(keyOf));
  const others = [...subsets].filter(([key]) => !dumped.has(key)).map(([, { row }]) => row);
  return {
    columns: [...columns, { title: "IN SUBSET" }],
    rows: [...rows, ...others].map((row) => {
      const host = subsets.get(keyOf(row));
      return [...row, host === undefined ? "-" : host.isIn ? "yes" : "no"];
    }),
  };
}

function secretsTable(message: JsonRecord): SectionTable {
  const lists = ["static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"];
  const entries = lists.flatMap((list) =>
    recordsAt(message, list).map((entry) => ({ entry, isWarming: list.includes("warming") })),
  );
  return {
    columns: [
      { title: "NAME", isKept: true },
      { title: "TYPE" },
      { title: "STATE" },
      { title: "UPDATED" },
    ],
    rows: entries.map(({ entry, isWarming }) => {
      const secret = asRecord(entry["secret"]);
      const type = Object.keys(secret).find((key) => key !== "name") ?? "-";
      return [
        textAt(entry, "name") || textAt(secret, "name"),
        type.replaceAll("_", " "),
        isWarming ? "warming" : "active",
        textAt(entry, "last_updated") || "-",
      ];
    }),
  };
}

function filterName(filter: JsonRecord): string {
  return textAt(filter, "name").replace(/^envoy\.filters\.network\./, "");
}

function stringsAt(value: JsonRecord, key: string): string {
  const found = value[key];
  return Array.isArray(found) ? found.map(String).join(", ") : "";
}

function addressText(address: unknown): string {
  const host = textAt(address, "socket_address", "address");
  if (host === "") return textAt(address, "pipe", "path") || "-";
  return `${host}:${textAt(address, "socket_address", "port_value")}`;
}
