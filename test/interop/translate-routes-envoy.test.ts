/**
 * The requests of the golden inputs, sent through a real Envoy that has the translated routes. Each must meet what
 * the input says and what the sidecar's own route table makes of it: both proxies read the same routes alike.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { translateProxy } from "../../src/translate/translate.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import {
  type FixtureRequest,
  firstPortOf,
  parseMeshFixture,
  TEST_TRUST_DOMAIN,
} from "../support/mesh-fixture.ts";
import { staticBootstrap } from "../support/static-bootstrap.ts";
import { type Answer, get, startStaticEnvoy } from "../support/static-envoy.ts";

const TESTDATA = join(import.meta.dirname, "..", "..", "src", "translate", "testdata");
const envoy = await envoyOrSkip();

for (const file of readdirSync(TESTDATA).filter((name) => name.endsWith(".input.yaml"))) {
  const fixture = parseMeshFixture(readFileSync(join(TESTDATA, file), "utf8"), file);
  const requests = fixture.head.requests ?? [];
  if (requests.length === 0) continue;
  test(`Envoy routes the requests of ${file}`, { skip: envoy.skip ?? false }, async (t) => {
    assert.ok(envoy.path !== undefined);
    const none = { certificatePem: "", privateKeyPem: "" };
    const translation = translateProxy(fixture.snapshot, fixture.scope);
    const bootstrap = staticBootstrap(translation, "a", none);
    const { clusters, listeners } = bootstrap["static_resources"] as unknown as StaticResources;
    const names = clusters.map(({ name }) => name).filter((name) => !name.startsWith("inbound|"));
    const backends = await startBackends(names);
    t.after(() => {
      for (const { server } of backends) server.close();
    });
    const proxy = await startStaticEnvoy(envoy.path, {
      listeners: listeners.filter(({ name }) => name.startsWith("outbound|")).map(onAnyPort),
      clusters: backends.map(({ name, port }) => plainCluster(name, port)),
    });
    t.after(() => proxy.stop());
    for (const wanted of requests) {
      const target = portName(wanted.to ?? firstPortOf(fixture.snapshot));
      const port = proxy.portOf(target);
      const answer = await send(port, wanted);
      checkAnswer(wanted, answer, port);
    }
  });
}

interface Named extends JsonObject {
  name: string;
}
interface StaticResources {
  readonly clusters: readonly Named[];
  readonly listeners: readonly Named[];
}

/** `catalog:80` as the name of its cluster and routes. */
function portName(address: string): string {
  const [service = "", port = ""] = address.split(":");
  const host = service.includes(".") ? service : `${service}.default`;
  return `outbound|${port}||${host}.svc.${TEST_TRUST_DOMAIN}`;
}

/** The listener under the name of its routes, on a port of the system's choice. */
function onAnyPort(listener: Named): Named {
  const [, name] = /"stat_prefix":"([^"]+)"/.exec(JSON.stringify(listener)) ?? [];
  assert.ok(name !== undefined);
  return { ...listener, name, address: socketAddress(0) };
}

/** Without TLS: what is under test is where requests go and what they look like. */
function plainCluster(name: string, port: number): JsonObject {
  const endpoint = { address: socketAddress(port) };
  const endpoints = [{ lb_endpoints: [{ endpoint }] }];
  const load_assignment = { cluster_name: name, endpoints };
  return { name, type: "STATIC", connect_timeout: "1s", load_assignment };
}

function socketAddress(port: number): JsonObject {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}

interface Backend {
  readonly name: string;
  readonly port: number;
  readonly server: Server;
}

/** A server for each cluster, which says which one it is and what it got. */
async function startBackends(names: readonly string[]): Promise<readonly Backend[]> {
  return Promise.all(
    names.map(async (name) => {
      const server = createServer(({ url, headers }, response) => {
        response.end(JSON.stringify({ cluster: name, url, host: headers.host }));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return { name, port: (server.address() as AddressInfo).port, server };
    }),
  );
}

function send(port: number, wanted: FixtureRequest): Promise<Answer> {
  const [method = "", path = ""] = wanted.request.split(" ");
  return get(port, path, { method, headers: { ...wanted.headers } });
}

/** Reads what the input expects (see `route-simulation.ts`) and holds the answer against it. */
function checkAnswer(wanted: FixtureRequest, answer: Answer, port: number): void {
  const about = `${wanted.request}: ${wanted.expect}, got ${answer.status} ${JSON.stringify(answer.headers)} ${answer.body}`;
  const [, originalPath = ""] = wanted.request.split(/[ ?]/);
  const path = /path=(\S+)/.exec(wanted.expect)?.[1] ?? originalPath;
  const requestHost = wanted.headers?.["Host"] ?? `127.0.0.1:${port}`;
  if (/^\d{3}\b/.test(wanted.expect)) {
    assert.equal(answer.status, Number(wanted.expect.slice(0, 3)), about);
    if (answer.status < 400) {
      assert.equal(answer.headers.location, locationOf(wanted.expect, path, requestHost), about);
    }
    return;
  }
  const choices = [
    ...wanted.expect.matchAll(
      /(missing |failover )?([a-z0-9.-]+:\d+)(?:=\d+)?(?:\(host=([^)]+)\))?/g,
    ),
  ];
  if ([500, 503].includes(answer.status) && choices.some(([, kind]) => kind === "missing ")) return;
  assert.equal(answer.status, 200, about);
  const got = JSON.parse(answer.body) as { cluster: string; url: string; host: string };
  // A cluster that stands for several is made of none here: it is a server like the others.
  const cluster = got.cluster.replace(/^failover\|/, "outbound|");
  const choice = choices.find(([, , address = ""]) => portName(address) === cluster);
  assert.ok(choice !== undefined, about);
  assert.equal(got.url.split("?")[0], path, about);
  const ruleHost = / host=(\S+)$/.exec(wanted.expect)?.[1];
  assert.equal(got.host, choice[3] ?? ruleHost ?? requestHost, about);
}

function locationOf(expected: string, path: string, requestHost: string): string {
  const part = (name: string): string | undefined =>
    new RegExp(` ${name}=(\\S+)`).exec(expected)?.[1];
  const port = part("port");
  const host = part("host") ?? (port === undefined ? requestHost : requestHost.split(":")[0]);
  return `${part("scheme") ?? "http"}://${host}${port === undefined ? "" : `:${port}`}${path}`;
}
