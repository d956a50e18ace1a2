/** RBAC rules from their JSON, and requests to hold against them. */
import assert from "node:assert/strict";
import { createRegistry, fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { DynamicMetadata } from "../../src/decision/dynamic-metadata.ts";
import type { FieldError } from "../../src/decision/field-error.ts";
import type { RbacConnection } from "../../src/decision/rbac/rbac-connection.ts";
import { compileRbac, type RbacEngine } from "../../src/decision/rbac/rbac-engine.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import { RBACSchema } from "../../src/gen/envoy/config/rbac/v3/rbac_pb.js";
import { UriTemplateMatchConfigSchema } from "../../src/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";

const registry = createRegistry(UriTemplateMatchConfigSchema);

/** Throws what is wrong with the rules. */
export function engineOf(rbac: JsonObject, isForTcp = false): RbacEngine {
  const errors: FieldError[] = [];
  const engine = compileRbac(
    fromJson(RBACSchema, rbac, { registry }),
    { isForTcp },
    "rules",
    errors,
  );
  assert.deepEqual(errors, []);
  return engine;
}

/** What is wrong with the rules. */
export function errorsOf(rbac: JsonObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  compileRbac(fromJson(RBACSchema, rbac, { registry }), { isForTcp: false }, "rules", errors);
  return errors;
}

export interface SaidRequest {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly authority?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly metadata?: DynamicMetadata;
  readonly clientAddress?: string;
}

export function requestOf(said: SaidRequest): RequestView {
  const { method = "GET", path = "/", query = "", authority = "catalog", headers = [] } = said;
  const headerValues = (name: string): readonly string[] =>
    headers.filter(([lower]) => lower === name).map(([, value]) => value);
  return {
    ...{ method, path, query, authority, scheme: "http", httpVersion: "HTTP/1.1" },
    metadata: said.metadata,
    clientAddress: said.clientAddress ?? "",
    header: (name) => {
      const values = headerValues(name);
      return values.length === 0 ? undefined : values.join(",");
    },
    headerValues,
  };
}

export function connectionOf(connection: Partial<RbacConnection> = {}): RbacConnection {
  return {
    ...{ peerPrincipal: "", remoteAddress: "127.0.0.1", localAddress: "127.0.0.1" },
    ...{ localPort: 8080, serverName: "" },
    ...connection,
  };
}
