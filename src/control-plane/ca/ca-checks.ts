/** What `tulle check` asks about identities: what expires, who has not renewed, and whether a rotation stands still. */
import { rootIdOf } from "../../identity/root-id.ts";
import type { Revocation } from "../../resource/kinds/revocation.ts";
import type { CheckView, Finding } from "../api-types.ts";
import type { IdentitySide } from "./identity-side.ts";
import { denyListOf, holderDenial } from "./revocation-list.ts";

export interface CaCheckOptions {
  readonly identity: Pick<IdentitySide, "authority" | "trust" | "controller">;
  readonly revocations: readonly Revocation[];
  readonly nowMs: number;
  /** A root that expires sooner is an error. Undefined: as `ROOT_ERROR_MS`. */
  readonly failWithinMs: number | undefined;
}

const DAY_MS = 86_400_000;
/** Roots are replaced by themselves long before: one that is so near its end stands still. */
const ROOT_WARNING_MS = 30 * DAY_MS;
const ROOT_ERROR_MS = 7 * DAY_MS;
/** Intermediates of other authorities may live for days only. */
const ISSUER_WARNING_MS = 3 * DAY_MS;
const ISSUER_ERROR_MS = DAY_MS;
/** Parts of a certificate's life; renewal is at 45 to 55 %. */
const OVERDUE_WARNING = 0.7;
const OVERDUE_ERROR = 0.95;

type Judged = Omit<CheckView, "status">;

export function caChecks(options: CaCheckOptions): readonly Judged[] {
  return [
    rootsCheck(options),
    issuerCheck(options),
    certificatesCheck(options),
    rotationCheck(options),
    revocationsCheck(options),
  ];
}

function rootsCheck({ identity, nowMs, failWithinMs }: CaCheckOptions): Judged {
  const { authority } = identity;
  const activeId = rootIdOf(authority.root);
  const errorMs = failWithinMs ?? ROOT_ERROR_MS;
  const warningMs = Math.max(ROOT_WARNING_MS, errorMs);
  const findings = authority.bundle.roots.flatMap((root): readonly Finding[] => {
    const leftMs = root.notAfterMs - nowMs;
    if (leftMs > warningMs) return [];
    const id = rootIdOf(root);
    const what = id === activeId ? `root ${id}, which signs,` : `root ${id}`;
    return [
      {
        severity: leftMs <= errorMs ? "error" : "warning",
        code: leftMs <= 0 ? "root-expired" : "root-expires",
        message:
          leftMs <= 0
            ? `${what} has expired`
            : `${what} expires in ${Math.floor(leftMs / DAY_MS)} days`,
        hint:
          authority.external !== undefined
            ? "it is replaced where the issuer has it"
            : id === activeId
              ? "tulle ca rotate replaces it"
              : `tulle ca retire ${id}`,
      },
    ];
  });
  const days = Math.round(warningMs / DAY_MS);
  const title = `every root is valid for more than ${days} days`;
  return { name: "certificate-authority", title, findings };
}

/** Only an issuer outside the mesh can fail by itself. */
function issuerCheck({ identity, nowMs, failWithinMs }: CaCheckOptions): Judged {
  const { external } = identity.authority;
  const findings: Finding[] = [];
  if (external?.lastError !== undefined) {
    findings.push({
      severity: external.consecutiveFailures > 0 ? "error" : "warning",
      code: "issuer-failed",
      message: `the issuer ${external.kind} at ${external.place}: ${external.lastError}`,
      hint: "certificates in use stay valid meanwhile; tulle ca status shows how long",
    });
  }
  const leftMs = (external?.notAfterMs ?? Number.POSITIVE_INFINITY) - nowMs;
  if (external !== undefined && leftMs <= (failWithinMs ?? ISSUER_WARNING_MS)) {
    findings.push({
      severity: leftMs <= (failWithinMs ?? ISSUER_ERROR_MS) ? "error" : "warning",
      code: leftMs <= 0 ? "issuer-expired" : "issuer-expires",
      message: `what the issuer ${external.kind} signs with ends at ${new Date(nowMs + leftMs).toISOString()}`,
      hint: "give it a new pair: no certificate outlives the one that signed it",
    });
  }
  return { name: "certificate-issuer", title: "the issuer of certificates signs", findings };
}

/** Holders that are not connected cannot renew: the proxies' check tells of them. */
function certificatesCheck({ identity, nowMs }: CaCheckOptions): Judged {
  const findings = identity.trust.certificates().flatMap((held): readonly Finding[] => {
    const lived = (nowMs - held.notBeforeMs) / (held.notAfterMs - held.notBeforeMs);
    if (!held.isConnected || lived < OVERDUE_WARNING) return [];
    const until = new Date(held.notAfterMs).toISOString();
    return [
      {
        severity: lived >= OVERDUE_ERROR ? "error" : "warning",
        code: "certificate-overdue",
        message: `${held.instance || held.spiffeId} has not renewed its certificate: ${Math.floor(lived * 100)} % of its life is over, it ends at ${until}`,
        hint: "its sidecar's log says why the renewal fails",
      },
    ];
  });
  const title = "every connected proxy has renewed its certificate in time";
  return { name: "certificates-renewed", title, findings };
}

function rotationCheck({ identity }: CaCheckOptions): Judged {
  const { rotation } = identity.controller;
  const findings: Finding[] = [];
  if (rotation?.state === "paused") {
    findings.push({
      severity: "warning",
      code: "rotation-paused",
      message: `the rotation from root ${rotation.from} is paused`,
      hint: "tulle ca rotate goes on with it",
    });
  }
  if (rotation?.state === "running" && rotation.blockers.length > 0) {
    const [first] = rotation.blockers;
    findings.push({
      severity: "warning",
      code: "rotation-waits",
      message: `the rotation from root ${rotation.from} waits for ${rotation.blockers.length}: ${first?.who} ${first?.reason}`,
      hint: "tulle ca status lists them",
    });
  }
  return { name: "root-rotation", title: "no rotation of the root stands still", findings };
}

/** Whoever is cut off is told of, with the object that says so: it looks like a failure to those who do not know. */
function revocationsCheck({ identity, revocations }: CaCheckOptions): Judged {
  const certificates = identity.trust.certificates();
  const findings = revocations.flatMap((revocation): readonly Finding[] => {
    const { serials } = denyListOf([revocation], certificates);
    const held = certificates.filter(
      (one) => serials.has(one.serialHex) || holderDenial([revocation], one) !== undefined,
    );
    if (held.length === 0) return [];
    const names = [...new Set(held.map(({ instance, spiffeId }) => instance || spiffeId))];
    const { name } = revocation.metadata;
    const reason = revocation.spec.reason === "" ? "" : ` (${revocation.spec.reason})`;
    return [
      {
        severity: "warning",
        code: "revoked-in-use",
        message: `it takes access from ${names.join(", ")}${reason}`,
        object: { kind: "Revocation", namespace: "", name },
        hint: `stop them, or give access back: tulle delete revocation ${name}`,
      },
    ];
  });
  return { name: "revocations", title: "nobody who runs is revoked", findings };
}
