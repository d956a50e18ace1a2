/**
 * Gateway API `Gateway` (gateway-api v1.6, apis/v1/gateway_types.go): where requests from outside enter the mesh. What
 * only a cluster has (Secrets, load balancers) is accepted where it does no harm, and refused where it would.
 */
import { z } from "zod";
import { apiGroup, apiKind, dnsLabel, dnsSubdomain, objectName, portNumber } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { Condition, DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { isRecord, listRule, objectRule, type Report, reportRepeated, valueAt } from "../rule.ts";
import { hostname } from "./route-hostname.ts";
import { GATEWAY_API_GROUP } from "./route-references.ts";

const LISTENERS_MAX = 64;
const PATH_LENGTH_MAX = 4096;

/** The class of gateways that `tulle gateway` runs. */
export const GATEWAY_CLASS = "tulle";

/** `tls.options`: files on the gateway's own machine. Gateway API leaves this map to implementations. */
export const CERTIFICATE_FILE_OPTION = "mesh.tulle.dev/certificate-file";
export const KEY_FILE_OPTION = "mesh.tulle.dev/key-file";
const MIN_VERSION_OPTION = "mesh.tulle.dev/min-tls-version";

const filePath = () =>
  z
    .string()
    .min(2)
    .max(PATH_LENGTH_MAX)
    .regex(/^\/[^\0\n]*$/, {
      error: "an absolute path on the gateway's machine",
    });

const tlsOptions = z.strictObject({
  [CERTIFICATE_FILE_OPTION]: filePath()
    .optional()
    .describe(
      "The certificate and those between it and its root, in PEM. Read again when it changes.",
    ),
  [KEY_FILE_OPTION]: filePath()
    .optional()
    .describe(
      "Its private key, in PEM. It is read by the gateway alone and never leaves its machine.",
    ),
  [MIN_VERSION_OPTION]: z
    .enum(["1.2", "1.3"])
    .optional()
    .describe("The least version of TLS. Default: 1.2, with forward secrecy and AEAD only."),
});

const tls = objectRule(
  z.strictObject({
    mode: z
      .enum(["Terminate", "Passthrough"])
      .default("Terminate")
      .describe(
        "Terminate: the TLS of clients ends here. Passthrough, with protocol TLS: at what TLSRoutes send it to.",
      ),
    options: tlsOptions.optional().describe("Where the certificate is, with mode Terminate."),
  }),
  (value, report) => {
    if (value["mode"] === "Passthrough") {
      if (value["options"] === undefined) return;
      report({ path: ["options"], message: "must not be set with mode Passthrough" });
      return;
    }
    for (const option of [CERTIFICATE_FILE_OPTION, KEY_FILE_OPTION]) {
      if (valueAt(value, "options", option) !== undefined) continue;
      report({
        path: ["options", option],
        code: "missing-field",
        message: "is missing; certificates come from files on the gateway's machine",
        allowed: "an absolute path",
      });
    }
  },
);

const namespaceSelector = z.strictObject({
  matchLabels: z
    .strictObject({
      "kubernetes.io/metadata.name": dnsLabel().describe(
        "The namespace's name, which is its label.",
      ),
    })
    .describe("The one label that every namespace has."),
});

const allowedRoutes = z.strictObject({
  namespaces: objectRule(
    z.strictObject({
      from: z
        .enum(["All", "Same", "Selector"])
        .default("Same")
        .describe("Which namespaces' routes may attach: the Gateway's own unless said otherwise."),
      selector: namespaceSelector.optional().describe("With from: Selector."),
    }),
    (value, report) => {
      if ((value["from"] === "Selector") === (value["selector"] !== undefined)) return;
      report({ path: ["selector"], message: "goes together with from: Selector" });
    },
  )
    .prefault({})
    .describe("Namespaces of routes."),
  kinds: z
    .array(
      z.strictObject({
        group: apiGroup().default(GATEWAY_API_GROUP).describe("Their group."),
        kind: apiKind().describe(
          "HTTPRoute, GRPCRoute, TLSRoute or TCPRoute, where the protocol has them.",
        ),
      }),
    )
    .max(8)
    .optional()
    .describe("Kinds of routes that may attach. Default: all that the protocol has."),
});

const listener = objectRule(
  z.strictObject({
    name: dnsSubdomain().describe("What routes name in sectionName."),
    hostname: hostname
      .optional()
      .describe(
        "Hosts of requests, and of TLS handshakes. *.a.example takes b.a.example. Default: all.",
      ),
    port: portNumber().describe("Where it listens."),
    protocol: z
      .enum(["HTTP", "HTTPS", "TLS", "TCP"])
      .describe(
        "HTTP, and HTTPS, which ends TLS, for HTTPRoutes and GRPCRoutes; TLS by server name for TLSRoutes; TCP for a TCPRoute.",
      ),
    tls: tls.optional().describe("Of HTTPS and TLS, which need it."),
    allowedRoutes: allowedRoutes.prefault({}).describe("Who may attach routes."),
  }),
  (value, report) => {
    // Gateway API v1, GatewaySpec: "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']".
    const { protocol } = value;
    const isTls = protocol === "HTTPS" || protocol === "TLS";
    if ((protocol === "HTTP" || protocol === "TCP") && value["tls"] !== undefined) {
      report({ path: ["tls"], message: `must not be set for ${protocol}` });
    }
    if (isTls && value["tls"] === undefined) {
      report({ path: ["tls"], code: "missing-field", message: `is missing; ${protocol} needs it` });
    }
    if (protocol === "HTTPS" && valueAt(value, "tls", "mode") === "Passthrough") {
      const message = "must be Terminate for HTTPS; with protocol TLS it is passed through";
      report({ path: ["tls", "mode"], message });
    }
    // Gateway API v1, GatewaySpec: "hostname must not be specified for protocols ['TCP', 'UDP']".
    if (protocol === "TCP" && value["hostname"] !== undefined) {
      report({ path: ["hostname"], message: "must not be set for TCP, which names no host" });
    }
  },
);

const specSchema = z.strictObject({
  gatewayClassName: objectName()
    .default(GATEWAY_CLASS)
    .describe("tulle. A Gateway of another class is for others, and has no effect here."),
  listeners: listRule(z.array(listener).min(1).max(LISTENERS_MAX), checkListeners).describe(
    "Ports that it listens on.",
  ),
});

export type GatewaySpec = DeepReadonly<z.output<typeof specSchema>>;
export type GatewayListener = GatewaySpec["listeners"][number];

/** What the control plane says of one listener (Gateway API v1, ListenerStatus). */
export interface GatewayListenerStatus {
  readonly name: string;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
}

export interface GatewayStatus extends ObjectStatus {
  readonly listeners?: readonly GatewayListenerStatus[];
}

export type Gateway = MeshObject<"Gateway", GatewaySpec, GatewayStatus>;

export const gatewayKind = defineKind<Gateway>({
  apiVersion: `${GATEWAY_API_GROUP}/v1`,
  kind: "Gateway",
  plural: "gateways",
  shortNames: ["gtw"],
  namespaced: true,
  name: dnsLabel(),
  spec: specSchema,
  description:
    "Where requests from outside enter the mesh: ports, hosts and certificates. HTTPRoutes and GRPCRoutes that name it as a parent say where requests go, TLSRoutes and TCPRoutes where connections go. `tulle gateway NAME` runs it, on any number of machines.",
  status: [
    {
      path: "conditions",
      description: "Accepted, and Programmed: gateways of this name run and have opened its ports.",
    },
    { path: "listeners[].attachedRoutes", description: "How many routes it has." },
    {
      path: "listeners[].conditions",
      description:
        "Accepted, Conflicted, ResolvedRefs and Programmed (Gateway API ListenerStatus).",
    },
  ],
  example: `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: shop
spec:
  gatewayClassName: tulle
  listeners:
    - {name: http, port: 8080, protocol: HTTP}
    - name: https
      port: 8443
      protocol: HTTPS
      hostname: shop.example
      tls:
        options:
          mesh.tulle.dev/certificate-file: /etc/shop/tls.crt
          mesh.tulle.dev/key-file: /etc/shop/tls.key
`,
});

/** Gateway API v1, GatewaySpec: names are unique, and so are port, protocol and hostname together. */
function checkListeners(items: readonly unknown[], report: Report): void {
  reportRepeated(items, report, {
    identity: (item) => textOf(valueAt(item, "name")),
    path: ["name"],
    what: "listener names",
  });
  reportRepeated(items, report, {
    identity: (item) =>
      isRecord(item)
        ? JSON.stringify([item["port"], item["protocol"], item["hostname"]])
        : undefined,
    path: ["hostname"],
    what: "port, protocol and hostname together",
  });
  // HTTPS and TLS share a port by their server names.
  const protocolOf = new Map<number, string>();
  for (const [index, item] of items.entries()) {
    const port = valueAt(item, "port");
    const protocol = valueAt(item, "protocol");
    if (typeof port !== "number" || typeof protocol !== "string") continue;
    const first = protocolOf.get(port) ?? protocol;
    protocolOf.set(port, first);
    if (first === protocol || [first, protocol].every((one) => one === "HTTPS" || one === "TLS")) {
      continue;
    }
    report({
      path: [index, "protocol"],
      message: `must be ${first}, as of the other listeners of port ${port}`,
    });
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
