/** Who may call whom in a mesh that was never there, and the certificates that prove it. */
import type {
  AccessPair,
  MeshEvent,
  SecurityResponse,
  ServiceRef,
} from "../../src/control-plane/telemetry-types.ts";
import type { FixtureMesh } from "./fixture-mesh.ts";

/** Every pair of the first eight services: used as the edges say, one denied, one by condition, some closed. */
export function securityOf(mesh: FixtureMesh): SecurityResponse {
  const services = mesh.services.slice(0, 8).map(({ service }) => service);
  const pairs = services.flatMap((source, from) =>
    services.flatMap((destination, to) =>
      from === to ? [] : [pairOf(mesh, source, destination, (from + to) % 3 === 0)],
    ),
  );
  return {
    window: mesh.window,
    pairs,
    mtlsShare: 0.9973,
    certificates: services.map(({ name }, index) => ({
      instance: `${name}-1`,
      principal: `spiffe://tulle.local/ns/default/sa/${name}`,
      serial: `5f0${index}`,
      notAfter: mesh.at(-3_600 * (index * 3 + 0.5)),
      daysLeft: (index * 3 + 0.5) / 24,
    })),
    roots: [
      { id: "root-2", notAfter: mesh.at(-3_650 * 86_400), daysLeft: 3_650, state: "active" },
      { id: "root-1", notAfter: mesh.at(-20 * 86_400), daysLeft: 20, state: "retiring" },
    ],
  };
}

/** Without traffic, and `isSparse`: closed. */
function pairOf(
  mesh: FixtureMesh,
  source: ServiceRef,
  destination: ServiceRef,
  isSparse: boolean,
): AccessPair {
  const edge = mesh.edges.find(
    (one) => one.source.name === source.name && one.destination.name === destination.name,
  );
  const pair = { source, destination, policy: `default/${destination.name}-callers` };
  const security = edge?.security ?? "unknown";
  if (source.name === "currency" && destination.name === "payment") {
    return { ...pair, allowed: "no", requests: 0, denied: 17, security };
  }
  const used = { requests: edge?.traffic.requests ?? 0, denied: 0, security };
  if (source.name === "cart" && destination.name === "checkout") {
    return { ...pair, ...used, allowed: "conditional" };
  }
  if (edge === undefined && isSparse) return { ...pair, ...used, allowed: "no" };
  return { ...pair, ...used, allowed: "yes", policy: null };
}

export function securityEvents(mesh: FixtureMesh, type: string): readonly MeshEvent[] {
  const shared = { revision: null, actor: null };
  return type === "security"
    ? [
        {
          ...{ ...shared, type, time: mesh.at(40), severity: "warning", subject: "payment" },
          message: "denied 17 requests of currency: no rule of payment-callers lets it in",
        },
      ]
    : [
        {
          ...{ ...shared, type, time: mesh.at(610), severity: "info", subject: "checkout-1" },
          message: "has a new certificate until tomorrow",
        },
      ];
}
