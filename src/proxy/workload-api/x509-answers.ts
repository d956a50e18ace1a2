/** What the Workload API says of X.509: SPIFFE Workload API, section 5. Each message is the whole state. */
import { create } from "@bufbuild/protobuf";
import {
  type X509BundlesResponse,
  X509BundlesResponseSchema,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
} from "../../gen/spiffe/workload/workload_pb.js";
import { parsePem } from "../../identity/pem.ts";
import { trustDomainId } from "../../identity/spiffe-id.ts";
import type { TrustBundle } from "../../identity/trust-bundle.ts";
import type { ReadyState } from "./workload-state.ts";

export function x509SvidResponse(state: ReadyState): X509SVIDResponse {
  const { svid, spiffeId, trustDomain } = state;
  const own = state.bundles.get(trustDomain);
  return create(X509SVIDResponseSchema, {
    svids: [
      {
        spiffeId,
        x509Svid: Buffer.concat(parsePem(svid.certificateChainPem, "CERTIFICATE")),
        x509SvidKey: Buffer.concat(parsePem(svid.privateKeyPem, "PRIVATE KEY")),
        bundle: own === undefined ? Buffer.alloc(0) : rootsDer(own.x509),
      },
    ],
    federatedBundles: bundlesOf(state, (name) => name !== trustDomain),
  });
}

export function x509BundlesResponse(state: ReadyState): X509BundlesResponse {
  return create(X509BundlesResponseSchema, { bundles: bundlesOf(state, () => true) });
}

/** A domain without roots is left out: readers take an empty bundle for an error, and trust nothing either way. */
function bundlesOf(
  { bundles }: ReadyState,
  isWanted: (trustDomain: string) => boolean,
): Record<string, Uint8Array> {
  const entries = [...bundles]
    .filter(([name, { x509 }]) => isWanted(name) && x509.roots.length > 0)
    .map(([name, { x509 }]) => [trustDomainId(name), rootsDer(x509)] as const);
  return Object.fromEntries(entries);
}

function rootsDer({ roots }: TrustBundle): Buffer {
  return Buffer.concat(roots.map(({ der }) => der));
}
