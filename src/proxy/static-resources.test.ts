/** The static part of a bootstrap file: everything is checked before anything is applied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { sampleBootstrap } from "../../test/support/bootstrap-sample.ts";
import { SAMPLE_CHANNEL } from "../../test/support/clusters-sample.ts";
import type { FieldError } from "../decision/field-error.ts";
import { BootstrapSchema } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { messageRegistry } from "./config/message-registry.ts";
import { compileStaticResources, type StaticResources } from "./static-resources.ts";

function compile(json: JsonObject): { resources: StaticResources; errors: readonly string[] } {
  const errors: FieldError[] = [];
  const bootstrap = fromJson(BootstrapSchema, json, { registry: messageRegistry });
  const isChannel = (name: string): boolean => name === SAMPLE_CHANNEL;
  const resources = compileStaticResources(bootstrap, isChannel, errors, () => 0);
  return { resources, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function namesOf(
  sample: JsonObject,
  list: "clusters" | "listeners" | "secrets",
): readonly string[] {
  const resources = sample["static_resources"] as Record<string, { readonly name: string }[]>;
  return (resources[list] ?? []).map(({ name }) => name);
}

test("the cluster that only carries the link to the control plane is left out", () => {
  const sample = sampleBootstrap();
  const { resources, errors } = compile(sample);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    resources.clusters.map(({ name }) => name),
    namesOf(sample, "clusters").filter((name) => name !== SAMPLE_CHANNEL),
  );
  assert.deepEqual(
    resources.listeners.map(({ name }) => name),
    namesOf(sample, "listeners"),
  );
});

test("errors of all resources are told together, each with its whole path", () => {
  const { errors } = compile({
    static_resources: {
      clusters: [{ name: "a" }, { type: "ORIGINAL_DST" }],
      listeners: [{ name: "l", filter_chains: [{ filters: [] }] }],
    },
  });
  assert.deepEqual(errors, [
    "static_resources.clusters[1].name: a name is required",
    "static_resources.clusters[1].type: only STATIC, STRICT_DNS, LOGICAL_DNS and EDS are implemented",
    "static_resources.listeners[0].address: a socket_address with address and port_value is required",
    "static_resources.listeners[0].filter_chains[0].filters: the last filter must be an HttpConnectionManager or a TcpProxy",
  ]);
});

test("a name that stands in two places is refused", () => {
  const sample = sampleBootstrap();
  const places = (["clusters", "listeners", "secrets"] as const).map((list) => {
    const names = namesOf(sample, list);
    return `static_resources.${list}[${names.length}].name: ${names[0]} stands in two places`;
  });
  const resources = sample["static_resources"] as Record<string, JsonObject[]>;
  for (const list of ["clusters", "listeners", "secrets"]) {
    resources[list] = [...(resources[list] ?? []), ...(resources[list] ?? []).slice(0, 1)];
  }
  assert.deepEqual(compile(sample).errors, places);
});
