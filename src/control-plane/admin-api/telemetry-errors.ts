/** What fails, by service, code and flag, with what each flag means. */
import { explainFlags } from "../../telemetry/response-flag-explanations.ts";
import type { ErrorGroup, ErrorsResponse } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { refText } from "./telemetry-mesh.ts";
import { type AskedWindow, windowView } from "./telemetry-query.ts";

const UNKNOWN = "unknown";

export async function errorsView(
  deps: AdminApiDeps,
  { fromMs, toMs, namespace, service }: AskedWindow,
): Promise<ErrorsResponse> {
  const [answer, traces] = await Promise.all([
    deps.telemetry.traffic({
      // Steps tell when it was seen first and last.
      ...{ fromMs, toMs, hasSteps: true, isErrorsOnly: true },
      by: [
        "reporter",
        "destinationNamespace",
        "destinationName",
        "sourceNamespace",
        "sourceName",
        "code",
        "grpcStatus",
        "flags",
      ],
      where: {
        ...(namespace === undefined && service === undefined
          ? {}
          : { destinationNamespace: namespace ?? "default" }),
        ...(service === undefined ? {} : { destinationName: service }),
      },
    }),
    deps.telemetry.questions.ask("errorTraces", { fromMs, toMs }),
  ]);
  const traceIds = new Map(
    traces.map((one) => [`${one.destination} ${one.status} ${one.flags}`, one.traceIds]),
  );
  // Callers know every failure, also of requests that never arrived; called sidecars know callers that have none.
  const bySource = new Set(
    answer.rows.filter(({ key: [told] }) => told === "source").map(({ key }) => ends(key)),
  );
  const groups = answer.rows
    .filter(({ key }) => {
      const [reporter] = key;
      return reporter === "source" || (reporter === "destination" && !bySource.has(ends(key)));
    })
    .map(({ key, totals, firstMs, lastMs }): ErrorGroup => {
      const [, toNamespace = "", toName = "", fromNamespace = "", fromName = ""] = key;
      const [code = "", grpcStatus = "", flags = "-"] = key.slice(5);
      const to = { namespace: toNamespace, name: toName };
      const responseCode = Number(code) || 0;
      return {
        service: to,
        source: fromName === UNKNOWN ? null : { namespace: fromNamespace, name: fromName },
        responseCode,
        grpcStatus: grpcStatus === "" ? null : Number(grpcStatus),
        flag: flags,
        explanation: explainFlags(flags) ?? null,
        count: totals.requests,
        firstSeen: new Date(firstMs).toISOString(),
        lastSeen: new Date(lastMs).toISOString(),
        traceIds: traceIds.get(`${refText(to)} ${responseCode} ${flags}`) ?? [],
      };
    })
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  return { window: windowView(answer), groups };
}

/** Who called whom. */
function ends(key: readonly string[]): string {
  return key.slice(1, 5).join("/");
}
