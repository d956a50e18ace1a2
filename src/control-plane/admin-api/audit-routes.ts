/** The audit log: its records, and whether they are as they were written. For admins. */
import { Hono } from "hono";
import { AUDIT_KINDS } from "../../telemetry/audit/audit-record.ts";
import { searchAudit } from "../../telemetry/audit/search-audit.ts";
import { parseNotedHead, verifyAudit } from "../../telemetry/audit/verify-audit.ts";
import type { AuditResponse, AuditVerificationResponse } from "../audit-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { apiError } from "./api-error.ts";
import { parseInteger } from "./request-schemas.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;

export function auditRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.get("/audit", async (context) => {
    const query = (name: string): string | undefined => context.req.query(name);
    const limit = query("limit");
    const afterSeq = query("afterSeq");
    const records = await searchAudit(deps.audit.folder, {
      kind: kindFrom(query("kind")),
      actor: query("actor"),
      object: query("object"),
      text: query("text"),
      since: instantFrom(query("since"), "since"),
      until: instantFrom(query("until"), "until"),
      afterSeq:
        afterSeq === undefined
          ? undefined
          : parseInteger(afterSeq, "afterSeq", { min: 0, max: Number.MAX_SAFE_INTEGER }),
      limit:
        limit === undefined
          ? LIMIT_DEFAULT
          : parseInteger(limit, "limit", { min: 1, max: LIMIT_MAX }),
    });
    const response: AuditResponse = { records, head: deps.audit.head };
    return context.json(response);
  });
  app.get("/audit/verification", async (context) => {
    const head = context.req.query("head");
    const noted = head === undefined ? undefined : parseNotedHead(head);
    if (head !== undefined && noted === undefined) {
      throw apiError("bad_request", `head: "${head}" is no number and hash`, {
        hint: "write it as 4812:5f0c…, as a verification gave it",
      });
    }
    const response: AuditVerificationResponse = await verifyAudit(deps.audit.folder, noted);
    return context.json(response);
  });
  return app;
}

function kindFrom(text: string | undefined): string | undefined {
  if (text === undefined || (AUDIT_KINDS as readonly string[]).includes(text)) return text;
  throw apiError("bad_request", `kind: "${text}" is no kind of record`, {
    hint: `use one of ${AUDIT_KINDS.join(", ")}`,
  });
}

/** As records have it, so that instants compare as texts. */
function instantFrom(text: string | undefined, name: string): string | undefined {
  if (text === undefined) return undefined;
  const timeMs = Date.parse(text);
  if (!Number.isNaN(timeMs)) return new Date(timeMs).toISOString();
  throw apiError("bad_request", `${name}: "${text}" is no instant`, {
    hint: "write it as 2026-11-26T08:00:00Z",
  });
}
