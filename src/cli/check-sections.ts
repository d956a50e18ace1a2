/**
 * The questions of `tulle check`. First what the client can tell by itself (is there a control plane, does it
 * answer), then what the control plane tells of itself, then whether each proxy's admin server answers.
 */
import type { CheckView, Finding, VersionResponse } from "../control-plane/api-types.ts";
import type { ProxyView } from "../control-plane/proxy-types.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";
import { mtlsFindings } from "./mtls-check.ts";
import { askProxy } from "./proxy-admin.ts";
import { readVersion } from "./read-version.ts";

export type CheckItem = Pick<CheckView, "name" | "title" | "status" | "findings">;

export interface CheckSection {
  readonly title: string;
  readonly items: readonly CheckItem[];
}

export interface CheckOutcome {
  readonly sections: readonly CheckSection[];
  /** Why nothing more could be asked; its exit code is the command's. */
  readonly failure: CliError | undefined;
}

/** In the order in which they are shown: what comes first breaks what comes later. */
const SECTION_BY_CHECK: Readonly<Record<string, string>> = {
  "certificate-authority": "identity",
  "certificates-renewed": "identity",
  "root-rotation": "identity",
  revocations: "identity",
  "control-plane-certificate": "identity",
  "proxies-connected": "proxies",
  "proxies-synced": "proxies",
  "proxies-ready": "proxies",
  "callers-secure": "identity",
  "instances-serving": "services",
  "services-have-endpoints": "services",
  "objects-accepted": "configuration",
  authorization: "configuration",
  "telemetry-kept": "telemetry",
  "proxies-tell": "telemetry",
  "series-in-bounds": "telemetry",
  "traces-passed-on": "telemetry",
  exports: "telemetry",
};
const OTHER_SECTION = "mesh";

/** Proxies asked at the same time. */
const PARALLEL_MAX = 16;

/** A root that expires within `certExpiresInMs` is an error; undefined: as the control plane has it. */
export async function checkSections(
  context: CliContext,
  certExpiresInMs?: number,
): Promise<CheckOutcome> {
  const items: CheckItem[] = [];
  try {
    const client = await context.adminClient();
    items.push(passed("control-plane-known", `the control plane is known: ${client.address}`));
    const version = await client.version();
    items.push(
      passed("control-plane-answers", `it answers: mesh ${version.mesh}, pid ${version.pid}`),
    );
    items.push(versionItem(version));
    const { checks } = await client.checks(certExpiresInMs);
    const { proxies } = await client.proxies();
    const asked = proxies.filter(
      ({ connected, adminAddress }) => connected && adminAddress !== null,
    );
    const all = [...checks, ...(await readinessItems(asked)), ...(await mtlsItems(asked))];
    return { sections: [{ title: "client", items }, ...sectionsOf(all)], failure: undefined };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const item: CheckItem = {
      name: items.length === 0 ? "control-plane-known" : "control-plane-answers",
      title: items.length === 0 ? "the control plane is known" : "the control plane answers",
      status: "fail",
      findings: [finding("error", "cannot-connect", error.message, error.detail.hint)],
    };
    return { sections: [{ title: "client", items: [...items, item] }], failure: error };
  }
}

/** The control plane's questions by what they are about; those of a newer one come last. */
function sectionsOf(items: readonly CheckItem[]): readonly CheckSection[] {
  const titles = [...new Set(Object.values(SECTION_BY_CHECK)), OTHER_SECTION];
  return titles
    .map((title) => ({
      title,
      items: items.filter((item) => (SECTION_BY_CHECK[item.name] ?? OTHER_SECTION) === title),
    }))
    .filter((section) => section.items.length > 0);
}

function versionItem(version: VersionResponse): CheckItem {
  const own = readVersion();
  const title = "client and control plane are of the same version";
  if (own === version.version) return passed("versions-match", title);
  return {
    name: "versions-match",
    title,
    status: "warn",
    findings: [
      finding(
        "warning",
        "versions-differ",
        `this client is ${own}, the control plane ${version.version}`,
        "use the tulle that started the control plane, or restart the control plane",
      ),
    ],
  };
}

/** Only connected proxies: the control plane reports the others. */
async function readinessItems(proxies: readonly ProxyView[]): Promise<readonly CheckItem[]> {
  if (proxies.length === 0) return [];
  const findings = await askAll(proxies, async (proxy) => {
    const found = await askReady(proxy);
    return found === undefined ? [] : [found];
  });
  const title = "every connected proxy says that it is ready";
  return [{ name: "proxies-ready", title, status: statusOf(findings), findings }];
}

/** That callers come in plain text where they may is worth knowing, and nothing wrong. */
async function mtlsItems(proxies: readonly ProxyView[]): Promise<readonly CheckItem[]> {
  if (proxies.length === 0) return [];
  const findings = await askAll(proxies, mtlsFindings);
  const title = "every caller comes with mutual TLS where it is taken";
  return [{ name: "callers-secure", title, status: statusOf(findings), findings }];
}

function statusOf(findings: readonly Finding[]): CheckItem["status"] {
  if (findings.some(({ severity }) => severity === "error")) return "fail";
  return findings.length > 0 ? "warn" : "pass";
}

async function askAll(
  proxies: readonly ProxyView[],
  question: (proxy: ProxyView) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const waiting = [...proxies];
  const findings: Finding[] = [];
  const ask = async (): Promise<void> => {
    for (let proxy = waiting.shift(); proxy !== undefined; proxy = waiting.shift()) {
      findings.push(...(await question(proxy)));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_MAX }, ask));
  return findings;
}

/** A proxy that cannot be reached from here may be on another machine: a warning. One not ready is an error. */
async function askReady(proxy: ProxyView): Promise<Finding | undefined> {
  try {
    await askProxy(proxy.adminAddress ?? "", { method: "GET", path: "/ready" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const isUnreachable = error.code === "CLI_CANNOT_CONNECT";
    return finding(
      isUnreachable ? "warning" : "error",
      isUnreachable ? "proxy-admin-unreachable" : "proxy-not-ready",
      `${proxy.id}: ${error.message}`,
      error.detail.hint ?? `see \`tulle status ${proxy.id}\` and the proxy's log`,
    );
  }
}

function passed(name: string, title: string): CheckItem {
  return { name, title, status: "pass", findings: [] };
}

function finding(
  severity: Finding["severity"],
  code: string,
  message: string,
  hint: string | undefined,
): Finding {
  return hint === undefined ? { severity, code, message } : { severity, code, message, hint };
}
