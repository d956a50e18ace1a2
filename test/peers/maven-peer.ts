/** Programs of others that are published as artefacts of Maven, fetched once into `.cache/peers` below the repository. */
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/core/errors.ts";
import { whyMissing } from "./peer-process.ts";

const CACHE = join(import.meta.dirname, "..", "..", ".cache", "peers");
const FETCH_TIMEOUT_MS = 300_000;

export interface MavenArtefact {
  readonly group: string;
  readonly name: string;
  readonly version: string;
  readonly packaging: "jar" | "zip";
  readonly classifier?: string;
  /** Takes minutes to fetch, or to start: `npm run test:peers` alone uses it. */
  readonly isSlow?: boolean;
}

export const ZIPKIN: MavenArtefact = {
  group: "io.zipkin",
  name: "zipkin-server",
  version: "3.6.1",
  packaging: "jar",
  classifier: "exec",
};

export const OPENSEARCH: MavenArtefact = {
  group: "org.opensearch.distribution.integ-test-zip",
  name: "opensearch",
  version: "2.19.1",
  packaging: "zip",
  isSlow: true,
};

/** 8 wants none of its folders below /tmp, and has no data streams in this archive either. */
export const ELASTICSEARCH: MavenArtefact = {
  group: "org.elasticsearch.distribution.integ-test-zip",
  name: "elasticsearch",
  version: "7.17.28",
  packaging: "zip",
  isSlow: true,
};

export type MavenPeer =
  | { readonly path: string; readonly skip: false }
  | { readonly path: ""; readonly skip: string };

/** The jar, or the folder that the archive was unpacked to, or why there is none. CI never skips but what is slow. */
export async function mavenPeer(wanted: MavenArtefact): Promise<MavenPeer> {
  const { name, version, packaging, classifier, isSlow } = wanted;
  if (isSlow === true && process.env["TULLE_SLOW_PEERS"] !== "1") {
    return { path: "", skip: "runs by `npm run test:peers` alone" };
  }
  const missing = whyMissing("java");
  if (missing !== undefined) return { path: "", skip: missing };
  const suffix = classifier === undefined ? "" : `-${classifier}`;
  const path = join(CACHE, `${name}-${version}${suffix}${packaging === "zip" ? "" : ".jar"}`);
  if (existsSync(path)) return { path, skip: false };
  const tools = packaging === "zip" ? ["mvn", "unzip"] : ["mvn"];
  const why = tools.map(whyMissing).find((one) => one !== undefined);
  if (why !== undefined) return { path: "", skip: why };
  try {
    await fetchTo(wanted, `${name}-${version}${suffix}.${packaging}`, path);
    return { path, skip: false };
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    return { path: "", skip: `it could not be fetched: ${messageOf(error).split("\n")[0]}` };
  }
}

async function fetchTo(wanted: MavenArtefact, file: string, path: string): Promise<void> {
  const { group, name, version, packaging, classifier } = wanted;
  const artefact = [group, name, version, packaging, classifier].filter(
    (part) => part !== undefined,
  );
  const run = promisify(execFile);
  const arguments_ = [`-Dartifact=${artefact.join(":")}`, "-Dtransitive=false"];
  await run("mvn", ["-q", "-B", "dependency:get", ...arguments_], { timeout: FETCH_TIMEOUT_MS });
  const repository = join(homedir(), ".m2", "repository");
  const fetched = join(repository, ...group.split("."), name, version, file);
  mkdirSync(CACHE, { recursive: true });
  const staging = mkdtempSync(join(CACHE, "fetch-"));
  try {
    const made = join(staging, "made");
    if (packaging === "jar") copyFileSync(fetched, made);
    else {
      mkdirSync(made);
      await run("unzip", ["-q", fetched, "-d", made]);
    }
    // Two test processes may fetch at the same time: the first rename wins, the other is dropped.
    if (!existsSync(path)) renameSync(made, path);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
