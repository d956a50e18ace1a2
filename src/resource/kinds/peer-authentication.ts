/** `mesh.tulle.dev/v1 PeerAuthentication`: whether mutual TLS is required of callers. Istio's fields and meaning. */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import { labels } from "../metadata.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { isRecord, type LooseRecord, objectRule, type Report } from "../rule.ts";

const PORTS_MAX = 64;
const PORT_MAX = 65_535;

/** Istio's words; those of this API's other kinds mean the same. */
const MODES = [
  ...["UNSET", "STRICT", "PERMISSIVE", "DISABLE"],
  ...["Unset", "Strict", "Permissive", "Disable"],
] as const;

const mode = z.enum(MODES).default("UNSET");

const specSchema = objectRule(
  z.strictObject({
    selector: z
      .strictObject({ matchLabels: labels().default({}) })
      .optional()
      .describe(
        "Workloads with all of these labels, in the policy's namespace. Default: all workloads of the namespace; in the root namespace of MeshConfig, of all namespaces.",
      ),
    mtls: z
      .strictObject({
        mode: mode.describe(
          "STRICT: callers must come with mutual TLS. PERMISSIVE: they may come in plain text, too. DISABLE: they come in plain text. UNSET: what the namespace says, or the mesh; STRICT where nobody says anything.",
        ),
      })
      .optional()
      .describe("For all ports of the workloads."),
    portLevelMtls: z
      .record(z.string(), z.strictObject({ mode: mode.describe("As in mtls.") }))
      .optional()
      .describe(
        "By the number of the port on which the app listens, instead of mtls. Needs a selector.",
      ),
  }),
  checkSpec,
);

export type PeerAuthenticationSpec = DeepReadonly<z.output<typeof specSchema>>;
export type PeerAuthentication = MeshObject<
  "PeerAuthentication",
  PeerAuthenticationSpec,
  ObjectStatus
>;

export type MtlsMode = "STRICT" | "PERMISSIVE" | "DISABLE";

/** Undefined for what says nothing. */
export function mtlsModeOf(written: (typeof MODES)[number] | undefined): MtlsMode | undefined {
  const word = (written ?? "UNSET").toUpperCase() as "UNSET" | MtlsMode;
  return word === "UNSET" ? undefined : word;
}

export const peerAuthenticationKind = defineKind<PeerAuthentication>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "PeerAuthentication",
  plural: "peerauthentications",
  shortNames: ["pa"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema.prefault({}),
  description:
    "Whether callers of a workload must come with mutual TLS. One with a selector goes before one for the whole namespace, and that before one for the whole mesh, which lives in the root namespace; of several of a kind the oldest holds. Callers' sidecars send what the workload takes: mutual TLS, or plain text where it is disabled. Without any, mutual TLS is required.",
  status: [{ path: "conditions", description: "Accepted: True, or False with Conflicted." }],
  example: `apiVersion: mesh.tulle.dev/v1
kind: PeerAuthentication
metadata:
  name: catalog
spec:
  selector: {matchLabels: {app: catalog}}
  mtls: {mode: STRICT}
  portLevelMtls:
    "9100": {mode: PERMISSIVE}
`,
});

function checkSpec(spec: LooseRecord, report: Report): void {
  const { selector, portLevelMtls } = spec;
  if (!isRecord(portLevelMtls)) return;
  if (selector === undefined) {
    const message = "has no effect without a selector: ports are those of a workload";
    report({ path: ["portLevelMtls"], message });
  }
  const ports = Object.keys(portLevelMtls);
  if (ports.length > PORTS_MAX) {
    report({ path: ["portLevelMtls"], message: `has more than ${PORTS_MAX} ports` });
  }
  for (const port of ports) {
    const number = Number(port);
    if (/^[1-9]\d*$/.test(port) && number <= PORT_MAX) continue;
    report({
      path: ["portLevelMtls", port],
      code: "invalid-value",
      message: "is no port",
      allowed: `a number from 1 to ${PORT_MAX}`,
    });
  }
}
