/**
 * Which roots each proxy trusts, by what it has acknowledged: the bundle that it was sent counts only when its answer
 * to exactly that set of secrets is there.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { SecretSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { parsePem } from "../../identity/pem.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { TRUST_BUNDLE_SECRET } from "../../translate/defaults.ts";
import type { ProxyRecord } from "../../xds/proxy-record.ts";
import { SetVersions } from "../../xds/set-version.ts";
import type { EncodedResource, ProxySnapshot } from "../../xds/snapshot.ts";
import { resourcesOfType } from "../../xds/snapshot.ts";
import { SECRET_TYPE_URL } from "../../xds/type-urls.ts";

export class TrustedRoots {
  readonly #setVersions = new SetVersions();
  readonly #byResource = new WeakMap<EncodedResource, readonly string[]>();
  /** By proxy: what was acknowledged last. */
  readonly #acknowledged = new Map<string, readonly string[]>();

  /**
   * Ids of the roots that a proxy has acknowledged last; undefined while nothing is known. Asked often enough that no
   * change is missed: by whoever changes roots, before and after.
   */
  of(
    proxyKey: string,
    given: ProxySnapshot | undefined,
    record: ProxyRecord | undefined,
  ): readonly string[] | undefined {
    const acknowledged = record?.types.get(SECRET_TYPE_URL)?.acknowledged;
    const secrets = given && resourcesOfType(given, SECRET_TYPE_URL);
    if (acknowledged !== undefined && secrets !== undefined) {
      const bundle = secrets.get(TRUST_BUNDLE_SECRET);
      if (bundle !== undefined && acknowledged.version === this.#setVersions.of(secrets)) {
        this.#acknowledged.set(proxyKey, this.#rootsIn(bundle));
      }
    }
    return this.#acknowledged.get(proxyKey);
  }

  /** A proxy is forgotten. */
  retain(proxyKeys: ReadonlySet<string>): void {
    for (const key of this.#acknowledged.keys()) {
      if (!proxyKeys.has(key)) this.#acknowledged.delete(key);
    }
  }

  #rootsIn(resource: EncodedResource): readonly string[] {
    const known = this.#byResource.get(resource);
    if (known !== undefined) return known;
    const { type } = fromBinary(SecretSchema, resource.bytes);
    const specifier =
      type.case === "validationContext" ? type.value.trustedCa?.specifier : undefined;
    const pem = specifier?.case === "inlineString" ? specifier.value : "";
    const roots = parsePem(pem, "CERTIFICATE").map((der) => rootIdOf({ der }));
    this.#byResource.set(resource, roots);
    return roots;
  }
}
