/**
 * Looks for what is suspicious in the audit log while it is written: many denials of one identity, one identity denied by
 * many services, many tries with expired certificates or wrong tokens from one address. Each is told once per window.
 */
import type { Clock } from "../../core/clock.ts";
import type { AuditEvent, AuditRecord } from "../../telemetry/audit/audit-record.ts";

export const SECURITY_EVENT_KINDS = [
  "denial-burst",
  "service-scan",
  "expired-certificates",
  "failed-logins",
] as const;
export type SecurityEventKind = (typeof SECURITY_EVENT_KINDS)[number];

/** When a pattern is suspicious; a count of 0 is never. */
export interface Threshold {
  readonly count: number;
  readonly windowMs: number;
}

export type Thresholds = Readonly<Record<SecurityEventKind, Threshold>>;

export interface SecurityEventsOptions {
  /** As MeshConfig says at this moment. */
  readonly getThresholds: () => Thresholds;
  readonly onEvent: (kind: SecurityEventKind, event: AuditEvent) => void;
  readonly clock: Clock;
}

/** Identities and addresses that are watched at one time, for each pattern; beyond it the oldest are forgotten. */
const WATCHED_MAX = 4096;
/** Sightings that are remembered of one of them. More are suspicious already. */
const SIGHTINGS_MAX = 1024;

interface Sighting {
  readonly atMs: number;
  readonly weight: number;
  /** What is counted once: a service. */
  readonly what: string;
}

interface Watched {
  sightings: Sighting[];
  /** Told already, until then. */
  quietUntilMs: number;
}

export class SecurityEvents {
  readonly #options: SecurityEventsOptions;
  readonly #watched = new Map<SecurityEventKind, Map<string, Watched>>(
    SECURITY_EVENT_KINDS.map((kind) => [kind, new Map()]),
  );

  constructor(options: SecurityEventsOptions) {
    this.#options = options;
  }

  /** For each record of the log. */
  see({ kind, actor, details }: Pick<AuditRecord, "kind" | "actor" | "details">): void {
    if (kind === "policy-denied") {
      const who = actor?.name ?? "unknown";
      const service = String(details?.["service"] ?? "");
      const denied = Number(details?.["denied"] ?? 1);
      this.#note("denial-burst", who, { weight: denied, what: service });
      this.#note("service-scan", who, { weight: 1, what: service });
    }
    if (kind !== "authentication-failed") return;
    const service = details?.["service"];
    // A sidecar tells how many it refused, not who they were.
    const who = typeof service === "string" ? `somebody at ${service}` : (actor?.address ?? "");
    if (who === "") return;
    const isExpired = details?.["code"] === "expired";
    const pattern = isExpired ? "expired-certificates" : "failed-logins";
    const weight = Number(details?.["refused"] ?? 1);
    this.#note(pattern, who, { weight, what: actor?.name ?? "" });
  }

  #note(kind: SecurityEventKind, who: string, seen: Omit<Sighting, "atMs">): void {
    const { count, windowMs } = this.#options.getThresholds()[kind];
    if (count === 0) return;
    const nowMs = this.#options.clock.monotonicMs();
    const watched = this.#watchedFor(kind, who);
    watched.sightings = watched.sightings.filter(({ atMs }) => nowMs - atMs < windowMs);
    if (watched.sightings.length < SIGHTINGS_MAX) watched.sightings.push({ ...seen, atMs: nowMs });
    if (nowMs < watched.quietUntilMs) return;
    const things = new Set(watched.sightings.map(({ what }) => what));
    const reached =
      kind === "service-scan"
        ? things.size
        : watched.sightings.reduce((sum, { weight }) => sum + weight, 0);
    if (reached < count) return;
    watched.quietUntilMs = nowMs + windowMs;
    this.#options.onEvent(kind, eventOf(kind, who, { reached, windowMs, things: [...things] }));
  }

  #watchedFor(kind: SecurityEventKind, who: string): Watched {
    const all = this.#watched.get(kind) ?? new Map<string, Watched>();
    const known = all.get(who);
    if (known !== undefined) {
      // Those that are seen again are the newest.
      all.delete(who);
      all.set(who, known);
      return known;
    }
    if (all.size >= WATCHED_MAX) {
      const [oldest] = all.keys();
      if (oldest !== undefined) all.delete(oldest);
    }
    const watched: Watched = { sightings: [], quietUntilMs: 0 };
    all.set(who, watched);
    return watched;
  }
}

const THINGS_TOLD_MAX = 16;

function eventOf(
  kind: SecurityEventKind,
  who: string,
  found: {
    readonly reached: number;
    readonly windowMs: number;
    readonly things: readonly string[];
  },
): AuditEvent {
  const { reached, windowMs, things } = found;
  const seconds = windowMs / 1000;
  const told = things.filter((thing) => thing !== "").slice(0, THINGS_TOLD_MAX);
  const messages: Readonly<Record<SecurityEventKind, string>> = {
    "denial-burst": `${who} was denied ${reached} times within ${seconds} s`,
    "service-scan": `${who} was denied by ${reached} services within ${seconds} s`,
    "expired-certificates": `${who} tried expired certificates ${reached} times within ${seconds} s`,
    "failed-logins": `${who} failed to prove who it is ${reached} times within ${seconds} s`,
  };
  const isUnknown = kind === "expired-certificates" || kind === "failed-logins";
  const isAddress = isUnknown && !who.includes(" ");
  return {
    kind: "security-event",
    action: kind,
    actor: isAddress ? { name: "unknown", address: who } : { name: who },
    outcome: "refused",
    message: messages[kind],
    details: {
      count: reached,
      windowSeconds: seconds,
      ...(told.length === 0 ? {} : { [isUnknown ? "names" : "services"]: told }),
    },
  };
}
