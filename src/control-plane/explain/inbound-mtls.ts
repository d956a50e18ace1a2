/** What the sidecar of an instance takes from callers, by which object, and whether that is what callers send. */
import type { ExplainedCluster, ExplainedMtls } from "./explain-types.ts";
import type { ProxyConfiguration } from "./proxy-configuration.ts";

/** Null where the listener does not tell: it is no instance's. */
export function mtlsOf(configuration: ProxyConfiguration, listener: string): ExplainedMtls | null {
  const found = configuration.listeners().find(({ name }) => name === listener);
  const mtls = found?.metadata?.filterMetadata["tulle"]?.["mtls"];
  if (typeof mtls !== "object" || mtls === null || Array.isArray(mtls)) return null;
  const { mode, origin, object } = mtls;
  return { mode: String(mode), origin: String(origin), object: String(object) };
}

/** Both sides, what arrives, and the object to change. Undefined where they agree. */
export function mismatchNote(
  cluster: ExplainedCluster,
  proxy: string,
  mtls: ExplainedMtls | null,
): string | undefined {
  if (mtls === null) return undefined;
  const { mode, object } = mtls;
  const sendsTls = cluster.settings.some(({ field, value }) => field === "tls" && value === "yes");
  if (mode === "STRICT" && !sendsTls) {
    return `the caller sends plain text, and ${proxy} takes mutual TLS only (STRICT): change ${object}, or what says that the caller sends plain text`;
  }
  if (mode === "DISABLE" && sendsTls) {
    return `the caller sends mutual TLS, and ${proxy} takes plain text only (DISABLE): change ${object}`;
  }
  return undefined;
}
