import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnyObject } from "../resource/kind-map.ts";
import type { HttpRoute } from "../resource/kinds/http-route.ts";
import type { RouteStatus } from "../resource/kinds/route-status.ts";
import { keyOf, type ObjectStatus } from "../resource/object.ts";
import { registry } from "../resource/registry.ts";
import type { Finding, FindingCode } from "../translate/translation.ts";
import { statusToWrite } from "./object-status.ts";

const NOW = "2026-01-01T00:00:00.000Z";
const LATER = "2026-01-02T00:00:00.000Z";

function object(kind: "GRPCRoute" | "HTTPRoute" | "TrafficPolicy" | "Service"): AnyObject {
  const definition = registry.ofKind(kind);
  const specs = {
    GRPCRoute: { parentRefs: [{ group: "", kind: "Service", name: "catalog" }] },
    HTTPRoute: {
      parentRefs: [
        { group: "", kind: "Service", name: "catalog" },
        { group: "", kind: "Service", name: "missing" },
      ],
    },
    TrafficPolicy: { targetRefs: [{ kind: "Service", name: "catalog" }] },
    Service: { selector: { app: "a" }, ports: [{ port: 80 }] },
  };
  const validation = definition.validate({
    apiVersion: definition.apiVersion,
    kind,
    metadata: { name: "catalog" },
    spec: specs[kind],
  });
  assert.ok(validation.ok);
  const { metadata } = validation.object;
  return { ...validation.object, metadata: { ...metadata, generation: 3 } } as AnyObject;
}

function finding(about: AnyObject, code: FindingCode, path = ""): Finding {
  const severity = code === "field-ignored" || code === "policy-conflict" ? "warning" : "error";
  return { code, severity, object: keyOf(about), path, message: `because of ${code}` };
}

function judge(about: AnyObject, findings: readonly Finding[], now = NOW) {
  return statusToWrite(about, { findings, fault: undefined, now });
}

function withStatus(about: AnyObject, status: ObjectStatus | undefined): AnyObject {
  return { ...about, status } as AnyObject;
}

test("an object that is all right is accepted, once", () => {
  const service = object("Service");
  const status = judge(service, []);
  assert.deepEqual(status?.conditions, [
    {
      type: "Accepted",
      status: "True",
      reason: "Accepted",
      message: "",
      observedGeneration: 3,
      lastTransitionTime: NOW,
    },
  ]);
  assert.equal(judge(withStatus(service, status), [], LATER), undefined);
});

test("other parts of a status are left alone", () => {
  const status = judge(withStatus(object("Service"), { serviceIndex: 7 } as ObjectStatus), []);
  assert.equal((status as { serviceIndex?: number }).serviceIndex, 7);
});

test("a condition's time moves only when its status does", () => {
  const policy = object("TrafficPolicy");
  const conflict = judge(policy, [finding(policy, "policy-conflict")]);
  assert.equal(conflict?.conditions?.[0]?.status, "False");
  assert.equal(conflict?.conditions?.[0]?.reason, "Conflicted");
  const other = judge(withStatus(policy, conflict), [finding(policy, "target-not-found")], LATER);
  assert.equal(other?.conditions?.[0]?.reason, "TargetNotFound");
  assert.equal(other?.conditions?.[0]?.lastTransitionTime, NOW);
  const solved = judge(withStatus(policy, other), [], LATER);
  assert.equal(solved?.conditions?.[0]?.lastTransitionTime, LATER);
});

test("a route is judged for each parent", () => {
  const route = object("HTTPRoute");
  const status = judge(route, [
    finding(route, "parent-not-found", "spec.parentRefs[1]"),
    finding(route, "backend-not-found", "spec.rules[0].backendRefs[0]"),
    finding(route, "field-ignored", "spec.hostnames"),
  ]) as HttpRoute["status"];
  const summary = status?.parents?.map(({ conditions }) =>
    conditions.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`),
  );
  const rest = ["ResolvedRefs=False BackendNotFound", "Warnings=True FieldIgnored"];
  assert.deepEqual(summary, [
    ["Accepted=True Accepted", ...rest],
    ["Accepted=False NoMatchingParent", ...rest],
  ]);
});

test("a route whose parent follows another kind of route is not accepted there", () => {
  const route = object("GRPCRoute");
  const conflict = finding(route, "route-kind-conflict", "spec.parentRefs[0]");
  const { parents = [] } = (judge(route, [conflict]) ?? {}) as RouteStatus;
  assert.deepEqual(
    parents[0]?.conditions.map(({ type, status, reason }) => [type, status, reason]),
    [
      ["Accepted", "False", "Conflicted"],
      ["ResolvedRefs", "True", "ResolvedRefs"],
    ],
  );
});

test("a defect of translation is told, with what is in force instead", () => {
  const service = object("Service");
  const fault = { object: keyOf(service), message: "boom", inForce: "last-good" } as const;
  const status = statusToWrite(service, { findings: [], fault, now: NOW });
  const [accepted] = status?.conditions ?? [];
  assert.equal(accepted?.status, "False");
  assert.match(accepted?.message ?? "", /boom.*last good version/);
});

test("a Service keeps the indexes of its instances for as long as it is headless", () => {
  const service = object("Service");
  const judgement = { findings: [], fault: undefined, serviceIndex: 3, now: NOW };
  const headless = statusToWrite(service, { ...judgement, instanceIndexes: { "catalog-0": 7 } });
  assert.ok(headless !== undefined && "instanceIndexes" in headless);
  const judged = { ...service, status: headless } as AnyObject;
  assert.equal(
    statusToWrite(judged, { ...judgement, instanceIndexes: { "catalog-0": 7 } }),
    undefined,
  );
  const after = statusToWrite(judged, judgement);
  assert.ok(after !== undefined && !("instanceIndexes" in after));
});
