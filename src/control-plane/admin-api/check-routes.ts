/** `tulle check`: one question after the other, each with everything that answers it badly and what to do. */
import { Hono } from "hono";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import type { ChecksResponse, CheckView, Finding } from "../api-types.ts";
import { authorizationFindings } from "../authz/authz-findings.ts";
import { caChecks } from "../ca/ca-checks.ts";
import { currentSnapshot } from "../explain/explain-mesh.ts";
import { FAULT_CONSEQUENCE } from "../fault-isolation.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { findingView } from "./finding-view.ts";
import { instanceViews } from "./instance-routes.ts";
import { proxyView } from "./proxy-routes.ts";
import { parseInteger } from "./request-schemas.ts";
import { readTelemetryChecks } from "./telemetry-checks.ts";

/** Of `certExpiresInSeconds`: ten times as long as a root lives by default. */
const EXPIRY_SECONDS_MAX = 100 * 365 * 86_400;
/** Of the control plane's own certificate 12 hours are normally left. */
const CERTIFICATE_WARNING_MS = 3_600_000;

export function checkRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.get("/checks", async (context) => {
    const expiry = context.req.query("certExpiresInSeconds");
    const failWithinMs =
      expiry === undefined
        ? undefined
        : parseInteger(expiry, "certExpiresInSeconds", { min: 0, max: EXPIRY_SECONDS_MAX }) * 1000;
    const { identity, clock, objects } = deps;
    const revocations = objects.list("Revocation");
    const checks = [
      ...caChecks({ identity, revocations, nowMs: clock.nowMs(), failWithinMs }).map(
        ({ name, title, findings }) => check(name, title, findings),
      ),
      certificateCheck(deps),
      proxiesConnectedCheck(deps),
      proxiesSyncedCheck(deps),
      instancesCheck(deps),
      endpointsCheck(deps),
      objectsCheck(deps),
      authorizationCheck(deps),
      ...(await readTelemetryChecks(deps)).map(({ name, title, findings }) =>
        check(name, title, findings),
      ),
    ];
    const response: ChecksResponse = {
      ok: checks.every(({ status }) => status === "pass"),
      revision: deps.reconciler.translatedRevision,
      checks,
    };
    return context.json(response);
  });
  return app;
}

function check(name: string, title: string, findings: readonly Finding[]): CheckView {
  const isFailed = findings.some(({ severity }) => severity === "error");
  const isWarned = findings.some(({ severity }) => severity === "warning");
  return { name, title, status: isFailed ? "fail" : isWarned ? "warn" : "pass", findings };
}

function certificateCheck(deps: AdminApiDeps): CheckView {
  const title = "the control plane's own certificate is renewed in time";
  const notAfterMs = deps.info.getCertificateNotAfterMs() ?? 0;
  if (notAfterMs - deps.clock.nowMs() > CERTIFICATE_WARNING_MS) {
    return check("control-plane-certificate", title, []);
  }
  return check("control-plane-certificate", title, [
    {
      severity: notAfterMs <= deps.clock.nowMs() ? "error" : "warning",
      code: "control-plane-certificate-expires",
      message: `it expires at ${new Date(notAfterMs).toISOString()} and was not renewed`,
      hint: "the control plane's log says why the renewal fails",
    },
  ]);
}

function proxiesConnectedCheck(deps: AdminApiDeps): CheckView {
  const findings = deps.proxies.list().flatMap((entry): readonly Finding[] => {
    const view = proxyView(deps, entry);
    if (view.connected || view.instanceState === null) return [];
    return [
      {
        severity: "warning",
        code: "proxy-disconnected",
        message: `proxy ${view.id} of ${view.service} is not connected since ${view.disconnectedSince}`,
        hint: "is its process alive, and can it reach the control plane? Its log says more",
      },
    ];
  });
  return check("proxies-connected", "every known proxy is connected", findings);
}

function proxiesSyncedCheck(deps: AdminApiDeps): CheckView {
  const findings = deps.proxies.list().flatMap((entry): readonly Finding[] => {
    const view = proxyView(deps, entry);
    if (view.sync === "refused") {
      return view.types.flatMap((type): readonly Finding[] =>
        type.refused === null
          ? []
          : [
              {
                severity: "error",
                code: "configuration-refused",
                message: `proxy ${view.id} refuses ${type.type} of revision ${type.refused.revision}: ${type.refused.message}`,
                hint: "it keeps what it had; correct the object that the message names",
              },
            ],
      );
    }
    if (view.sync !== "stale") return [];
    return [
      {
        severity: "warning",
        code: "configuration-stale",
        message: `proxy ${view.id} runs revision ${view.acknowledgedRevision}, not ${deps.reconciler.translatedRevision}`,
        hint: "it has not answered yet; `tulle status` shows which type it owes",
      },
    ];
  });
  const title = "every connected proxy runs the newest configuration";
  return check("proxies-synced", title, findings);
}

function instancesCheck(deps: AdminApiDeps): CheckView {
  const findings = instanceViews(deps).flatMap((view): readonly Finding[] =>
    view.serving || view.state === "draining" || view.state === "starting"
      ? []
      : [
          {
            severity: "warning",
            code: "instance-not-serving",
            message: `instance ${view.name} of ${view.service} is ${view.state} since ${view.stateSince}`,
            object: { kind: "Workload", namespace: view.namespace, name: view.name },
            hint: "does its app accept connections, and is its sidecar alive?",
          },
        ],
  );
  return check("instances-serving", "every instance serves", findings);
}

function endpointsCheck(deps: AdminApiDeps): CheckView {
  const instances = instanceViews(deps);
  const findings = deps.objects
    .list("Service")
    .flatMap(({ metadata, spec }): readonly Finding[] => {
      if (Object.keys(spec.selector ?? {}).length === 0) return [];
      const { namespace, name } = metadata;
      const isServed = instances.some(
        (view) => view.serving && view.namespace === namespace && view.services.includes(name),
      );
      if (isServed) return [];
      const selector = Object.entries(spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
      return [
        {
          severity: "warning",
          code: "service-without-endpoints",
          message: `service ${namespace}/${name} has no instance that serves; callers get 503`,
          object: { kind: "Service", namespace, name },
          hint: `start an instance with the labels ${selector.join(",")}`,
        },
      ];
    });
  return check("services-have-endpoints", "every service has an instance that serves", findings);
}

function objectsCheck(deps: AdminApiDeps): CheckView {
  const { findings, faults } = deps.reconciler.report;
  return check("objects-accepted", "every object does what it says", [
    ...trustDomainFindings(deps),
    ...faults.map(
      (fault): Finding => ({
        severity: "error",
        code: "translation-failed",
        message: `the control plane cannot translate it (${fault.message}); ${FAULT_CONSEQUENCE[fault.inForce]}`,
        object: fault.object,
        hint: "this is a defect of Tulle: please report it with the object",
      }),
    ),
    ...findings.map(findingView),
  ]);
}

function authorizationCheck(deps: AdminApiDeps): CheckView {
  const title = "authorization policies are for somebody, and change something";
  return check("authorization", title, authorizationFindings(currentSnapshot(deps)));
}

/** A MeshConfig that leaves the field out holds its default, which nobody chose. */
function trustDomainFindings(deps: AdminApiDeps): readonly Finding[] {
  const { trustDomain } = deps.info;
  return deps.objects.list("MeshConfig").flatMap(({ metadata, spec }): readonly Finding[] => {
    const isDefault = spec.trustDomain === defaultMeshConfigSpec().trustDomain;
    if (isDefault || spec.trustDomain === trustDomain) return [];
    return [
      {
        severity: "warning",
        code: "trust-domain-differs",
        message: `trust domain ${trustDomain} is in force: the certificate authority is made for it`,
        object: { kind: "MeshConfig", namespace: "", name: metadata.name },
        path: "spec.trustDomain",
        hint: "a mesh gets another trust domain with a new state directory",
      },
    ];
  });
}
