/**
 * The Service that others call an instance by. Whoever starts an instance of a service that nobody has
 * described gets a plain Service for it; one that exists is never touched.
 */

import type { InstanceProtocol } from "../../resource/port-protocol.ts";
import type { AdminClient } from "../admin-client.ts";
import { applyDocuments } from "./apply-documents.ts";

export interface ServiceWish {
  readonly service: string;
  readonly namespace: string;
  readonly ports: readonly { readonly name: string; readonly protocol: InstanceProtocol }[];
}

/** Callers use port 80 for the first port and its successors for more; variables tell apps the real address. */
const SERVICE_PORT_FIRST = 80;

/** Creates what is missing of `wishes` and returns the names that it created. */
export async function createMissingServices(
  admin: AdminClient,
  wishes: readonly ServiceWish[],
): Promise<readonly string[]> {
  const existing = new Set(
    (await admin.services()).services.map(({ namespace, name }) => `${namespace}/${name}`),
  );
  const missing = new Map<string, ServiceWish>();
  for (const wish of wishes) {
    const key = `${wish.namespace}/${wish.service}`;
    if (wish.ports.length > 0 && !existing.has(key) && !missing.has(key)) missing.set(key, wish);
  }
  if (missing.size === 0) return [];
  const files = [...missing].map(([key, wish]) => ({
    name: `the default Service ${key}`,
    text: JSON.stringify(serviceDocument(wish)),
  }));
  await applyDocuments(admin, files);
  return [...missing.values()].map((wish) => wish.service);
}

function serviceDocument(wish: ServiceWish): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: wish.service, namespace: wish.namespace },
    spec: {
      selector: { app: wish.service },
      ports: wish.ports.map(({ name, protocol }, index) => ({
        name,
        port: SERVICE_PORT_FIRST + index,
        targetPort: name,
        ...(protocol === "auto" ? {} : { appProtocol: protocol }),
      })),
    },
  };
}
