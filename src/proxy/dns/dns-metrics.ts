/** What the name responder counts. Every label has a fixed set of values: names that are asked for are none of them. */
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export type AnswerSource = "mesh" | "forwarded" | "refused";

export interface DnsMetrics {
  onAnswer(source: AnswerSource, code: number): void;
  onForwardFailure(reason: string): void;
}

const CODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"] as const;

export function createDnsMetrics(registry: MetricRegistry): DnsMetrics {
  const answers = registry.counter(
    "tulle_dns_answers_total",
    "Name queries answered, by who knew the answer (mesh, forwarded, refused) and its code.",
  );
  const failures = registry.counter(
    "tulle_dns_forward_failures_total",
    "Tries to forward a name query that got no answer, by reason: timeout, unreachable, malformed, overload, no-server.",
  );
  return {
    onAnswer: (source, code) => {
      answers.with({ source, code: CODES[code] ?? "other" }).value += 1;
    },
    onForwardFailure: (reason) => {
      failures.with({ reason }).value += 1;
    },
  };
}
