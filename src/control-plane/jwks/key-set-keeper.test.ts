import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { keySetOf, signingKey } from "../../../test/support/signed-tokens.ts";
import { ManualClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { parseDocuments } from "../../resource/documents.ts";
import type { RequestAuthentication } from "../../resource/kinds/request-authentication.ts";
import { registry as kinds } from "../../resource/registry.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { KeySetKeeper } from "./key-set-keeper.ts";

const DAY_MS = 24 * 3_600_000;
const FIRST = keySetOf(signingKey("ES256", "first"));
const SECOND = keySetOf(signingKey("ES256", "second"));

/** An issuer whose answer the test changes. */
class Issuer {
  answer: RequestListener = (_, response) => response.end(FIRST);
  requestCount = 0;
  readonly #server = createServer((request, response) => {
    this.requestCount += 1;
    this.answer(request, response);
  });

  static async start(context: TestContext): Promise<Issuer> {
    const issuer = new Issuer();
    issuer.#server.listen(0, "127.0.0.1");
    await once(issuer.#server, "listening");
    context.after(() => {
      issuer.#server.closeAllConnections();
      issuer.#server.close();
    });
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  says(body: string, status = 200): void {
    this.answer = (_, response) => response.writeHead(status).end(body);
  }
}

interface Setting {
  readonly rule?: object;
  readonly path?: string;
  readonly allowed?: readonly string[];
  readonly clock?: ManualClock;
}

async function setUp(context: TestContext, issuer: Issuer, setting: Setting = {}) {
  const { rule = { jwksUri: `${issuer.url}/keys` }, path, allowed = ["127.0.0.0/8"] } = setting;
  const { clock = new ManualClock() } = setting;
  const registry = new MetricRegistry();
  const jwksFetches = registry.counter("fetches", "");
  const jwksSets = registry.gauge("sets", "");
  let changeCount = 0;
  const keeper = new KeySetKeeper({
    path,
    getAllowedAddresses: () => allowed,
    onChanged: () => {
      changeCount += 1;
    },
    metrics: { jwksFetches, jwksSets },
    clock,
    log: silentLogger,
  });
  context.after(() => keeper.stop());
  const total = () =>
    jwksFetches.with({ result: "ok" }).value + jwksFetches.with({ result: "failed" }).value;
  /** So many fetches have ended. */
  const fetched = async (count: number): Promise<void> => {
    while (total() < count) await new Promise((resolve) => setImmediate(resolve));
  };
  keeper.want([policy({ issuer: issuer.url, timeout: "200ms", ...rule })]);
  await fetched(1);
  return {
    keeper,
    clock,
    fetched,
    only: () => [...keeper.sets.values()][0]!,
    state: (state: string) => jwksSets.with({ state }).value,
    changes: () => changeCount,
  };
}

function policy(rule: object): RequestAuthentication {
  const text = JSON.stringify({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "RequestAuthentication",
    metadata: { name: "users" },
    spec: { jwtRules: [rule] },
  });
  const { documents, violations } = parseDocuments(text, "test", kinds);
  assert.deepEqual(violations, []);
  return documents[0]!.object as RequestAuthentication;
}

test("T28: keys are fetched at once, then every 30 s; a new key replaces the old", async (context) => {
  const issuer = await Issuer.start(context);
  const { only, clock, fetched, state, changes } = await setUp(context, issuer);
  assert.match(only().document ?? "", /"kid":"first"/);
  assert.equal(state("current"), 1);
  clock.advance(29_999);
  assert.equal(issuer.requestCount, 1);
  clock.advance(1);
  await fetched(2);
  assert.equal(changes(), 1, "the same keys are no change");
  issuer.says(SECOND);
  clock.advance(30_000);
  await fetched(3);
  assert.match(only().document ?? "", /"kid":"second"/);
  assert.doesNotMatch(only().document ?? "", /"kid":"first"/);
  assert.equal(changes(), 2);
});

test("T28: 500, silence, garbage, an empty set and 1 MB keep the last good keys for a day", async (context) => {
  const issuer = await Issuer.start(context);
  const { only, clock, fetched, state } = await setUp(context, issuer);
  const failures: readonly (readonly [RegExp, RequestListener])[] = [
    [/status 500/, (_, response) => response.writeHead(500).end(SECOND)],
    [/no answer within 200 ms/, () => {}],
    [/no JSON object/, (_, response) => response.end("<html>")],
    [/no JSON object/, (_, response) => response.end('{"keys":[],"keys":[]}')],
    [/it is empty/, (_, response) => response.end('{"keys":[]}')],
    [/private member "d"/, (_, response) => response.end(secretKeys())],
    [/more than 262144 bytes/, (_, response) => response.end("x".repeat(1_000_000))],
    [/status 302/, (_, response) => response.writeHead(302, { location: "/other" }).end()],
    [/hang up|ECONNRESET|aborted/, (request) => request.socket.destroy()],
  ];
  for (const [index, [problem, answer]] of failures.entries()) {
    issuer.answer = answer;
    clock.advance(30_000);
    await fetched(index + 2);
    assert.match(only().problem ?? "", problem);
    assert.match(only().document ?? "", /"kid":"first"/);
  }
  assert.equal(state("stale"), 1);
  const before = failures.length + 1;
  clock.advance(DAY_MS);
  await fetched(before + 1);
  assert.equal(only().document, undefined);
  assert.equal(state("missing"), 1);
  issuer.says(FIRST);
  clock.advance(30_000);
  await fetched(before + 2);
  assert.equal(only().problem, undefined);
  assert.match(only().document ?? "", /"kid":"first"/);
});

test("T28: an issuer that never answered has no keys, and is asked ever less often", async (context) => {
  const issuer = await Issuer.start(context);
  issuer.says("", 500);
  const { only, clock, fetched } = await setUp(context, issuer);
  assert.equal(only().document, undefined);
  let count = 1;
  for (const delayMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    clock.advance(delayMs - 1);
    assert.equal(issuer.requestCount, count);
    clock.advance(1);
    count += 1;
    await fetched(count);
  }
});

test("T28: nothing but time causes a fetch, whatever policies and tokens come", async (context) => {
  const issuer = await Issuer.start(context);
  const { keeper, clock } = await setUp(context, issuer);
  const same = [policy({ issuer: issuer.url, jwksUri: `${issuer.url}/keys` })];
  for (let i = 0; i < 1_000; i++) keeper.want([...same, ...same]);
  clock.advance(29_999);
  assert.equal(issuer.requestCount, 1);
});

test("keys are found by discovery, which must name the issuer", async (context) => {
  const issuer = await Issuer.start(context);
  const documents =
    (named: string): RequestListener =>
    (request, response) => {
      const configuration = { issuer: named, jwks_uri: `${issuer.url}/keys` };
      const isKeys = request.url === "/keys";
      response.end(isKeys ? FIRST : JSON.stringify(configuration));
    };
  issuer.answer = documents(issuer.url);
  const { only, clock, fetched } = await setUp(context, issuer, { rule: {} });
  assert.match(only().document ?? "", /"kid":"first"/);
  issuer.answer = documents("https://other.example");
  clock.advance(30_000);
  await fetched(2);
  assert.match(only().problem ?? "", /names the issuer "https:\/\/other.example"/);
});

test("loopback, link-local and metadata addresses are closed unless MeshConfig opens them", async (context) => {
  const issuer = await Issuer.start(context);
  const { port } = new URL(issuer.url);
  for (const host of [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "127.1",
  ]) {
    const rule = { jwksUri: `http://${host}:${port}/keys` };
    const { only } = await setUp(context, issuer, { rule, allowed: [] });
    assert.match(only().problem ?? "", /allow it in MeshConfig, fetching.allowedAddresses/, host);
  }
  for (const host of ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200"]) {
    const rule = { jwksUri: `http://${host}/latest/meta-data` };
    const { only } = await setUp(context, issuer, { rule });
    assert.match(only().problem ?? "", /is loopback, link-local or a metadata service/, host);
  }
  assert.equal(issuer.requestCount, 0);
});

test("a control plane that starts while the issuer is away goes on with the keys from before", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-keys-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "key-sets.json");
  const issuer = await Issuer.start(context);
  const clock = new ManualClock();
  await setUp(context, issuer, { path, clock });
  issuer.says("", 503);
  const later = await setUp(context, issuer, {
    path,
    clock: new ManualClock(clock.nowMs() + 60_000),
  });
  assert.match(later.only().document ?? "", /"kid":"first"/);
  assert.match(later.only().problem ?? "", /status 503/);
  const tooLate = await setUp(context, issuer, {
    path,
    clock: new ManualClock(clock.nowMs() + DAY_MS),
  });
  assert.equal(tooLate.only().document, undefined);
});

test("issuers that nobody names any more are forgotten", async (context) => {
  const issuer = await Issuer.start(context);
  const { keeper, clock } = await setUp(context, issuer);
  keeper.want([]);
  assert.equal(keeper.sets.size, 0);
  clock.advance(DAY_MS);
  assert.equal(issuer.requestCount, 1);
});

function secretKeys(): string {
  const { jwk, privateKey } = signingKey("ES256", "secret");
  return JSON.stringify({ keys: [{ ...jwk, ...privateKey.export({ format: "jwk" }) }] });
}
