/** `mesh.tulle.dev/v1 Revocation`: an identity, a certificate or an instance that has no access any more. */
import { z } from "zod";
import { canonicalSerial, canonicalWorkloadId } from "../../identity/deny-list.ts";
import { dnsLabel, dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { objectRule, stringRule } from "../rule.ts";

const spiffeId = stringRule(z.string().min(1).max(2048), (text, report) => {
  if (canonicalWorkloadId(text) === text) return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be the SPIFFE id of a workload, scheme and trust domain in lower case",
    allowed: "spiffe://tulle.local/ns/default/sa/catalog",
  });
});

const serial = stringRule(z.string().min(1).max(64), (text, report) => {
  if (canonicalSerial(text) !== undefined) return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be a serial number in hexadecimal, of at most 20 bytes",
    allowed: "4badc0de, or 4B:AD:C0:DE",
  });
});

const instance = z.strictObject({
  namespace: dnsLabel().default("default").describe("The instance's namespace."),
  name: dnsSubdomain().describe("As `tulle get instances` shows it."),
});

const WHO = ["spiffeId", "serial", "instance"] as const;

const specSchema = objectRule(
  z.strictObject({
    spiffeId: spiffeId
      .optional()
      .describe(
        "Every workload with this identity, whatever certificate it shows, and none gets another one.",
      ),
    serial: serial
      .optional()
      .describe("One certificate, by its serial number. Its holder can get another one."),
    instance: instance
      .optional()
      .describe(
        "Every certificate that was issued to this instance and is still valid, and it gets no other one under its name.",
      ),
    reason: z.string().max(256).default("").describe("Why, for those who read it later."),
  }),
  (value, report) => {
    const named = WHO.filter((name) => value[name] !== undefined);
    if (named.length === 1) return;
    report({
      path: [],
      code: named.length === 0 ? "missing-field" : "invalid-value",
      message: `needs one of ${WHO.join(", ")}${named.length === 0 ? "" : ` and has ${named.join(" and ")}`}`,
    });
  },
);

export type RevocationSpec = DeepReadonly<z.output<typeof specSchema>>;
export type Revocation = MeshObject<"Revocation", RevocationSpec, ObjectStatus>;

export const revocationKind = defineKind<Revocation>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "Revocation",
  plural: "revocations",
  shortNames: ["rev"],
  namespaced: false,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Takes access away from whoever it names: sidecars and the control plane refuse new connections, close open ones within a second, and no certificate is issued to it. Deleting the object gives access back. `tulle ca revoke` writes it.",
  status: [{ path: "conditions", description: "Accepted." }],
  example: `apiVersion: mesh.tulle.dev/v1
kind: Revocation
metadata:
  name: orders-leaked-key
spec:
  spiffeId: spiffe://tulle.local/ns/default/sa/orders
  reason: its key was found in a log
`,
});
