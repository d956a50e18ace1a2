/** Who asks something of the admin API, how that was proven, and over which way in. */
import type { AccessMethod, AdminRole } from "../access-types.ts";

export type Transport = "unix" | "tcp" | "tls";

export interface Principal {
  /** `local user`, `token ci`, `alice@example.com`, `spiffe://…`. */
  readonly name: string;
  readonly role: AdminRole;
  readonly method: AccessMethod;
  readonly transport: Transport;
  /** Of a TCP client; empty on the unix socket. */
  readonly address: string;
}
