/**
 * External authorization by a real Open Policy Agent: an authorization service asks it about each request, with a policy
 * in Rego over what sidecars tell, by gRPC and by HTTP, in a real mesh.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { type JsonObject, toJson } from "@bufbuild/protobuf";
import {
  type CheckRequest,
  CheckRequestSchema,
} from "../../src/gen/envoy/service/auth/v3/external_auth_pb.js";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";
import { type CheckAnswer, option, serveAuthorization } from "../support/authorization-service.ts";
import { freePort } from "../support/free-port.ts";
import { goPeer, OPA } from "./go-peer.ts";
import { startPeer, temporaryFolder } from "./peer-process.ts";

const { folder, skip } = await goPeer(OPA);

/** Staff may do everything, the client may read items; a body over the limit of the order is refused. */
const POLICY = `package mesh

default decision := {"allow": false, "status": 403, "reason": "no rule allows it"}

http := input.attributes.request.http

decision := {"allow": true, "user": "staff"} if http.headers["x-token"] == "staff"

decision := {"allow": true, "user": "client"} if {
	not http.headers["x-token"]
	http.method == "GET"
	startswith(http.path, "/admin/items")
	endswith(input.attributes.source.principal, "/sa/client")
}

decision := {"allow": false, "status": 401, "reason": "that is no token"} if {
	http.headers["x-token"]
	http.headers["x-token"] != "staff"
}
`;

const APP = `
require("node:http").createServer((request, response) => response.end(JSON.stringify(request.headers)))
  .listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

interface Decision {
  readonly allow: boolean;
  readonly user?: string;
  readonly status?: number;
  readonly reason?: string;
}

async function ask(port: number, input: JsonObject): Promise<Decision> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/data/mesh/decision`, {
    method: "POST",
    body: JSON.stringify({ input }),
  });
  return ((await answer.json()) as { readonly result: Decision }).result;
}

function checkAnswer({ allow, user = "", status = 403, reason = "" }: Decision): CheckAnswer {
  const why = [option("x-reason", reason)];
  return allow
    ? {
        status: { code: 0 },
        httpResponse: { case: "okResponse", value: { headers: [option("x-user", user)] } },
      }
    : {
        status: { code: 7 },
        httpResponse: { case: "deniedResponse", value: { status: { code: status }, headers: why } },
      };
}

/** The same by HTTP: what of the request such a service sees. */
async function serveHttp(opaPort: number): Promise<{ readonly port: number; stop(): void }> {
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    const principal = /URI=([^;,]+)/.exec(String(headers["x-forwarded-client-cert"]))?.[1] ?? "";
    const http = { method, path: url, headers } as JsonObject;
    void ask(opaPort, { attributes: { source: { principal }, request: { http } } }).then(
      ({ allow, user = "", status = 403, reason = "" }) =>
        allow
          ? response.writeHead(200, { "x-user": user }).end()
          : response.writeHead(status, { "x-reason": reason }).end(),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, stop: () => server.close() };
}

function external(name: string, portName: string, port: number): object {
  return {
    ...{ apiVersion: "mesh.tulle.dev/v1", kind: "ExternalService", metadata: { name } },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ name: portName, port: 80 }],
      endpoints: [{ address: "127.0.0.1", port }],
    },
  };
}

test("a mesh that asks OPA, by gRPC and by HTTP", { skip }, async (t) => {
  const policy = join(temporaryFolder(t), "policy.rego");
  writeFileSync(policy, POLICY);
  const opaPort = await freePort();
  const opa = join(folder, "opa");
  await startPeer(t, opaPort, [opa, "run", "--server", "--addr", `127.0.0.1:${opaPort}`, policy]);
  const byGrpc = await serveAuthorization(async (asked: CheckRequest) =>
    checkAnswer(await ask(opaPort, toJson(CheckRequestSchema, asked) as JsonObject)),
  );
  t.after(() => byGrpc.stop());
  const byHttp = await serveHttp(opaPort);
  t.after(() => byHttp.stop());
  const common = { port: 80, timeout: "10s" };
  const mesh = await CatalogMesh.start({
    name: "opa",
    app: APP,
    resources: [
      external("opa-grpc", "grpc", byGrpc.port),
      external("opa-http", "http", byHttp.port),
      {
        ...{ apiVersion: "mesh.tulle.dev/v1", kind: "MeshConfig", metadata: { name: "default" } },
        spec: {
          extensionProviders: [
            { name: "grpc", envoyExtAuthzGrpc: { service: "opa-grpc.example", ...common } },
            {
              name: "http",
              envoyExtAuthzHttp: {
                ...{ service: "opa-http.example", ...common },
                includeRequestHeadersInCheck: ["x-token", "x-forwarded-client-cert"],
                headersToUpstreamOnAllow: ["x-user"],
              },
            },
          ],
        },
      },
    ],
  });
  t.after(() => mesh.remove());
  for (const name of ["grpc", "http"]) {
    await mesh.apply({
      ...{
        apiVersion: "mesh.tulle.dev/v1",
        kind: "AuthorizationPolicy",
        metadata: { name: "ask" },
      },
      spec: {
        action: "CUSTOM",
        provider: { name },
        rules: [{ to: [{ operation: { paths: ["/admin/{**}"] } }] }],
      },
    });
    assert.equal((await mesh.ask("/items")).status, 200);
    const read = await mesh.ask("/admin/items/7");
    assert.equal(read.status, 200, name);
    assert.equal(JSON.parse(read.body)["x-user"], "client");
    const denied = await mesh.ask("/admin/users");
    assert.equal(denied.status, 403);
    assert.equal(denied.headers["x-reason"], "no rule allows it");
    const staff = await mesh.ask("/admin/users", { headers: { "x-token": "staff" } });
    assert.equal(JSON.parse(staff.body)["x-user"], "staff");
    const wrong = await mesh.ask("/admin/items", { headers: { "x-token": "forged" } });
    assert.equal(wrong.status, 401);
    // Every value is judged: one that is right does not hide another.
    const both = await mesh.ask("/admin/items", { headers: { "x-token": ["staff", "forged"] } });
    assert.equal(both.status, 401);
  }
});
