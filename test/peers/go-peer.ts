/**
 * Programs of others that are published as Go modules, built once into `.cache/peers` below the repository.
 * Plain `go install` fails for modules whose dependencies' checksums only their own go.sum knows, so each is
 * built from a module around it.
 */
import { execFile } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/core/errors.ts";
import { whyMissing } from "./peer-process.ts";

const CACHE = join(import.meta.dirname, "..", "..", ".cache", "peers");
const BUILD_TIMEOUT_MS = 1_800_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** Packages of commands; each binary has the name of its last part. */
  readonly packages: readonly string[];
  /** A program of ours that uses the module: the folder of its `main.go` here. Built instead of packages. */
  readonly program?: string;
  /** Of its own go.mod, which do not hold for who imports it: `old=new@version`. `own`: all that are in there. */
  readonly replaces?: readonly string[] | "own";
  /** With `own`: the version by which those are published that lie beside it in its repository. */
  readonly besides?: string;
  /** Variables that the linker sets: `NAME=VALUE`. */
  readonly linked?: readonly string[];
  /** Takes minutes with an empty cache: built by `npm run test:peers` alone. */
  readonly isSlow?: boolean;
}

export const H2SPEC: GoModule = {
  path: "github.com/summerwind/h2spec",
  version: "v2.2.1+incompatible",
  packages: ["github.com/summerwind/h2spec/cmd/h2spec", "github.com/summerwind/h2spec/cmd/h2specd"],
};

export const GRPC_INTEROP: GoModule = {
  path: "google.golang.org/grpc",
  version: "v1.85.0",
  packages: ["google.golang.org/grpc/interop/client", "google.golang.org/grpc/interop/server"],
  isSlow: true,
};

export const GO_SPIFFE: GoModule = {
  path: "github.com/spiffe/go-spiffe/v2",
  version: "v2.9.0",
  packages: ["go-spiffe"],
  program: "go-spiffe",
  isSlow: true,
};

export const OPA: GoModule = {
  path: "github.com/open-policy-agent/opa",
  version: "v1.22.2",
  packages: ["github.com/open-policy-agent/opa"],
  isSlow: true,
};

/** Vault's API. */
export const OPENBAO: GoModule = {
  path: "github.com/openbao/openbao",
  version: "v0.0.0-20250828202315-f9407a27fbee",
  packages: ["github.com/openbao/openbao"],
  isSlow: true,
};

/** The server needs cgo for its SQLite. */
export const SPIRE: GoModule = {
  path: "github.com/spiffe/spire",
  version: "v1.13.3",
  packages: ["github.com/spiffe/spire/cmd/spire-server", "github.com/spiffe/spire/cmd/spire-agent"],
  isSlow: true,
};

export const JAEGER: GoModule = {
  path: "github.com/jaegertracing/jaeger",
  version: "v1.76.0",
  packages: ["github.com/jaegertracing/jaeger/cmd/all-in-one"],
  isSlow: true,
};

/** Builds collectors of OpenTelemetry. */
export const COLLECTOR_BUILDER: GoModule = {
  path: "go.opentelemetry.io/collector/cmd/builder",
  version: "v0.165.0",
  packages: ["go.opentelemetry.io/collector/cmd/builder"],
  isSlow: true,
};

export const VICTORIA_LOGS: GoModule = {
  path: "github.com/VictoriaMetrics/VictoriaLogs",
  version: "v1.51.1-0.20260624061259-dc94972a8708",
  packages: ["github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"],
  replaces: [
    "github.com/VictoriaMetrics/VictoriaMetrics=github.com/VictoriaMetrics/VictoriaMetrics@v1.148.8",
  ],
  isSlow: true,
};

export const LOKI: GoModule = {
  path: "github.com/grafana/loki/v3",
  version: "v3.7.8",
  packages: ["github.com/grafana/loki/v3/cmd/loki"],
  replaces: "own",
  isSlow: true,
};

const KUBERNETES_VERSION = "1.37.2";

/** Twelve minutes and 3 GB of cache for the first build. */
export const KUBE_APISERVER: GoModule = {
  path: "k8s.io/kubernetes",
  version: `v${KUBERNETES_VERSION}`,
  packages: ["kube-apiserver"],
  program: "kube-apiserver",
  replaces: "own",
  besides: `v0.${KUBERNETES_VERSION.slice(2)}`,
  linked: [
    `k8s.io/component-base/version.gitVersion=v${KUBERNETES_VERSION}`,
    "k8s.io/component-base/version.gitMajor=1",
    "k8s.io/component-base/version.gitMinor=37",
  ],
  isSlow: true,
};

export const ETCD: GoModule = {
  path: "go.etcd.io/etcd/server/v3",
  version: "v3.7.0",
  packages: ["etcd"],
  program: "etcd",
  isSlow: true,
};

/** cert-manager's controllers; its own command is no published module. */
export const CERT_MANAGER: GoModule = {
  path: "github.com/cert-manager/cert-manager",
  version: "v1.21.2",
  packages: ["cert-manager"],
  program: "cert-manager",
  isSlow: true,
};

export type GoPeer =
  | { readonly folder: string; readonly skip: false }
  | { readonly folder: ""; readonly skip: string };

/** The folder with the binaries, or why there is none. CI never skips but what is slow to build. */
export async function goPeer(wanted: GoModule): Promise<GoPeer> {
  const folder = join(CACHE, `${wanted.path.replaceAll("/", "+")}@${wanted.version}`);
  if (wanted.packages.every((name) => isExecutable(join(folder, binaryOf(name))))) {
    return { folder, skip: false };
  }
  if (wanted.isSlow === true && process.env["TULLE_SLOW_PEERS"] !== "1") {
    return { folder: "", skip: "takes minutes to build: `npm run test:peers` does it" };
  }
  const why = whyMissing("go");
  if (why !== undefined) return { folder: "", skip: why };
  try {
    await build(wanted, folder);
    return { folder, skip: false };
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    return { folder: "", skip: `it could not be built: ${messageOf(error).split("\n")[0]}` };
  }
}

async function build(
  { path, version, packages, program, replaces = [], besides, linked = [] }: GoModule,
  folder: string,
): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const staging = mkdtempSync(join(CACHE, "build-"));
  const go = async (...args: readonly string[]): Promise<string> => {
    const options = { cwd: staging, timeout: BUILD_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
    return (await promisify(execFile)("go", [...args], options)).stdout;
  };
  try {
    await go("mod", "init", "peer");
    const module = JSON.parse(await go("mod", "download", "-json", `${path}@${version}`));
    const { Dir: source } = module as { readonly Dir: string };
    const sums = join(source, "go.sum");
    if (existsSync(sums)) writeFileSync(join(staging, "go.sum"), readFileSync(sums));
    const replaced =
      replaces === "own"
        ? ownReplaces(await go("mod", "edit", "-json", join(source, "go.mod")), besides)
        : replaces;
    for (const one of replaced) await go("mod", "edit", `-replace=${one}`);
    await go("get", `${path}@${version}`);
    if (program !== undefined) {
      cpSync(join(import.meta.dirname, program), join(staging, program), { recursive: true });
      await go("mod", "tidy");
    }
    const targets = program === undefined ? packages : [`./${program}`];
    const out = join(staging, "bin");
    mkdirSync(out);
    const flags = linked.map((one) => `-X ${one}`).join(" ");
    await go("build", "-mod=mod", `-ldflags=${flags}`, "-o", `${out}/`, ...targets);
    // Two test processes may build at the same time: the first rename wins, the other is dropped.
    if (!existsSync(folder)) renameSync(out, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

interface ModuleVersion {
  readonly Path: string;
  readonly Version?: string;
}

/** What `go mod edit -json` tells of a go.mod; what lies beside it only by the version that it is published by. */
function ownReplaces(text: string, besides: string | undefined): readonly string[] {
  const { Replace: replaces } = JSON.parse(text) as {
    readonly Replace:
      | readonly { readonly Old: ModuleVersion; readonly New: ModuleVersion }[]
      | null;
  };
  const nameOf = ({ Path, Version }: ModuleVersion): string =>
    Version === undefined ? Path : `${Path}@${Version}`;
  return (replaces ?? []).flatMap(({ Old, New }) => {
    if (!New.Path.startsWith(".")) return [`${nameOf(Old)}=${nameOf(New)}`];
    return besides === undefined ? [] : [`${nameOf(Old)}=${Old.Path}@${besides}`];
  });
}

function binaryOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
