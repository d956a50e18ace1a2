/**
 * Who is at the other end of a TLS connection, and why not. With SPIFFE trust bundles the SPIFFE rules
 * decide; with a plain CA the TLS library verified the chain and the subject names are checked here.
 * Host names play no part, and names are compared as the certificate's bytes say them.
 */
import type { TLSSocket } from "node:tls";
import { messageOf } from "../core/errors.ts";
import { parseCertificate } from "../identity/certificate.ts";
import { peerChainDer } from "../identity/peer-chain.ts";
import { verifyPeer } from "../identity/peer-verifier.ts";
import type { SubjectNameTest } from "./config/tls-settings.ts";
import type { Validation } from "./secret-store.ts";

export type TlsPeer =
  | { readonly kind: "accepted"; readonly principal: string }
  /** `code` is stable, `reason` a sentence for a log line. */
  | { readonly kind: "refused"; readonly code: string; readonly reason: string };

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
    return judgeNames({ uris: [verdict.spiffeId], dnsNames: [] }, subjectNames);
  }
  if (!socket.authorized) {
    const code = String(socket.authorizationError ?? "unverified");
    return { kind: "refused", code, reason: `the peer's certificate is not trusted: ${code}` };
  }
  return judgeNames(namesOf(chain[0]), subjectNames);
}

interface SubjectNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

function namesOf(leafDer: Buffer | undefined): SubjectNames {
  if (leafDer === undefined) return { uris: [], dnsNames: [] };
  try {
    const names = parseCertificate(leafDer).extensions.alternativeNames;
    return { uris: names?.uris ?? [], dnsNames: names?.dnsNames ?? [] };
  } catch (error) {
    // The TLS library accepted it, but no name in it can be relied on.
    return { uris: [], dnsNames: [messageOf(error)] };
  }
}

function judgeNames(names: SubjectNames, tests: readonly SubjectNameTest[]): TlsPeer {
  const isExpected =
    tests.length === 0 ||
    tests.some(({ kind, test }) => (kind === "uri" ? names.uris : names.dnsNames).some(test));
  if (isExpected) return { kind: "accepted", principal: names.uris[0] ?? names.dnsNames[0] ?? "" };
  const found = [...names.uris, ...names.dnsNames].join(", ") || "a certificate without names";
  const expected = tests.map((test) => test.expected).join(" or ");
  const reason = `the peer is ${found}, expected ${expected}`;
  return { kind: "refused", code: "unexpected-identity", reason };
}
