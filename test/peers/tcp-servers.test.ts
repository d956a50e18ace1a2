/**
 * Real servers of other protocols behind two sidecars that were told nothing of them: the outer one detects, the
 * hop is mutual TLS. Of these, MariaDB and SMTP speak first.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import type { JsonObject } from "@bufbuild/protobuf";
import { withAlpn } from "../support/http2-options.ts";
import { containedTls, idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import {
  downstreamTls,
  httpFilter,
  listenerFilter,
  tcpBootstrap,
  tcpFilter,
  tcpServer,
} from "../support/tcp-fixture.ts";
import { needs, needsOnDemand, startPeer, temporaryFolder } from "./peer-process.ts";

const run = promisify(execFile);
const LARGE_BYTES = 1_000_000;
const MAIL_BYTES = 100_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** HTTP for whom speaks it, opaque TCP for all others, as a caller's sidecar has it for any port. */
const DETECTING: JsonObject = {
  listener_filters: [listenerFilter("tls_inspector"), listenerFilter("http_inspector")],
  filter_chains: [
    {
      filter_chain_match: {
        transport_protocol: "raw_buffer",
        application_protocols: ["http/1.1", "http/1.0", "h2c"],
      },
      filters: [httpFilter("next")],
    },
  ],
  default_filter_chain: { filters: [tcpFilter("next")] },
};

/** Returns the port where clients connect. */
async function pairBefore(t: TestContext, serverPort: number): Promise<number> {
  const root = rootOf();
  const own = withAlpn(containedTls(keyPair(root, [idFor("db")]), [root]), "istio");
  const chain = { filters: [tcpFilter("next")], transport_socket: downstreamTls(own) };
  const inbound = await ProxyProcess.start(
    t,
    tcpBootstrap({ traffic_direction: "INBOUND", filter_chains: [chain] }, [
      { name: "next", endpoints: [serverPort] },
    ]),
  );
  const client = keyPair(root, [idFor("caller")]);
  const hop = withAlpn(containedTls(client, [root], idFor("db")), "istio");
  const outbound = await ProxyProcess.start(
    t,
    tcpBootstrap(DETECTING, [{ name: "next", endpoints: [inbound.port("main")], tls: hop }]),
  );
  return outbound.port("main");
}

/** Databases refuse to run as root: another user then runs them. */
function asUser(user: string, folder: string, command: readonly string[]): readonly string[] {
  if (userInfo().uid !== 0) return command;
  chmodSync(folder, 0o777);
  return ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", ...command];
}

async function output(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const [program = "", ...args] = command;
  const options = { env: { ...process.env, ...env }, maxBuffer: OUTPUT_BYTES_MAX };
  return (await run(program, args, options)).stdout;
}

test("Redis", needs("redis-server", "redis-cli"), async (t) => {
  const port = await freePort();
  const folder = temporaryFolder(t);
  const at = ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--save", ""];
  await startPeer(t, port, ["redis-server", ...at]);
  const proxied = String(await pairBefore(t, port));
  const cli = (...args: readonly string[]): Promise<string> =>
    output(["redis-cli", "-h", "127.0.0.1", "-p", proxied, ...args]);
  assert.equal(await cli("PING"), "PONG\n");
  const value = randomBytes(LARGE_BYTES / 20).toString("hex");
  assert.equal(await cli("SET", "key", value), "OK\n");
  assert.equal(await cli("GET", "key"), `${value}\n`);
  const script =
    "for i = 1, 1000 do redis.call('RPUSH', 'list', string.rep('v', 1000)) end return 1";
  assert.equal(await cli("EVAL", script, "0"), "1\n");
  assert.equal((await cli("LRANGE", "list", "0", "-1")).length, 1000 * 1001);
});

test("PostgreSQL", needsOnDemand("initdb", "postgres", "psql"), async (t) => {
  const port = await freePort();
  const folder = temporaryFolder(t);
  const data = join(folder, "data");
  const user = "postgres";
  await output(asUser(user, folder, ["initdb", "-D", data, "-A", "trust", "-U", user, "-N"]));
  const at = ["-h", "127.0.0.1", "-p", String(port), "-k", folder, "-c", "fsync=off"];
  await startPeer(t, port, asUser(user, folder, ["postgres", "-D", data, ...at]));
  const proxied = String(await pairBefore(t, port));
  const psql = ["psql", "-h", "127.0.0.1", "-p", proxied, "-U", user, "-At", "-c"];
  // With and without the client's question for TLS, which is one more turn before anybody knows anything.
  for (const PGSSLMODE of ["prefer", "disable"]) {
    const query = "SELECT count(*), sum(n) FROM generate_series(1, 100000) AS n";
    assert.equal(await output([...psql, query], { PGSSLMODE }), "100000|5000050000\n");
  }
  const large = await output([...psql, `SELECT repeat('x', ${LARGE_BYTES})`]);
  assert.equal(large.length, LARGE_BYTES + 1);
});

test("MariaDB, which speaks first", needsOnDemand("mariadbd", "mariadb-install-db"), async (t) => {
  const port = await freePort();
  const folder = temporaryFolder(t);
  const user = "mysql";
  const at = [`--datadir=${folder}/data`, "--no-defaults"].reverse();
  const install = ["mariadb-install-db", ...at, "--auth-root-authentication-method=normal"];
  await output(asUser(user, folder, install));
  const listen = ["--bind-address=127.0.0.1", `--port=${port}`, `--socket=${folder}/socket`];
  await startPeer(t, port, asUser(user, folder, ["mariadbd", ...at, ...listen]));
  const proxied = await pairBefore(t, port);
  const client = ["mariadb", "--no-defaults", "-h127.0.0.1", `-P${proxied}`, "-uroot", "-N", "-e"];
  assert.equal(await output([...client, "SELECT 6 * 7"]), "42\n");
  const large = await output([...client, `SELECT repeat('x', ${LARGE_BYTES})`]);
  assert.equal(large.length, LARGE_BYTES + 1);
});

const SMTP = `
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as server:
    print(server.ehlo()[0], server.noop()[0])
    print(server.sendmail("a@example", ["b@example"], "Subject: s\\r\\n\\r\\n" + "x" * ${MAIL_BYTES}))
`;

import { freePort } from "../support/free-port.ts";

/** A mail server's side of one connection, line by line. */
function serveMail(socket: Socket): void {
  let isMail = false;
  let mailBytes = 0;
  const answers: Readonly<Record<string, string>> = { data: "354 go on", quit: "221 bye" };
  socket.write("220 mail.example ESMTP\r\n");
  createInterface({ input: socket }).on("line", (line) => {
    if (isMail) {
      mailBytes += line.length;
      isMail = line !== ".";
      if (!isMail) socket.write(mailBytes > MAIL_BYTES ? "250 taken\r\n" : "554 too short\r\n");
      return;
    }
    isMail = line.toLowerCase() === "data";
    socket.write(`${answers[line.toLowerCase()] ?? "250 fine"}\r\n`);
    if (line.toLowerCase() === "quit") socket.end();
  });
}

test("SMTP, which speaks first", needs("python3"), async (t) => {
  const { port } = await tcpServer(t, serveMail);
  const proxied = await pairBefore(t, port);
  const file = join(temporaryFolder(t), "mail.py");
  writeFileSync(file, SMTP);
  assert.equal(await output(["python3", file, String(proxied)]), "250 250\n{}\n");
});
