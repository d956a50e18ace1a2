/** Records of the audit log as events: each has whom it is about, and a sentence. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AUDIT_KINDS,
  type AuditEvent,
  type AuditRecord,
} from "../../telemetry/audit/audit-record.ts";
import { auditEvent, eventMessage } from "./audit-events.ts";

function told(event: AuditEvent): string | undefined {
  const place = { seq: 1, time: "2026-11-26T08:00:00Z", prev: "", hash: "" };
  const found = auditEvent({ ...event, ...place } satisfies AuditRecord);
  return found && `${found.subject}: ${found.message}`;
}

test("whatever a record leaves out, its event says something of somebody", () => {
  for (const kind of AUDIT_KINDS) {
    const text = told({ kind, action: "POST /api/v1/other", outcome: "refused" });
    if (kind === "log") assert.equal(text, undefined);
    else assert.match(text ?? "", /^\S.*: \S/, kind);
  }
});

test("actions are told in words", () => {
  const object = { kind: "Rollout", namespace: "default", name: "catalog" };
  const action = (route: string, details: AuditEvent["details"] & {}, more: object = {}) =>
    told({ kind: "action", action: route, outcome: "ok", details, ...more });
  assert.equal(
    action(
      "POST /api/v1/rollouts/{namespace}/{name}/actions",
      { asked: "promote", status: 200 },
      { object },
    ),
    "Rollout default/catalog: asked to promote",
  );
  assert.equal(
    action("POST /api/v1/ca/rotation", { action: "start", until: "distribute", status: 200 }),
    "control plane: the rotation of the root was asked to start until distribute",
  );
  assert.equal(
    action("POST /api/v1/ca/retire", { status: 409 }, { outcome: "refused" }),
    "control plane: POST /api/v1/ca/retire was refused with status 409",
  );
});

test("messages begin in lower case, but for names", () => {
  assert.equal(eventMessage("The handshake failed"), "the handshake failed");
  assert.equal(eventMessage("TLS is required"), "TLS is required");
  assert.equal(eventMessage("HTTPRoute default/a is gone"), "HTTPRoute default/a is gone");
  assert.equal(eventMessage("Refused"), "refused");
});
