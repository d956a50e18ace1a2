/** Who may call whom and who does: what policies say beside what was counted, and certificates with their days. */
import { authorizationChecker } from "../authz/authz-check.ts";
import { rootViews } from "../ca/ca-view.ts";
import { connectedCallers, currentSnapshot } from "../explain/explain-mesh.ts";
import type { AccessPair, SecurityResponse, ServiceRef } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { edgeViews } from "./telemetry-edges.ts";
import { shareOf } from "./telemetry-figures.ts";
import { refFrom, refText } from "./telemetry-mesh.ts";
import type { AskedWindow } from "./telemetry-query.ts";

const DAY_MS = 86_400_000;
/** Pairs that are judged: 64 callers of 64 services. Those with traffic come first. */
const PAIRS_MAX = 4096;
/** Of which so many are judged before others have their turn. */
const PAIRS_AT_ONCE = 32;

export async function securityView(
  deps: AdminApiDeps,
  asked: AskedWindow,
): Promise<SecurityResponse> {
  const { fromMs, toMs } = asked;
  const [{ window, edges }, denials, proven] = await Promise.all([
    edgeViews(deps, asked),
    deps.telemetry.traffic({
      ...{ fromMs, toMs, hasSteps: false },
      by: ["reporter", "sourceNamespace", "sourceName", "destinationNamespace", "destinationName"],
      where: { flags: "UAEX" },
    }),
    deps.telemetry.traffic({
      ...{ fromMs, toMs, hasSteps: false, by: ["security"] },
      where: { reporter: "destination" },
    }),
  ]);
  const denied = new Map<string, number>();
  for (const { key, totals } of denials.rows) {
    if (key[0] !== "destination") continue;
    const pair = `${key[1]}/${key[2]} ${key[3]}/${key[4]}`;
    denied.set(pair, (denied.get(pair) ?? 0) + totals.requests + totals.tcpOpened);
  }
  const used = new Map(
    edges.map((edge) => [`${refText(edge.source)} ${refText(edge.destination)}`, edge]),
  );
  const judge = judgeOf(deps);
  const wanted = [...new Set([...used.keys(), ...denied.keys(), ...possiblePairs(deps, asked)])];
  const pairs: AccessPair[] = [];
  for (const pair of wanted.slice(0, PAIRS_MAX)) {
    const [source, destination] = pair.split(" ").map(refFrom) as [ServiceRef, ServiceRef];
    const edge = used.get(pair);
    pairs.push({
      source,
      destination,
      ...judge(source, destination),
      requests: (edge?.traffic.requests ?? 0) + (edge?.traffic.tcp.opened ?? 0),
      denied: denied.get(pair) ?? 0,
      security: edge?.security ?? "unknown",
    });
    // A large mesh has thousands: configuration must not wait for them.
    if (pairs.length % PAIRS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const requestsOf = (isProven: boolean): number =>
    proven.rows
      .filter(({ key: [policy] }) => (policy === "mutual_tls") === isProven)
      .reduce((sum, { totals }) => sum + totals.requests + totals.tcpOpened, 0);
  const nowMs = deps.clock.nowMs();
  const { identity } = deps;
  return {
    window,
    pairs,
    mtlsShare: shareOf(requestsOf(true), requestsOf(true) + requestsOf(false)),
    certificates: identity.trust.certificates().map((held) => ({
      instance: held.instance,
      principal: held.spiffeId,
      serial: held.serialHex,
      notAfter: new Date(held.notAfterMs).toISOString(),
      daysLeft: (held.notAfterMs - nowMs) / DAY_MS,
    })),
    roots: rootViews({ ...identity, getOwn: () => identity.own() }).map(
      ({ id, notAfter, state }) => ({
        ...{ id, notAfter, state },
        daysLeft: (Date.parse(notAfter) - nowMs) / DAY_MS,
      }),
    ),
  };
}

/** Every caller that there is with every Service. */
function possiblePairs(deps: AdminApiDeps, { namespace, service }: AskedWindow): readonly string[] {
  const callers = new Set(
    connectedCallers(deps).map((caller) => `${caller.namespace}/${caller.service}`),
  );
  const services = deps.objects
    .list("Service")
    .map(({ metadata }) => metadata)
    .filter((one) => namespace === undefined || one.namespace === namespace)
    .filter((one) => service === undefined || one.name === service);
  return [...callers]
    .sort()
    .flatMap((caller) =>
      services.map(refText).flatMap((called) => (caller === called ? [] : [`${caller} ${called}`])),
    )
    .slice(0, PAIRS_MAX);
}

type Judgement = Pick<AccessPair, "allowed" | "policy">;

/** What policies say of a pair. A method and a path that nobody names tell whether it depends on the request. */
function judgeOf(deps: AdminApiDeps): (source: ServiceRef, destination: ServiceRef) => Judgement {
  const check = authorizationChecker(currentSnapshot(deps), connectedCallers(deps));
  return (source, destination) => {
    const ask = (request: { readonly method?: string; readonly path?: string }) => {
      try {
        return check({
          from: source.name === "unknown" ? "anonymous" : refText(source),
          to: refText(destination),
          ...request,
        });
      } catch {
        // The other protocol, or somebody who is gone.
        return undefined;
      }
    };
    const answers = [
      ask({ method: "GET", path: "/" }),
      ask({ method: "DELETE", path: "/.well-known/nobody-names-this" }),
      ask({}),
    ].filter((answer) => answer !== undefined);
    const verdicts = answers.flatMap((answer) => answer.verdicts);
    const isAll = verdicts.every(({ allowed }) => allowed);
    const isNone = verdicts.every(({ allowed }) => !allowed);
    const policy = verdicts.find((one) => one.policy !== null)?.policy ?? null;
    const asks = verdicts.some((one) => one.asks.length > 0);
    if (verdicts.length === 0) return { allowed: "conditional", policy: null };
    if (isNone) return { allowed: mayDepend(deps, destination) ? "conditional" : "no", policy };
    return { allowed: isAll && !asks ? "yes" : "conditional", policy };
  };
}

/** Whether a policy that lets in looks at more than who calls, so that a request nobody tried may pass. */
function mayDepend({ objects }: AdminApiDeps, { namespace }: ServiceRef): boolean {
  return objects
    .list("AuthorizationPolicy")
    .filter(({ metadata }) => metadata.namespace === namespace)
    .some(({ spec }) => JSON.stringify(spec).includes('"paths"'));
}
