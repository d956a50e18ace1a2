/**
 * Hands what xDS says about identities to the identity agent, on its way to the data plane: the roots that the control
 * plane's certificate is held against, and the roots that own certificates are to be under.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type Secret,
  SecretSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import type { IdentityAgent } from "../identity/identity-agent.ts";
import { IDENTITY_POLICY_SECRET, parseIdentityPolicy } from "../identity/identity-policy.ts";
import type { ResourceConsumer, ResourceError, ResourceUpdate } from "../xds/resource-consumer.ts";
import { SECRET_TYPE_URL } from "../xds/type-urls.ts";
import { TRUST_BUNDLE_SECRET } from "./own-identity.ts";

type Agent = Pick<IdentityAgent, "setTrustBundle" | "setIssuers">;

export class IdentityUpdates implements ResourceConsumer {
  readonly #next: ResourceConsumer;
  readonly #agent: Agent;
  readonly #trustDomain: string;

  constructor(next: ResourceConsumer, agent: Agent, trustDomain: string) {
    this.#next = next;
    this.#agent = agent;
    this.#trustDomain = trustDomain;
  }

  onUpdate(update: ResourceUpdate): readonly ResourceError[] | Promise<readonly ResourceError[]> {
    if (update.typeUrl !== SECRET_TYPE_URL) return this.#next.onUpdate(update);
    // Read now: the bytes belong to the response.
    const acts = update.changed.flatMap(({ name, bytes }) => {
      const act = this.#read(name, bytes);
      return act === undefined ? [] : [{ name, act }];
    });
    const apply = (errors: readonly ResourceError[]): readonly ResourceError[] => {
      for (const { name, act } of acts) if (!errors.some((one) => one.name === name)) act();
      return errors;
    };
    const result = this.#next.onUpdate(update);
    return result instanceof Promise ? result.then(apply) : apply(result);
  }

  onMissing(typeUrl: string, names: readonly string[]): void {
    this.#next.onMissing(typeUrl, names);
  }

  /** Undefined for what is not about identities, and for what the data plane refuses: it says why. */
  #read(name: string, bytes: Uint8Array): (() => void) | undefined {
    if (name !== TRUST_BUNDLE_SECRET && name !== IDENTITY_POLICY_SECRET) return undefined;
    try {
      const secret = fromBinary(SecretSchema, bytes);
      return name === TRUST_BUNDLE_SECRET ? this.#bundleOf(secret) : this.#policyOf(secret);
    } catch {
      return undefined;
    }
  }

  #bundleOf({ type }: Secret): (() => void) | undefined {
    const any = type.case === "validationContext" && type.value.customValidatorConfig?.typedConfig;
    const config = any ? anyUnpack(any, SPIFFECertValidatorConfigSchema) : undefined;
    const own = config?.trustDomains.find((domain) => domain.name === this.#trustDomain);
    const specifier = own?.trustBundle?.specifier;
    if (specifier?.case !== "inlineString") return undefined;
    const pem = specifier.value;
    return () => this.#agent.setTrustBundle(pem);
  }

  #policyOf({ type }: Secret): (() => void) | undefined {
    const specifier = type.case === "genericSecret" ? type.value.secret?.specifier : undefined;
    if (specifier?.case !== "inlineString") return undefined;
    const { issuers, reissueWithinMs } = parseIdentityPolicy(specifier.value);
    return () => this.#agent.setIssuers(issuers, reissueWithinMs);
  }
}
