/**
 * What the commands print, word for word, for states of the mesh that are hard to bring about on purpose (a
 * proxy that refuses, one that lags). The CLI runs in this process; the admin API's answers are fixed ones,
 * served over a real unix socket.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { RevisionResponse } from "../../src/control-plane/api-types.ts";
import {
  APPLIED,
  CATALOG,
  CHECKS,
  NOW,
  REFUSED,
  STALE,
  SYNCED,
  VERSION,
} from "../support/admin-answers.ts";
import { CliFixture } from "../support/cli-fixture.ts";

describe("what commands print", () => {
  let cli: CliFixture;

  beforeEach(async () => {
    cli = await CliFixture.open();
  });

  afterEach(() => cli.close());

  test("status shows each proxy, and why one refuses; a refusal is exit code 1", async () => {
    cli.answer("GET /api/v1/proxies", { revision: 14, proxies: [SYNCED, STALE, REFUSED] });
    const { code, stdout } = await cli.run(["status"]);
    assert.equal(code, 1);
    assert.equal(
      stdout,
      [
        "PROXY             SERVICE  STATUS     CDS  EDS  LDS  RDS  SDS  STATE    SINCE",
        "catalog-v1-aaaaa  catalog  SYNCED      14   14   14   14   14  healthy    90s",
        "cart-bbbbb        cart     STALE    12>14   14   14   14   14  healthy    90s",
        "orders-ccccc      orders   REFUSED    14!   14   14   14   14  healthy    90s",
        "",
        "3 proxies: 1 synced, 1 stale, 1 refused; the newest revision is 14",
        "",
        "Refused",
        "  orders-ccccc CDS revision 14:",
        "    clusters[0].lb_policy: unsupported",
        "",
      ].join("\n"),
    );
  });

  test("status of one proxy goes type by type", async () => {
    cli.answer("GET /api/v1/proxies", { revision: 14, proxies: [SYNCED, STALE, REFUSED] });
    const { code, stdout } = await cli.run(["status", "cart-bbbbb"]);
    assert.equal(code, 0);
    assert.match(stdout, /^cart-bbbbb\nStatus: +STALE\nService: +default\/cart\n/);
    assert.match(stdout, /\nCDS +STALE +12 +14 +90s ago\n/);
    const typo = await cli.run(["status", "cart-bbbb"]);
    assert.equal(typo.code, 1);
    assert.match(typo.stderr, /no proxy "cart-bbbb" \(did you mean "cart-bbbbb"\?\)/);
  });

  test("check has marks, sections and hints; -q leaves out what is right", async () => {
    cli.answer("GET /api/v1/version", VERSION);
    cli.answer("GET /api/v1/checks", CHECKS);
    cli.answer("GET /api/v1/proxies", { revision: 1, proxies: [] });
    const { code, stdout } = await cli.run(["check"]);
    assert.equal(code, 1);
    assert.equal(
      stdout,
      `client
------
√ the control plane is known: unix:${cli.socket}
√ it answers: mesh default, pid 7
√ client and control plane are of the same version

identity
--------
√ the certificate authority is valid

proxies
-------
× every proxy runs what it was sent
    error: cart-bbbbb refuses

mesh
----
‼ every route is accepted
    warning: HTTPRoute default/catalog spec.rules[0]: backend catalog-v3 does not exist
      hint: create Service catalog-v3

Status check results are ×
`,
    );
    const quiet = await cli.run(["check", "-q"]);
    assert.doesNotMatch(quiet.stdout, /√/);
    assert.match(quiet.stdout, /^proxies\n-------\n× every proxy/);
  });

  test("describe service names the origin of every setting", async () => {
    cli.answer("GET /api/v1/services/default/catalog", CATALOG);
    const { code, stdout } = await cli.run(["describe", "service", "catalog"]);
    assert.equal(code, 0);
    assert.equal(
      stdout,
      `Service default/catalog
  Host:          catalog.default.svc.tulle.local
  Selector:      app=catalog
  Port http 80:  http (the port's name http) to the instances' port 8080; sidecars listen for callers on 20080

Versions
  VERSION  SERVING  INSTANCE          ADDRESS     ZONE  STATE
  v1       1/2      catalog-v1-aaaaa  127.37.0.1  a     healthy
                    catalog-v1-bbbbb  127.37.0.2  -     suspect

Routes
  HTTPRoute default/catalog (accepted)
    rule 1: header x-beta = yes
      catalog-v2:80    100%  (weight 1)
    rule 2: every request
      filter: set request header x-canary
      catalog-v1:80     90%  (weight 90)
      catalog-v2:80     10%  (weight 10)

Effective settings
  FIELD           VALUE      FROM
  loadBalancer    peak_ewma  built-in default
  connectTimeout  2s         TrafficPolicy default/catalog

Findings
  warning: catalog-v2 has no instance
`,
    );
  });

  test("a refused document lists every violation with its place; nothing is written", async () => {
    cli.answer(
      "POST /api/v1/apply",
      {
        error: {
          code: "invalid",
          message: "2 violations",
          details: {
            violations: [
              {
                file: "route.yaml",
                documentIndex: 0,
                line: 9,
                column: 7,
                object: "HTTPRoute default/catalog",
                path: "spec.rules[0].backendRefs[0].wieght",
                code: "unknown-field",
                message: "is not a field",
                nearest: "weight",
              },
              {
                file: "route.yaml",
                documentIndex: 1,
                path: "",
                code: "missing-field",
                message: "has no kind",
                allowed: "Service, HTTPRoute",
              },
            ],
          },
        },
      },
      422,
    );
    await writeFile(join(cli.folder, "route.yaml"), "kind: HTTPRoute\n");
    const { code, stdout, stderr } = await cli.run(["apply", "-f", "route.yaml"]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      `route.yaml:9:7: HTTPRoute default/catalog: spec.rules[0].backendRefs[0].wieght: is not a field (did you mean "weight"?)
route.yaml, document 2: has no kind (allowed: Service, HTTPRoute)
error: 2 violations; nothing was written
`,
    );
  });

  test("apply sends files, folders and standard input, sorted", async () => {
    const sent: string[] = [];
    cli.answers.set("POST /api/v1/apply", (body) => {
      const { files } = JSON.parse(body) as { files: readonly { name: string; text: string }[] };
      sent.push(...files.map((file) => file.name));
      return { body: APPLIED };
    });
    for (const name of ["b.yaml", "a.json", "c.txt"]) await writeFile(join(cli.folder, name), "{}");
    const { code, stdout } = await cli.run(["apply", "-f", ".", "-f", "-"], { stdin: "kind: x" });
    assert.equal(code, 0);
    assert.deepEqual(sent, ["a.json", "b.yaml", "<stdin>"]);
    assert.equal(
      stdout,
      "HTTPRoute default/catalog  configured\nMeshConfig default         unchanged\n",
    );
    assert.equal(
      (await cli.run(["apply", "-f", "-", "-o", "name"], { stdin: "x" })).stdout,
      "httproute/catalog\nmeshconfig/default\n",
    );
    const empty = await cli.run(["apply", "-f", "-"]);
    assert.equal(empty.code, 1);
    assert.match(empty.stderr, /standard input is empty/);
    const missing = await cli.run(["apply", "-f", "a.jsn"]);
    assert.match(missing.stderr, /no such file or folder: a\.jsn \(did you mean "a\.json"\?\)/);
  });

  test("--wait names the proxies that have not acknowledged, with exit code 4", async () => {
    cli.answer("POST /api/v1/apply", APPLIED);
    const pending: RevisionResponse = {
      revision: 15,
      translatedRevision: 15,
      done: false,
      acknowledged: ["catalog-v1-aaaaa"],
      pending: [{ proxy: "cart-bbbbb", reason: "sent clusters, no answer yet" }],
      refused: [],
    };
    let polls = 0;
    cli.answers.set("GET /api/v1/revisions/15", () => {
      polls += 1;
      // The deadline comes while the second poll is under way.
      if (polls === 2) for (const run of cli.timers) run();
      return { body: pending };
    });
    const { code, stderr } = await cli.run(["apply", "-f", "-", "--wait", "--timeout", "5s"], {
      stdin: "x",
    });
    assert.equal(code, 4);
    assert.match(
      stderr,
      /1 of 2 proxies has not acknowledged revision 15 within 5 s:\n {2}cart-bbbbb: sent clusters, no answer yet\nhint: the change is stored/,
    );
  });

  test("--wait ends at once when a proxy refuses, and succeeds when all have acknowledged", async () => {
    cli.answer("POST /api/v1/apply", APPLIED);
    const refused: RevisionResponse = {
      revision: 15,
      translatedRevision: 15,
      done: false,
      acknowledged: [],
      pending: [],
      refused: [{ proxy: "cart-bbbbb", type: "cds", revision: 15, message: "clusters[0]: no" }],
    };
    cli.answer("GET /api/v1/revisions/15", refused);
    const bad = await cli.run(["apply", "-f", "-", "--wait"], { stdin: "x" });
    assert.equal(bad.code, 1);
    assert.match(
      bad.stderr,
      /1 proxy refuses revision 15:\n {2}cart-bbbbb \(cds\): clusters\[0\]: no\n/,
    );
    cli.answer("GET /api/v1/revisions/15", {
      ...refused,
      done: true,
      refused: [],
      acknowledged: ["a", "b"],
    });
    const good = await cli.run(["apply", "-f", "-", "--wait"], { stdin: "x" });
    assert.equal(good.code, 0);
    assert.match(good.stderr, /revision 15 runs on 2 proxies\n/);
  });

  test("get fits the terminal, and an empty list is no failure", async () => {
    const route = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "catalog", namespace: "default", creationTimestamp: NOW },
      spec: {
        parentRefs: [{ name: "catalog" }],
        rules: [
          {
            backendRefs: [
              { name: "catalog-v1", weight: 90 },
              { name: "catalog-v2", weight: 10 },
            ],
          },
        ],
      },
      status: {
        parents: [{ conditions: [{ type: "Accepted", status: "True", reason: "Accepted" }] }],
      },
    };
    cli.answer("GET /api/v1/resources/HTTPRoute", { kind: "HTTPRoute", items: [route] });
    assert.equal(
      (await cli.run(["get", "hr"], { columns: 60 })).stdout,
      "NAME     PARENTS  RULES  BACKENDS              ACCEPTED  AGE\ncatalog  catalog      1  catalog-v1 90%, cat…  True      90s\n",
    );
    assert.deepEqual(JSON.parse((await cli.run(["get", "hr", "-o", "json"])).stdout).items, [
      route,
    ]);
    cli.answer("GET /api/v1/resources/HTTPRoute", { kind: "HTTPRoute", items: [] });
    const empty = await cli.run(["get", "hr", "-n", "shop", "-l", "a=b"]);
    assert.deepEqual(empty, { code: 0, stdout: "", stderr: "no httproutes in namespace shop\n" });
    assert.ok(
      cli.asked.includes("GET /api/v1/resources/HTTPRoute?namespace=shop&labelSelector=a%3Db"),
    );
  });

  test("a missing object names the nearest, or the namespace that has it", async () => {
    cli.answer("GET /api/v1/resources/Service", {
      items: [
        { metadata: { name: "catalog", namespace: "default" } },
        { metadata: { name: "cart", namespace: "shop" } },
      ],
    });
    const typo = await cli.run(["get", "svc", "catalgo"]);
    assert.equal(typo.code, 1);
    assert.match(
      typo.stderr,
      /no Service "catalgo" in namespace default \(did you mean "catalog"\?\)/,
    );
    const elsewhere = await cli.run(["delete", "svc", "cart"]);
    assert.equal(elsewhere.code, 1);
    assert.match(elsewhere.stderr, /hint: there is one in namespace shop: add -n shop/);
    assert.equal((await cli.run(["delete", "svc", "cart", "--ignore-not-found"])).code, 0);
  });

  test("split without weights shows what is in force", async () => {
    cli.answer("GET /api/v1/services/default/catalog", CATALOG);
    cli.answer("GET /api/v1/services", { services: [{ ...CATALOG, name: "catalog-v1" }] });
    const { code, stdout } = await cli.run(["split", "catalog"]);
    assert.equal(code, 0);
    assert.equal(
      stdout,
      `HTTPRoute default/catalog: header x-beta = yes
  BACKEND        WEIGHT  SHARE          SERVING
  catalog-v2:80       1   100%  no such service

HTTPRoute default/catalog: every request
  BACKEND        WEIGHT  SHARE          SERVING
  catalog-v1:80      90    90%                1
  catalog-v2:80      10    10%  no such service
`,
    );
  });

  test("an answer that is not from a control plane is said to be none", async () => {
    cli.answers.set("GET /api/v1/version", () => ({ body: "hello" }));
    const { code, stderr } = await cli.run(["version"]);
    assert.equal(code, 3);
    assert.match(stderr, /answers, but not as a Tulle control plane/);
  });
});
