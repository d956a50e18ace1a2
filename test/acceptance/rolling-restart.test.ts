/**
 * Under a steady load of HTTP/1.1 requests, gRPC calls and long gRPC streams: every sidecar is restarted in place, then every
 * instance is replaced by another, then routes change as fast as they can. No request is lost; streams end as gRPC's
 * do, and go on at once.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TulleProcess } from "../e2e/tulle-process.ts";
import { Application, eventually, killAll } from "../support/application.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { Http2Load } from "../support/http2-load.ts";
import { summary } from "../support/load-client.ts";
import { StreamClient } from "../support/stream-client.ts";

const APPS = join(import.meta.dirname, "apps");
const HTTP1_RATE = IS_FULL_SIZE ? 1_000 : 100;
const HTTP2_RATE = IS_FULL_SIZE ? 200 : 50;
const STREAMS = IS_FULL_SIZE ? 50 : 10;
const CHANGES = 20;
const EXAMPLES = 10;
/** Long enough for every request, too short for the streams: those that do not move are ended. */
const DRAIN_TIME = "1s";
/** Whoever gets it calls again. */
const UNAVAILABLE = "14";

let application: Application;
let tickerOrigin = "";
const instances = new Map<string, TulleProcess>();

before(async () => {
  application = await Application.start({ catalog: {} });
  const started = await Promise.all([
    application.runCatalog("catalog-a"),
    application.runCatalog("catalog-b"),
    runTicker("ticker-a"),
    runTicker("ticker-b"),
  ]);
  for (const [index, name] of ["catalog-a", "catalog-b", "ticker-a", "ticker-b"].entries()) {
    instances.set(name, started[index]!);
  }
  const options = ["--service", "caller", "--name", "caller"];
  const command = ["node", join(APPS, "caller.mjs")];
  const caller = application.home.start(["run", ...options, "--", ...command]);
  const [, address = ""] = await caller.waitFor(/ticker at (\S+)/);
  tickerOrigin = `http://${address}`;
});

after(() => application?.close());

async function runTicker(name: string): Promise<TulleProcess> {
  const options = ["--service", "ticker", "--name", name, "--port", "grpc=auto/grpc"];
  const command = ["node", join(APPS, "ticker.mjs")];
  const run = application.home.start(["run", ...options, "--", ...command]);
  await run.waitFor(new RegExp(`${name} serves ticker`));
  return run;
}

/** Everything at once, and what came of it. */
async function underLoad(title: string, change: (streams: StreamClient) => Promise<void>) {
  const http1 = application.client.steady(HTTP1_RATE, [
    { method: "GET" },
    { method: "POST", body: "one order, please" },
  ]);
  const http2 = new Http2Load({
    origin: tickerOrigin,
    perSecond: HTTP2_RATE,
    headers: {
      ...{ ":method": "POST", ":path": "/Ticker/Once" },
      ...{ "content-type": "application/grpc", te: "trailers" },
    },
    judge: (status, _, trailers) =>
      status === 200 && trailers["grpc-status"] === "0"
        ? undefined
        : JSON.stringify({ status, trailers }),
  });
  const streams = new StreamClient(tickerOrigin, STREAMS);
  await streams.whenAllTick();
  await change(streams);
  await streams.whenAllTick();
  streams.stop();
  const [outcomes] = await Promise.all([http1.stop(), http2.stop()]);
  const how = new Map<string, number>();
  for (const { grpcStatus, hadGoaway, failure } of streams.ends) {
    const key = failure ?? (hadGoaway ? "GOAWAY" : `status ${grpcStatus}`);
    how.set(key, (how.get(key) ?? 0) + 1);
  }
  console.log(
    `${title}: HTTP/1.1 ${http1.offered.toFixed(0)}/s, ${summary(outcomes)}; ` +
      `HTTP/2 ${http2.offered.toFixed(0)}/s, ${http2.answered} answered, ${http2.failures.length} failed; ` +
      `of ${STREAMS} streams ${streams.ends.length} ended: ${JSON.stringify([...how])}`,
  );
  // Thousands of them in a report help nobody.
  assert.deepEqual(http1.failures.slice(0, EXAMPLES), []);
  assert.deepEqual(http2.failures.slice(0, EXAMPLES), []);
  return streams;
}

/** A stream ends behind GOAWAY, or with the status that says to call again; each was opened again at once. */
function judgeStreams(streams: StreamClient): void {
  const unexplained = streams.ends.filter(
    ({ grpcStatus, hadGoaway, failure }) =>
      failure !== undefined || !(hadGoaway || grpcStatus === UNAVAILABLE),
  );
  assert.deepEqual(unexplained, []);
  assert.ok(streams.goaways.every((code) => code === 0));
}

async function restartSidecars(...which: readonly string[]): Promise<string> {
  const words = ["proxy", "restart", ...which, "--drain-time", DRAIN_TIME];
  const { code, output } = await application.tulle(words);
  assert.equal(code, 0, output);
  return output;
}

test("all sidecars are restarted in place", async () => {
  const streams = await underLoad("restarts", async (open) => {
    // Those of the callee alone: their caller has not heard of anything when its streams end.
    const reopened = open.whenAllReopened();
    await restartSidecars("ticker-a", "ticker-b");
    await reopened;
    const output = await restartSidecars("--all");
    for (const name of [...instances.keys(), "caller"]) {
      assert.match(output, new RegExp(`${name}: a new process serves`));
    }
  });
  judgeStreams(streams);
  // The processes that were replaced have ended when their time was over.
  const names = [...instances.keys(), "caller"];
  const isOneEach = (): boolean =>
    names.every((name) => application.sidecarPids(name).length === 1);
  await eventually(() => isOneEach() || undefined);
});

test("a successor is kept running as the first process was", async () => {
  const [before] = application.sidecarPids("caller");
  assert.ok(before !== undefined);
  killAll([before]);
  // A process that starts another one has its command line for a moment, too.
  await eventually(() => {
    const now = application.sidecarPids("caller").filter((pid) => pid !== before);
    return now.length === 1 || undefined;
  });
  // The control plane may not have heard of the end yet; whoever listens is the successor.
  await eventually(async () => (await isListening(tickerOrigin)) || undefined);
  await eventually(async () => (await isReady("caller")) || undefined);
});

async function isListening(origin: string): Promise<boolean> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test("all instances are replaced by others", async () => {
  const streams = await underLoad("replacements", async () => {
    await Promise.all([replaceAll("catalog"), replaceAll("ticker")]);
  });
  judgeStreams(streams);
});

/** The new ones serve before the old ones are told to end. */
async function replaceAll(service: "catalog" | "ticker"): Promise<void> {
  const olds = [...instances].filter(([name]) => name.startsWith(service));
  const start = async ([name]: readonly [string, TulleProcess]): Promise<void> => {
    const next = `${name}2`;
    const started = service === "catalog" ? application.runCatalog(next) : runTicker(next);
    instances.set(next, await started);
  };
  await Promise.all(olds.map(start));
  const end = async ([name, run]: readonly [string, TulleProcess]): Promise<void> => {
    instances.delete(name);
    run.signal("SIGTERM");
    await run.ended;
  };
  await Promise.all(olds.map(end));
}

async function isReady(id: string): Promise<boolean> {
  const { proxies } = await application.admin.proxies();
  const proxy = proxies.find((one) => one.id === id);
  return proxy?.connected === true && proxy.sync === "synced";
}

test("an app that is told to end has answered what it had, and may still call others", async () => {
  const options = ["--service", "last", "--name", "last", "--port", "auto"];
  const last = application.home.start(["run", ...options, "--", "node", join(APPS, "last.mjs")]);
  await last.waitFor(/last serves last/);
  const asker = application.home.start(["run", "--service", "asker", "--", "node", "-e", ASK_LAST]);
  await last.waitFor(/app: asked/);
  last.signal("SIGTERM");
  const [asked, ended] = await Promise.all([asker.ended, last.ended]);
  assert.match(asked.output, /200 late/);
  assert.equal(ended.code, 0, ended.output);
  const story = [...ended.output.matchAll(/app: (.*)/g)].map(([, line]) => line);
  assert.deepEqual(story, ["asked", "answered", "told to end", "catalog says 200"]);
});

const ASK_LAST = `
  const { LAST_SERVICE_HOST: host, LAST_SERVICE_PORT: port } = process.env;
  fetch("http://" + host + ":" + port + "/").then(async (answer) => console.log(answer.status, await answer.text()));
`;

test("routes change as fast as they can", async () => {
  const streams = await underLoad("changes", async () => {
    for (let number = 0; number < CHANGES; number++) await application.apply(route(number));
  });
  assert.deepEqual(streams.ends, [], "no stream ends for a route");
});

function route(number: number): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [
        {
          matches: [{ path: { type: "PathPrefix", value: "/" } }],
          filters: [
            {
              type: "RequestHeaderModifier",
              requestHeaderModifier: { set: [{ name: "x-change", value: String(number) }] },
            },
          ],
          backendRefs: [{ name: "catalog", port: 80 }],
        },
      ],
    },
  };
}
