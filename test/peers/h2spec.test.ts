/**
 * h2spec against the sidecar's HTTP/2 listeners, and h2specd against its HTTP/2 connections to upstreams: all
 * cases pass but those that `h2spec-waivers.json` gives a reason for, and none is waived that passes.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { HTTP2_CLUSTER, serverTls, withAlpn } from "../support/http2-options.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { containedTls, idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { goPeer, H2SPEC } from "./go-peer.ts";
import { needs, temporaryFolder } from "./peer-process.ts";

const { folder: tools, skip } = await goPeer(H2SPEC);

/** Cases of `h2spec --strict` and of h2specd 2.2.1. */
const SERVER_CASES = 146;
const CLIENT_CASES = 57;
/** After which h2spec says "timeout", in seconds; what it waits for in vain is waived or skipped. */
const CASE_TIMEOUT_S = 2;
/** What a stream does while it is open is judged by most cases: the app takes its time, as apps do. */
const APP_DELAY_MS = 50;
/** Some cases need so many bytes of DATA. */
const BODY = "hello ".repeat(2_000);
const FIRST_PORT = 21_000;
const LAST_PORT = 29_000;

type Verdict = "passed" | "failed" | "skipped";

type Waivers = Readonly<Record<"server" | "client", Readonly<Record<string, string>>>>;

const waivers: Waivers = JSON.parse(
  readFileSync(join(import.meta.dirname, "h2spec-waivers.json"), "utf8"),
);

function assertConforming(
  side: keyof Waivers,
  verdicts: ReadonlyMap<string, Verdict>,
  output: string,
): void {
  const waived = waivers[side];
  const names = (wanted: (name: string, verdict: Verdict) => boolean): readonly string[] =>
    [...verdicts].filter(([name, verdict]) => wanted(name, verdict)).map(([name]) => name);
  const broken = names((name, verdict) => verdict !== "passed" && waived[name] === undefined);
  assert.deepEqual(broken, [], output);
  const needless = names((name, verdict) => verdict === "passed" && waived[name] !== undefined);
  assert.deepEqual(needless, [], "these pass and need no waiver");
  const unknown = Object.keys(waived).filter((name) => !verdicts.has(name));
  assert.deepEqual(unknown, [], "these are waived, but no case is named so");
  for (const [name, reason] of Object.entries(waived)) {
    assert.match(reason, /RFC 9113 section \d/, `the waiver of ${name} cites no section`);
  }
}

/** h2spec's JUnit report: cases by section and title. */
function readReport(xml: string): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  const cases = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;
  for (const [, section, title, result = ""] of xml.matchAll(cases)) {
    const isSkipped = result.includes("<skipped");
    const verdict = result === "" ? "passed" : isSkipped ? "skipped" : "failed";
    verdicts.set(`${section}: ${unescaped(title ?? "")}`, verdict);
  }
  return verdicts;
}

function unescaped(text: string): string {
  return text.replaceAll("&#34;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}

async function startApp(t: TestContext): Promise<number> {
  const app = createServer((request, response) => {
    request.resume();
    request.on("end", () => setTimeout(() => response.end(BODY), APP_DELAY_MS));
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  t.after(() => app.close().closeAllConnections());
  return (app.address() as AddressInfo).port;
}

for (const transport of ["clear text", "TLS"] as const) {
  test(`h2spec --strict against a listener of ${transport}`, { skip }, async (t) => {
    const tls: { readonly tls?: JsonObject } =
      transport === "TLS" ? { tls: serverTls(keyPair(rootOf(), [idFor("app")]), "h2") } : {};
    const appPort = await startApp(t);
    const proxy = await ProxyProcess.start(
      t,
      bootstrapOf(
        [{ routes: "app", manager: { codec_type: "HTTP2" }, ...tls }],
        [{ name: "app", endpoints: [appPort] }],
      ),
    );
    const report = join(temporaryFolder(t), "report.xml");
    const args = ["--strict", "--port", String(proxy.port("main")), "--junit-report", report];
    args.push("--timeout", String(CASE_TIMEOUT_S));
    if (transport === "TLS") args.push("--tls", "--insecure");
    const output = await new Promise<string>((resolve) => {
      execFile(join(tools, "h2spec"), args, (_, stdout) => resolve(stdout));
    });
    const verdicts = readReport(readFileSync(report, "utf8"));
    assert.equal(verdicts.size, SERVER_CASES);
    assertConforming("server", verdicts, output);
  });
}

/** The first of so many ports in a row that nothing uses now. */
async function freePorts(count: number): Promise<number> {
  for (let first = FIRST_PORT; first < LAST_PORT; first += count) {
    const servers = Array.from({ length: count }, () => createTcpServer());
    try {
      for (const [i, server] of servers.entries()) {
        server.listen(first + i, "127.0.0.1");
        await once(server, "listening");
      }
      return first;
    } catch {
      // The next ones.
    } finally {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    }
  }
  throw new Error(`no ${count} ports in a row are free`);
}

/** h2specd starts this with the address of a server that behaves oddly: a request through the sidecar. */
function requestScript(folder: string, sidecarPort: number): string {
  const file = join(folder, "request.sh");
  const request = `curl -s -o /dev/null -m 2 -H "x-port: $port" http://127.0.0.1:${sidecarPort}/`;
  writeFileSync(file, `#!/bin/sh\nport=\${1##*:}\nport=\${port%/}\n${request}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** What h2specd prints: headings with the number of a section, cases behind a mark. */
async function readSpecd(args: readonly string[]): Promise<ReadonlyMap<string, Verdict>> {
  const child = spawn(join(tools, "h2specd"), [...args], { stdio: ["ignore", "pipe", "inherit"] });
  const verdicts = new Map<string, Verdict>();
  let section = "";
  createInterface({ input: child.stdout }).on("line", (raw) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours.
    const line = raw.replace(/\x1b\[\d*m|\r/g, "").trim();
    const heading = /^([\d.]+)\. \S/.exec(line);
    if (heading !== null) section = heading[1] ?? "";
    const found = /^(✔|×)? ?(\d+): (.*)$/.exec(line);
    if (found === null) return;
    const verdict = found[1] === "✔" ? "passed" : found[1] === "×" ? "failed" : "skipped";
    verdicts.set(`${section}: ${found[3]}`, verdict);
  });
  await once(child, "close");
  return verdicts;
}

for (const transport of ["clear text", "TLS"] as const) {
  const why = skip === false ? needs("curl").skip : skip;
  test(`h2specd as an upstream of ${transport}`, { skip: why }, async (t) => {
    const folder = temporaryFolder(t);
    const root = rootOf();
    const server = keyPair(root, [idFor("app")]);
    const files = { cert: join(folder, "server.crt"), key: join(folder, "server.key") };
    writeFileSync(files.cert, server.cert);
    writeFileSync(files.key, server.key);
    const client = containedTls(keyPair(root, [idFor("caller")]), [root], idFor("app"));
    const tls = transport === "TLS" ? { tls: withAlpn(client, "h2") } : {};
    const first = await freePorts(CLIENT_CASES + 1);
    const ports = Array.from({ length: CLIENT_CASES + 1 }, (_, i) => first + i);
    const routes = ports.map((port) => {
      const header = { name: "x-port", string_match: { exact: String(port) } };
      return routeTo(`port-${port}`, {}, { prefix: "/", headers: [header] });
    });
    const clusters = ports.map((port) => ({
      name: `port-${port}`,
      endpoints: [port],
      fields: HTTP2_CLUSTER,
      ...tls,
    }));
    const proxy = await ProxyProcess.start(t, bootstrapOf([{ routes }], clusters));
    const args = ["--strict", "--timeout", "1"];
    args.push("--exec", requestScript(folder, proxy.port("main")));
    args.push("--from-port", String(first), "--port", String(ports.at(-1)));
    if (transport === "TLS") {
      args.push("--tls", "--cert-file", files.cert, "--cert-key-file", files.key);
    }
    const verdicts = await readSpecd(args);
    assert.equal(verdicts.size, CLIENT_CASES);
    assertConforming("client", verdicts, JSON.stringify([...verdicts], null, 1));
  });
}
