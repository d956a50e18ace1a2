/** What the routes of the admin API know of a request besides itself. */
import type { AuditObject } from "../../telemetry/audit/audit-record.ts";
import type { Principal } from "../access/principal.ts";
import type { AdminBindings } from "./admin-server.ts";

export interface AdminEnv {
  Bindings: AdminBindings;
  Variables: {
    /** Who asks. Set before any route runs. */
    principal: Principal;
    /** What the audit log is to say of this request besides its route. Nothing secret. */
    audited?: {
      readonly object?: AuditObject;
      readonly details?: Readonly<Record<string, unknown>>;
      /** The route has told the audit log already. */
      readonly isTold?: boolean;
    };
  };
}
