/** Records of the audit log as events for people: whom it is about, and a sentence of what happened. */
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { MeshEvent } from "../telemetry-types.ts";

/** An event but for what is filled in where nothing is said. */
export type ToldEvent = Omit<MeshEvent, "time" | "revision" | "actor"> &
  Partial<Pick<MeshEvent, "revision" | "actor" | "time">>;

/** Undefined for what people look up in the audit log only. */
export function auditEvent(record: AuditRecord): ToldEvent | undefined {
  const { kind, action, actor, object, details } = record;
  const who = actor?.name ?? null;
  switch (kind) {
    case "change":
      return {
        severity: "info",
        type: "config",
        subject: object === undefined ? action : objectText(object),
        message: fieldsText(action, details?.["fields"]),
        revision: typeof details?.["revision"] === "number" ? details["revision"] : null,
        actor: who,
      };
    case "action":
      return {
        severity: record.outcome === "ok" ? "info" : "warning",
        type: "control-plane",
        subject: object === undefined ? "control plane" : objectText(object),
        message: actionText(record),
        actor: who,
      };
    case "certificate-issued": {
      const notAfter = textOf(details?.["notAfter"]);
      const until = notAfter === "" ? "" : `, valid until ${notAfter}`;
      return {
        ...{ severity: "info", type: "certificate", subject: who ?? "unknown" },
        message: `a certificate was issued${until}`,
      };
    }
    case "certificate-refused":
    case "revocations-changed":
      return {
        ...{ severity: "warning", type: "certificate", subject: who ?? "control plane" },
        message: sentenceOf(record),
      };
    case "policy-denied":
    case "security-event":
    case "authentication-failed":
    case "access-denied":
      return {
        severity: kind === "security-event" ? "error" : "warning",
        type: "security",
        subject: who ?? "unknown",
        message: sentenceOf(record),
      };
    case "log":
      return undefined;
  }
}

/** As all messages of events begin: in lower case, but for what is written with capitals throughout. */
export function eventMessage(text: string): string {
  return /^[A-Z][a-z]*(?:[\s,:]|$)/.test(text)
    ? text.charAt(0).toLowerCase() + text.slice(1)
    : text;
}

/** What each action of the admin API came to, by its route. Changes of objects have records of their own. */
const ACTIONS: Readonly<Record<string, (asked: (name: string) => string) => string>> = {
  "POST /api/v1/instances/{namespace}/{name}/actions": (asked) =>
    asked("asked") === "drain" ? "taken out of service" : "put back into service",
  "POST /api/v1/rollouts/{namespace}/{name}/actions": (asked) =>
    `asked to ${asked("asked") || "change its course"}`,
  "POST /api/v1/join-tokens": (asked) =>
    `a join token was made${about(asked("serviceAccount") || asked("service"))}`,
  "POST /api/v1/ca/rotation": (asked) =>
    `the rotation of the root was asked to ${asked("action") || "go on"}${untilText(asked("until"))}`,
  "POST /api/v1/ca/retire": (asked) => `the root ${asked("root")} was retired`,
  "POST /api/v1/tokens": (asked) =>
    `the token ${asked("token")} was made${about(asked("role") && `the role ${asked("role")}`)}`,
  "DELETE /api/v1/tokens/{name}": (asked) => `the token ${asked("token")} was taken back`,
};

function actionText({ action, details, outcome, message = "" }: AuditRecord): string {
  const asked = (name: string): string => textOf(details?.[name]);
  const told = ACTIONS[action];
  if (outcome === "ok" && told !== undefined) return told(asked);
  const status = asked("status");
  const ending = outcome === "ok" ? "was done" : outcome === "refused" ? "was refused" : "failed";
  const reason = message === "" ? "" : `: ${message}`;
  return `${action} ${ending}${status === "" ? "" : ` with status ${status}`}${reason}`;
}

function about(what: string): string {
  return what === "" ? "" : ` for ${what}`;
}

function untilText(step: string): string {
  return step === "" ? "" : ` until ${step}`;
}

function sentenceOf({ action, outcome, message = "" }: AuditRecord): string {
  return message === "" ? `${action}: ${outcome}` : message;
}

function fieldsText(action: string, fields: unknown): string {
  return Array.isArray(fields) && fields.length > 0 ? `${action}: ${fields.join(", ")}` : action;
}

function objectText({ kind, namespace, name }: NonNullable<AuditRecord["object"]>): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
