/**
 * testssl.sh against the ports of a mesh: a gateway's, where everybody comes, and a sidecar's, where peers with certificates
 * do. It finds nothing but what `testssl-explained.json` gives a reason for, and nothing is explained that it does not find.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";
import { freePort } from "../support/free-port.ts";
import { writeServerCertificate } from "../support/server-certificate.ts";
import { needsOnDemand } from "./peer-process.ts";

const PROGRAM = "testssl";
/** What is no trouble. */
const FINE: ReadonlySet<string> = new Set(["OK", "INFO", "DEBUG"]);

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

type Explained = Readonly<Record<"gateway" | "sidecar", Readonly<Record<string, string>>>>;

const explained: Explained = JSON.parse(
  readFileSync(join(import.meta.dirname, "testssl-explained.json"), "utf8"),
);

const APP = `
require("node:http").createServer((request, response) => response.end("ok")).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

interface Scan {
  readonly folder: string;
  readonly name: string;
  readonly address: string;
  /** A file with roots to trust. */
  readonly roots: string;
}

async function scan({ folder, name, address, roots }: Scan): Promise<readonly Finding[]> {
  const file = join(folder, `${name}.json`);
  const options = [
    "--quiet",
    "--color",
    "0",
    "--warnings",
    "off",
    "--nodns",
    "none",
    "--add-ca",
    roots,
  ];
  // Its exit code counts findings: they are judged here.
  await promisify(execFile)(PROGRAM, [...options, "--jsonfile", file, address], {
    maxBuffer: 16 * 1024 * 1024,
  }).catch(() => {});
  return JSON.parse(readFileSync(file, "utf8"));
}

function assertExplained(side: keyof Explained, findings: readonly Finding[]): void {
  const reasons = explained[side];
  const bad = findings.filter(({ severity }) => !FINE.has(severity));
  const unexplained = bad.filter(({ id }) => reasons[id] === undefined);
  assert.deepEqual(
    unexplained.map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`),
    [],
    side,
  );
  const found = new Set(bad.map(({ id }) => id));
  const needless = Object.keys(reasons).filter((id) => !found.has(id));
  assert.deepEqual(needless, [], `${side}: explained, and not found`);
  // It got as far as its end.
  assert.ok(
    findings.some(({ id, finding }) => id === "TLS1_3" && /offered/.test(finding)),
    `${side}: ${JSON.stringify(findings.slice(0, 20))}`,
  );
}

test("testssl.sh finds nothing unexplained on a gateway's and a sidecar's port", {
  ...needsOnDemand(PROGRAM),
  timeout: 900_000,
}, async (t) => {
  const port = await freePort();
  const mesh = await CatalogMesh.start({ name: "scanned", app: APP });
  t.after(() => mesh.remove());
  const { certificateFile, keyFile } = writeServerCertificate(mesh.home.path, "shop", [
    "127.0.0.1",
    "shop.example",
  ]);
  await mesh.apply(
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "shop" },
      spec: {
        listeners: [
          {
            name: "https",
            port,
            protocol: "HTTPS",
            tls: {
              options: {
                "mesh.tulle.dev/certificate-file": certificateFile,
                "mesh.tulle.dev/key-file": keyFile,
              },
            },
          },
        ],
      },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "shop" },
      spec: {
        parentRefs: [{ name: "shop" }],
        rules: [
          {
            backendRefs: [{ name: "catalog", port: 80 }],
            filters: [
              {
                type: "ResponseHeaderModifier",
                responseHeaderModifier: {
                  set: [{ name: "strict-transport-security", value: "max-age=31536000" }],
                },
              },
            ],
          },
        ],
      },
    },
  );
  const gateway = mesh.home.start(["gateway", "shop", "--mesh", "scanned", "--workers", "1"]);
  await gateway.waitFor(/gateway shop is ready/);
  const workloads = JSON.parse(await mesh.tulle("get", "workloads", "-o", "json"));
  const { spec } = workloads.items.find(
    ({ spec: one }: { spec: { serviceAccount: string } }) => one.serviceAccount === "catalog",
  );
  const sidecar = `${spec.address}:${spec.ports[0].inboundPort}`;
  const place = { folder: mesh.home.path, roots: certificateFile };
  assertExplained(
    "gateway",
    await scan({ ...place, name: "gateway", address: `127.0.0.1:${port}` }),
  );
  assertExplained("sidecar", await scan({ ...place, name: "sidecar", address: sidecar }));
});
