/** The names of what is measured, as the command line and the report have them. */

export const SCENARIOS = ["plain", "chain"] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export const PROXIES = ["tulle", "nginx", "haproxy", "envoy"] as const;
export type ProxyName = (typeof PROXIES)[number];

export const SCENARIO_TITLES: Readonly<Record<ScenarioName, string>> = {
  plain: "one proxy, HTTP/1.1, plain text",
  chain: "two proxies, mutual TLS 1.3 and HTTP/1.1 between them",
};
