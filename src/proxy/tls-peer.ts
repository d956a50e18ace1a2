/**
 * Who is at the other end of a TLS connection, and why not. With SPIFFE trust bundles the SPIFFE rules
 * decide; with a plain CA the TLS library verified the chain and the subject names are checked here.
 * Host names play no part, and names are compared as the certificate's bytes say them.
 */
import type { TLSSocket } from "node:tls";
import { messageOf } from "../core/errors.ts";
import { type Certificate, parseCertificate } from "../identity/certificate.ts";
import { peerChainDer } from "../identity/peer-chain.ts";
import { verifyPeer } from "../identity/peer-verifier.ts";
import type { SubjectNameTest } from "./config/tls-settings.ts";
import type { Validation } from "./secret-store.ts";

export interface AcceptedPeer {
  readonly kind: "accepted";
  readonly principal: string;
  /** Of its certificate; "" when that cannot be read. */
  readonly serialHex: string;
  /** Wall clock: from then on the peer has no identity, and its connections must end. */
  readonly notAfterMs: number;
}

export type TlsPeer =
  | AcceptedPeer
  /** `code` is stable, `reason` a sentence for a log line. */
  | { readonly kind: "refused"; readonly code: string; readonly reason: string };

/** Judges the peer of a handshake, full or resumed, by its chain and by the time that it is now. */
export function judgePeer(
  socket: TLSSocket,
  validation: Validation,
  subjectNames: readonly SubjectNameTest[],
  nowMs: number,
): TlsPeer {
  const chain = peerChainDer(socket);
  if (validation.bundles !== undefined) {
    const verdict = verifyPeer(chain, validation.bundles, nowMs);
    if (!verdict.ok) return { kind: "refused", code: verdict.code, reason: verdict.reason };
    const names = { uris: [verdict.spiffeId], dnsNames: [] };
    return judgeNames(names, subjectNames, verdict);
  }
  if (!socket.authorized) {
    const code = String(socket.authorizationError ?? "unverified");
    return { kind: "refused", code, reason: `the peer's certificate is not trusted: ${code}` };
  }
  return judgeLibraryVerified(chain[0], subjectNames);
}

const NAMELESS = { kind: "accepted", principal: "", serialHex: "" } as const;

interface SubjectNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

/** The library built the path, and does not tell which: the peer's own certificate says until when. */
function judgeLibraryVerified(
  leafDer: Buffer | undefined,
  subjectNames: readonly SubjectNameTest[],
): TlsPeer {
  if (leafDer === undefined) {
    return { kind: "refused", code: "no-certificate", reason: "the peer showed no certificate" };
  }
  let leaf: Certificate;
  try {
    leaf = parseCertificate(leafDer);
  } catch (error) {
    // The library accepted it, and its dates with it, but no name in it can be relied on.
    if (subjectNames.length === 0) return { ...NAMELESS, notAfterMs: Number.POSITIVE_INFINITY };
    const reason = `the names in the peer's certificate cannot be read (${messageOf(error)})`;
    return { kind: "refused", code: "unexpected-identity", reason };
  }
  const { uris = [], dnsNames = [] } = leaf.extensions.alternativeNames ?? {};
  return judgeNames({ uris, dnsNames }, subjectNames, leaf);
}

function judgeNames(
  names: SubjectNames,
  tests: readonly SubjectNameTest[],
  { notAfterMs, serialHex }: Pick<AcceptedPeer, "notAfterMs" | "serialHex">,
): TlsPeer {
  const isExpected =
    tests.length === 0 ||
    tests.some(({ kind, test }) => (kind === "uri" ? names.uris : names.dnsNames).some(test));
  if (isExpected) {
    const principal = names.uris[0] ?? names.dnsNames[0] ?? "";
    return { kind: "accepted", principal, serialHex, notAfterMs };
  }
  const found = [...names.uris, ...names.dnsNames].join(", ") || "a certificate without names";
  const expected = tests.map((test) => test.expected).join(" or ");
  const reason = `the peer is ${found}, expected ${expected}`;
  return { kind: "refused", code: "unexpected-identity", reason };
}
