/** The names of what is measured, as the command line and the report have them. */

export const SCENARIOS = [
  ...(["plain", "h2c", "chain", "chain-h1", "bodies", "bodies-chain", "grpc"] as const),
  ...([
    "policies",
    "jwt",
    "authorization",
    "telemetry",
    "routes",
    "endpoints",
    "endpoints-ewma",
  ] as const),
  ...(["memory", "memory-h2"] as const),
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export const PROXIES = ["tulle", "nginx", "haproxy", "envoy"] as const;
export type ProxyName = (typeof PROXIES)[number];
