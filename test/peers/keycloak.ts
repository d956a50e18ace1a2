/**
 * Keycloak from Maven, unpacked once into `.cache/peers` below the repository, and started with a realm that a test writes
 * down. It is a Java program of 200 MB that takes a minute or more to start: `npm run test:peers` alone uses it.
 */
import { execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { whyMissing } from "./peer-process.ts";

const VERSION = "26.7.3";
const CACHE = join(import.meta.dirname, "..", "..", ".cache", "peers");
const FOLDER = join(CACHE, `keycloak-${VERSION}`);
const FETCH_TIMEOUT_MS = 600_000;
const START_DEADLINE_MS = 600_000;
const STOP_DEADLINE_MS = 20_000;
const POLL_MS = 500;

/** Why tests with it are skipped; undefined when it can be started. */
export function whyNoKeycloak(): string | undefined {
  if (process.env["TULLE_SLOW_PEERS"] !== "1") return "runs by `npm run test:peers` alone";
  if (existsSync(FOLDER)) return whyMissing("java");
  return ["java", "mvn", "unzip"].map(whyMissing).find((why) => why !== undefined);
}

/** Where nothing dials from: it takes minutes until it is bound, in which any other free port may become a client's. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export class Keycloak {
  readonly origin: string;
  readonly #stop: () => Promise<void>;

  /** `realm` as an export of Keycloak has it. Resolves when it answers for the realm; the caller stops it. */
  static async start(realm: object & { readonly realm: string }): Promise<Keycloak> {
    if (!existsSync(FOLDER)) await unpack();
    const port = await quietPort();
    const imports = join(FOLDER, "data", "import");
    rmSync(join(FOLDER, "data"), { recursive: true, force: true });
    mkdirSync(imports, { recursive: true });
    writeFileSync(join(imports, `${realm.realm}.json`), JSON.stringify(realm));
    const child = spawn(
      join(FOLDER, "bin", "kc.sh"),
      [
        ...["start-dev", "--import-realm", "--db=dev-mem", "--cache=local"],
        ...["--http-host=127.0.0.1", `--http-port=${port}`, "--log-level=warn"],
      ],
      {
        // A group of its own: its script starts Java as a child.
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, JAVA_OPTS_APPEND: "-Xmx512m" },
      },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes: Buffer) => {
        output += bytes.toString("utf8");
      });
    }
    const exited = once(child, "exit");
    const stop = async (): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const group = -child.pid;
      process.kill(group, "SIGTERM");
      const force = setTimeout(() => process.kill(group, "SIGKILL"), STOP_DEADLINE_MS);
      await exited;
      clearTimeout(force);
    };
    const origin = `http://127.0.0.1:${port}`;
    const deadlineMs = performance.now() + START_DEADLINE_MS;
    while (!(await answers(`${origin}/realms/${realm.realm}`))) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        await stop();
        throw new Error(`Keycloak does not start:\n${output}`);
      }
      await delay(POLL_MS);
    }
    return new Keycloak(origin, stop);
  }

  private constructor(origin: string, stop: () => Promise<void>) {
    this.origin = origin;
    this.#stop = stop;
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

async function unpack(): Promise<void> {
  const run = (program: string, args: readonly string[]) =>
    promisify(execFile)(program, [...args], { timeout: FETCH_TIMEOUT_MS });
  const artifact = `org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`;
  await run("mvn", ["-q", "dependency:get", `-Dartifact=${artifact}`, "-Dtransitive=false"]);
  const zip = join(
    ...[homedir(), ".m2", "repository", "org", "keycloak", "keycloak-quarkus-dist", VERSION],
    `keycloak-quarkus-dist-${VERSION}.zip`,
  );
  mkdirSync(CACHE, { recursive: true });
  const staging = mkdtempSync(join(CACHE, "build-"));
  try {
    await run("unzip", ["-q", zip, "-d", staging]);
    const [folder = ""] = readdirSync(staging);
    renameSync(join(staging, folder), FOLDER);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
