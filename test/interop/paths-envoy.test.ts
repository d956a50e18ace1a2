/**
 * A real Envoy makes the same of every spelling of a path (lesson T21) in each mode: what is decided, and what reaches
 * the app. Where ours is stricter on purpose (docs/reference/envoy-differences.md), it is refused.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { http1PathClient, http2PathClient, type PathAnswer } from "../support/path-client.ts";
import {
  canonicalTarget,
  PATH_MODES,
  type PathMode,
  pathListenerName,
  pathMatrixBootstrap,
  pathSpellings,
} from "../support/path-matrix.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();
const SPELLINGS = pathSpellings();
const CLIENTS = { "HTTP/1.1": http1PathClient, "HTTP/2": http2PathClient } as const;

test("Envoy and the sidecar read paths alike", { skip: envoy.skip ?? false }, async (context) => {
  assert.ok(envoy.path !== undefined);
  const app = await RawUpstream.echo(context);
  const bootstrap = pathMatrixBootstrap(app.port);
  const ours = await ProxyProcess.start(context, bootstrap);
  const real = await startStaticEnvoy(envoy.path, bootstrap["static_resources"] as JsonObject);
  context.after(() => real.stop());
  for (const version of ["HTTP/1.1", "HTTP/2"] as const) {
    const wrong: string[] = [];
    for (const mode of PATH_MODES) {
      const name = pathListenerName(mode, "DENY", "rbac");
      const [a, b] = await Promise.all([
        answersOf(context, version, ours.port(name)),
        answersOf(context, version, real.portOf(name)),
      ]);
      for (const [index, target] of SPELLINGS.entries()) {
        if (isAlike(mode, target, a[index]!, b[index]!)) continue;
        wrong.push(`${mode.name} ${target}: ${textOf(a[index]!)}, Envoy ${textOf(b[index]!)}`);
      }
    }
    assert.deepEqual(wrong, [], version);
  }
});

async function answersOf(
  context: TestContext,
  version: keyof typeof CLIENTS,
  port: number,
): Promise<readonly PathAnswer[]> {
  const client = CLIENTS[version](port);
  context.after(() => client.close());
  const answers: PathAnswer[] = [];
  for (const target of SPELLINGS) answers.push(await client.ask(target));
  return answers;
}

function isAlike(mode: PathMode, target: string, ours: PathAnswer, envoy_: PathAnswer): boolean {
  if (ours.status === envoy_.status && (ours.status !== 200 || ours.body === envoy_.body))
    return true;
  // Paths above the root, and %00 where nothing is normalised.
  if (ours.status === 400) return canonicalTarget(target, mode) === undefined;
  // Envoy decodes such a segment, and leaves it for the next hop to resolve.
  return /%2e[^/]*;/i.test(target) && /\.;/.test(envoy_.body);
}

function textOf({ status, body }: PathAnswer): string {
  return `${status} ${body}`;
}
