/** Applies the static part of a bootstrap file to a proxy. */

import { messageOf } from "../core/errors.ts";
import type { FieldError } from "../decision/field-error.ts";
import type { Bootstrap } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { type ClusterConfig, compileCluster } from "./config/cluster-config.ts";
import { compileListener, type ListenerConfig } from "./config/listener-config.ts";
import { compileCertificate, compileValidation } from "./config/tls-settings.ts";
import type { DataPlane } from "./data-plane.ts";
import { readDenyList } from "./identity-policy-secret.ts";
import { readCertificate, readValidation, type SecretStore } from "./secret-store.ts";

export interface StaticResources {
  readonly clusters: readonly ClusterConfig[];
  readonly listeners: readonly ListenerConfig[];
}

/**
 * Compiles everything before anything is applied. `isChannel` names clusters that only carry the
 * proxy's own control traffic, which has its own connections.
 */
export function compileStaticResources(
  bootstrap: Bootstrap,
  isChannel: (clusterName: string) => boolean,
  errors: FieldError[],
  wallMs: () => number,
): StaticResources {
  const resources = bootstrap.staticResources;
  checkNames("clusters", resources?.clusters ?? [], errors);
  checkNames("listeners", resources?.listeners ?? [], errors);
  checkNames("secrets", resources?.secrets ?? [], errors);
  const clusters = (resources?.clusters ?? [])
    .map((cluster, index) => ({ cluster, path: `static_resources.clusters[${index}]` }))
    .filter(({ cluster }) => !isChannel(cluster.name))
    .map(({ cluster, path }) => {
      const found: FieldError[] = [];
      const config = compileCluster(cluster, found);
      pushUnder(path, found, errors);
      return config;
    });
  const listeners: ListenerConfig[] = [];
  for (const [index, listener] of (resources?.listeners ?? []).entries()) {
    const found: FieldError[] = [];
    const config = compileListener(listener, found, wallMs);
    pushUnder(`static_resources.listeners[${index}]`, found, errors);
    if (config !== undefined) listeners.push(config);
  }
  return { clusters, listeners };
}

/** Static secrets by name. Files are read now; an unreadable one is an error. */
export function applyStaticSecrets(
  bootstrap: Bootstrap,
  secrets: SecretStore,
  errors: FieldError[],
): void {
  for (const [index, secret] of (bootstrap.staticResources?.secrets ?? []).entries()) {
    const path = `static_resources.secrets[${index}]`;
    try {
      if (secret.type.case === "tlsCertificate") {
        const source = compileCertificate(secret.type.value, `${path}.tls_certificate`, errors);
        secrets.setCertificate(secret.name, readCertificate(source));
      } else if (secret.type.case === "validationContext") {
        const source = compileValidation(secret.type.value, `${path}.validation_context`, errors);
        secrets.setValidation(secret.name, readValidation(source));
      } else if (secret.type.case === "genericSecret") {
        const denied = readDenyList(secret, path, errors);
        if (denied !== undefined) secrets.deniedPeers.set(denied);
      }
    } catch (error) {
      errors.push({ path, message: messageOf(error) });
    }
  }
}

export async function applyStaticResources(
  resources: StaticResources,
  proxy: DataPlane,
): Promise<void> {
  for (const cluster of resources.clusters) proxy.setCluster(cluster);
  for (const listener of resources.listeners) await proxy.setListener(listener);
}

/** Of two resources with one name the second would take the first's place in silence. */
function checkNames(
  list: string,
  resources: readonly { readonly name: string }[],
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, { name }] of resources.entries()) {
    if (name !== "" && seen.has(name)) {
      const path = `static_resources.${list}[${index}].name`;
      errors.push({ path, message: `${name} stands in two places` });
    }
    seen.add(name);
  }
}

function pushUnder(prefix: string, found: readonly FieldError[], errors: FieldError[]): void {
  for (const { path, message } of found) {
    errors.push({ path: path === "" ? prefix : `${prefix}.${path}`, message });
  }
}
