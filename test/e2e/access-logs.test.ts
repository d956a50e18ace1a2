/**
 * TelemetryPolicies from YAML to the line: a control plane, sidecars and policies by the command line; lines in files, and
 * records that the control plane has.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually } from "../support/envoy-process.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

const APP = `
require("node:http").createServer((request, response) => {
  const status = /^\\/status\\/(\\d+)/.exec(request.url)?.[1] ?? "200";
  response.writeHead(Number(status), { "content-type": "application/json", "x-tenant": "b" });
  response.end('{"password":"x","ok":1}');
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({ name: "access-logs", app: APP });
});

after(() => mesh?.remove());

type Line = Readonly<Record<string, unknown>>;

function policy(name: string, spec: object, namespace = "default"): object {
  const metadata = { name, namespace };
  return { apiVersion: "mesh.tulle.dev/v1", kind: "TelemetryPolicy", metadata, spec };
}

function linesOf(file: string): readonly Line[] {
  let text = "";
  try {
    text = readFileSync(join(mesh.home.path, file), "utf8");
  } catch {
    // Nothing was written yet.
  }
  const lines = text.split("\n").filter((line) => line.endsWith("}"));
  return lines.map((line) => JSON.parse(line) as Line);
}

async function logged(file: string, wanted: (line: Line) => boolean): Promise<Line> {
  const lines = await eventually(
    `${file} has the line`,
    async () => linesOf(file),
    (found) => found.some(wanted),
  );
  return lines.find(wanted) ?? assert.fail();
}

test("a Service's failures are written by both sides, with what was asked for and no secrets", async () => {
  const path = join(mesh.home.path, "catalog.log");
  await mesh.apply(
    policy("catalog", {
      targetRefs: [{ name: "catalog" }],
      accessLogs: [
        {
          output: "File",
          path,
          filter: { expression: "response.code >= 500 || request.headers['x-log'] == 'yes'" },
          capture: {
            requestHeaders: ["x-tenant", "authorization"],
            responseHeaders: ["x-tenant"],
            responseBody: { maxBytes: 100 },
          },
          redact: { headers: ["x-secret"] },
        },
      ],
    }),
  );
  const headers = { "x-tenant": "a", authorization: "Bearer abc", "x-secret": "s" };
  await mesh.ask("/quiet");
  await mesh.ask("/status/503?token=abc", { headers });
  await mesh.ask("/wanted", { headers: { "x-log": "yes" } });
  const of = (path: string, side: string) => (line: Line) =>
    line["path"] === path && String(line["upstream_cluster"]).startsWith(side);
  const inbound = await logged("catalog.log", of("/status/503?token=[redacted]", "inbound"));
  await logged("catalog.log", of("/status/503?token=[redacted]", "outbound"));
  await logged("catalog.log", of("/wanted", "inbound"));
  assert.equal(inbound["response_code"], 503);
  assert.deepEqual(inbound["request_headers"], { "x-tenant": "a", authorization: "[redacted]" });
  assert.deepEqual(inbound["response_headers"], { "x-tenant": "b" });
  assert.equal(inbound["response_body"], '{"password":"[redacted]","ok":1}');
  assert.match(String(inbound["source_principal"]), /^spiffe:\/\//);
  assert.ok(!linesOf("catalog.log").some(({ path }) => path === "/quiet"));
});

test("the control plane has what failed, from both sides, without a policy", async () => {
  const found = await eventually(
    "tulle logs shows the failure",
    async () => await mesh.tulle("logs", "--status", "5xx", "-o", "json"),
    (text) =>
      text.includes("/status/503") && text.includes("destination") && text.includes("source"),
  );
  assert.ok(!found.includes("token=abc"), found);
});

test("the narrower policy holds, field by field, and describe says where each comes from", async () => {
  await mesh.apply(
    policy("namespace", {
      accessLogs: [
        { output: "ControlPlane", filter: { statusCodes: ["5xx"] } },
        { format: { text: "%DURATION%" } },
      ],
      tracing: { sampling: 10 },
    }),
    policy("mesh", { proxyStatus: {}, tracing: { sampling: 50 } }, "tulle-system"),
  );
  const text = await mesh.tulle("describe", "service", "catalog");
  assert.match(
    text,
    /accessLogs +\S*catalog\.log: \{"expression":.*\} *, with requestHeaders, .* +TelemetryPolicy default\/catalog/,
  );
  assert.match(
    text,
    /controlPlaneLogs +ControlPlane: \{"statusCodes":\["5xx"\]\} +TelemetryPolicy default\/namespace/,
  );
  assert.match(text, /tracing\.sampling +10 +TelemetryPolicy default\/namespace/);
  assert.match(text, /telemetry\.proxyStatus .* +TelemetryPolicy tulle-system\/mesh/);
});

test("wrong input is refused with its field and its fix", async () => {
  const refusal = async (spec: object): Promise<string> => {
    const file = join(mesh.home.path, "bad.json");
    writeFileSync(file, JSON.stringify(policy("bad", spec)));
    const { code, output } = await mesh.home.start(["apply", "-f", file]).ended;
    assert.notEqual(code, 0, output);
    return output;
  };
  assert.match(
    await refusal({ accessLogs: [{ format: { text: "%NOPE%" } }] }),
    /accessLogs\[0\]\.format\.text.*%NOPE% is not implemented/s,
  );
  assert.match(
    await refusal({ accessLogs: [{ filter: { expression: "response.cod == 1" } }] }),
    /accessLogs\[0\]\.filter\.expression.*position 10: the attribute response\.cod is not known/s,
  );
});
