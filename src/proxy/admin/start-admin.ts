/** Starts the admin port where the bootstrap file says, if it does. */
import type { Logger } from "../../core/logger.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Bootstrap } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { invalid } from "../bootstrap.ts";
import { compileAddress } from "../config/address.ts";
import type { InheritedSockets } from "../handover/inherited-sockets.ts";
import { type AdminPagesOptions, adminPages } from "./admin-pages.ts";
import { AdminServer } from "./admin-server.ts";

/** Throws MeshError with code `bootstrap-invalid` or `listen-failed`. `file` is for messages. */
export async function startAdmin(
  bootstrap: Bootstrap,
  file: string,
  log: Logger,
  pages: AdminPagesOptions,
  inherited?: InheritedSockets,
): Promise<AdminServer | undefined> {
  if (bootstrap.admin?.address === undefined) return undefined;
  const errors: FieldError[] = [];
  const { host, port } = compileAddress(bootstrap.admin.address, "admin.address", errors);
  if (errors.length > 0) throw invalid(file, errors);
  const server = new AdminServer(adminPages(pages));
  const handle = inherited?.take({ purpose: "admin", name: "admin", host, port });
  const bound = await server.listen(host, port, handle);
  log.info("admin port listens", { address: `${host}:${bound}` });
  return server;
}
