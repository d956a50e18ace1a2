/** One check for our sidecar's process and for a real Envoy: the same configuration, one after the other. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ourBootstrap, type PairSpec } from "./balancing-pair.ts";
import { ProxyProcess } from "./proxy-process.ts";
import { startStaticEnvoy } from "./static-envoy.ts";

/** Starts a proxy and resolves with the port of its listener. */
export type StartProxy = (spec: PairSpec) => Promise<number>;

export type Check = (context: TestContext, start: StartProxy) => Promise<void>;

/** `envoy` is what `envoyOrSkip` found. The function that it gives back declares two tests. */
export function bothProxies(envoy: {
  readonly path?: string;
  readonly skip?: string;
}): (what: string, check: Check) => void {
  return (what, check) => {
    test(`sidecar: ${what}`, (context) =>
      check(context, async (spec) => {
        const proxy = await ProxyProcess.start(context, ourBootstrap(spec));
        return proxy.port("main");
      }));
    test(`Envoy: ${what}`, { skip: envoy.skip ?? false }, (context) =>
      check(context, async (spec) => {
        assert.ok(envoy.path !== undefined);
        const resources = ourBootstrap(spec)["static_resources"] as JsonObject;
        const proxy = await startStaticEnvoy(envoy.path, resources);
        context.after(() => proxy.stop());
        return proxy.portOf("main");
      }),
    );
  };
}
