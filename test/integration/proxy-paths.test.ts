/**
 * T21 (CVE-2021-31920, CVE-2021-29492, CVE-2019-9901, CVE-2024-10005): whatever the spelling of a path, routes and
 * policies decide as they do for the canonical path, and that is what the app gets. Through a sidecar's process.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  http1PathClient,
  http2PathApp,
  http2PathClient,
  type PathClient,
} from "../support/path-client.ts";
import {
  canonicalTarget,
  DECIDERS,
  type Decider,
  isPassed,
  PATH_MODES,
  type PathMode,
  POLICIES,
  type Policy,
  pathListenerName,
  pathMatrixBootstrap,
  pathSpellings,
} from "../support/path-matrix.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const SPELLINGS = pathSpellings();

test("there are enough spellings", () => {
  assert.ok(SPELLINGS.length >= 400, `${SPELLINGS.length}`);
  for (const mode of PATH_MODES) {
    const changed = SPELLINGS.filter((target) => canonicalTarget(target, mode) !== target);
    assert.equal(changed.length > 100, mode.name !== "None", mode.name);
  }
});

const CLIENTS = { "HTTP/1.1": http1PathClient, "HTTP/2": http2PathClient } as const;

for (const upstream of [1, 2] as const) {
  test(`T21: each spelling is judged by its canonical path, which the app gets by HTTP/${upstream}`, async (context) => {
    const port =
      upstream === 1 ? (await RawUpstream.echo(context)).port : await http2PathApp(context);
    const proxy = await ProxyProcess.start(context, pathMatrixBootstrap(port, upstream));
    for (const [version, clientOf] of Object.entries(CLIENTS)) {
      const lists = PATH_MODES.flatMap((mode) =>
        judges().map(([policy, decider]) => {
          const name = pathListenerName(mode, policy, decider);
          const client = opened(context, clientOf(proxy.port(name)));
          return wrongOf(mode, policy, client);
        }),
      );
      assert.deepEqual((await Promise.all(lists)).flat(), [], version);
    }
  });
}

async function wrongOf(
  mode: PathMode,
  policy: Policy,
  client: PathClient,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const target of SPELLINGS) {
    const { status, body } = await client.ask(target);
    const canonical = canonicalTarget(target, mode);
    const passes = canonical !== undefined && isPassed(canonical, policy);
    const due = canonical === undefined ? 400 : passes ? 200 : 403;
    if (status === due && (!passes || body === canonical)) continue;
    wrong.push(`${mode.name} ${policy} ${target}: ${status} ${body}, due ${due} ${canonical}`);
  }
  return wrong;
}

test("T22: a fragment in a target is refused in every mode", async (context) => {
  const app = await RawUpstream.echo(context);
  const proxy = await ProxyProcess.start(context, pathMatrixBootstrap(app.port));
  for (const mode of PATH_MODES) {
    const port = proxy.port(pathListenerName(mode, "DENY", "rbac"));
    for (const target of ["/public#/../secret", "/#", "/public?x#y", "/public%2f#"]) {
      const client = await RawClient.connect(port);
      assert.equal((await client.get(target).response()).status, 400, target);
      client.close();
      const http2 = opened(context, http2PathClient(port));
      assert.ok([0, 400].includes((await http2.ask(target)).status), target);
    }
  }
  assert.equal(app.requests.length, 0);
});

function judges(): readonly (readonly [Policy, Decider])[] {
  return POLICIES.flatMap((policy) => DECIDERS.map((decider) => [policy, decider] as const));
}

function opened(context: TestContext, client: PathClient): PathClient {
  context.after(() => client.close());
  return client;
}
