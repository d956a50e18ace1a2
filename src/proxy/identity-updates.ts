/**
 * Hands what xDS says about identities to the identity agent, on its way to the data plane: the roots that the control
 * plane's certificate is held against, and the roots that own certificates are to be under.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { messageOf } from "../core/errors.ts";
import { SPIFFE_BUNDLES_SECRET } from "../decision/spiffe/bundle-document.ts";
import {
  type Secret,
  SecretSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import type { DenyList } from "../identity/deny-list.ts";
import type { IdentityAgent } from "../identity/identity-agent.ts";
import { IDENTITY_POLICY_SECRET, parseIdentityPolicy } from "../identity/identity-policy.ts";
import type { ResourceConsumer, ResourceError, ResourceUpdate } from "../xds/resource-consumer.ts";
import { SECRET_TYPE_URL } from "../xds/type-urls.ts";
import { TRUST_BUNDLE_SECRET } from "./own-identity.ts";

type Agent = Pick<IdentityAgent, "setTrustBundle" | "setIssuers">;

/** Whoever else keeps certificates, and hands trust on. */
export interface TrustListener extends Agent {
  setDenied(denied: DenyList): void;
  /** The bundles of all trust domains. Undefined, or what is wrong with them. */
  setBundleMap(text: string): string | undefined;
}

export class IdentityUpdates implements ResourceConsumer {
  readonly #next: ResourceConsumer;
  readonly #agent: Agent;
  readonly #trustDomain: string;
  #listener: TrustListener | undefined;

  constructor(next: ResourceConsumer, agent: Agent, trustDomain: string) {
    this.#next = next;
    this.#agent = agent;
    this.#trustDomain = trustDomain;
  }

  /** From now on `listener` hears what the agent hears, and of all trust domains, if somebody has asked for that secret. */
  follow(listener: TrustListener): void {
    this.#listener = listener;
  }

  onUpdate(whole: ResourceUpdate): readonly ResourceError[] | Promise<readonly ResourceError[]> {
    if (whole.typeUrl !== SECRET_TYPE_URL) return this.#next.onUpdate(whole);
    const bundles = whole.changed.find(({ name }) => name === SPIFFE_BUNDLES_SECRET);
    const errors = bundles === undefined ? [] : this.#takeBundles(bundles.bytes);
    const isOther = (name: string): boolean => name !== SPIFFE_BUNDLES_SECRET;
    const update = {
      typeUrl: whole.typeUrl,
      changed: whole.changed.filter(({ name }) => isOther(name)),
      removed: whole.removed.filter(isOther),
    };
    // Read now: the bytes belong to the response.
    const acts = update.changed.flatMap(({ name, bytes }) => {
      const act = this.#read(name, bytes);
      return act === undefined ? [] : [{ name, act }];
    });
    const apply = (found: readonly ResourceError[]): readonly ResourceError[] => {
      for (const { name, act } of acts) if (!found.some((one) => one.name === name)) act();
      return [...errors, ...found];
    };
    const result = this.#next.onUpdate(update);
    return result instanceof Promise ? result.then(apply) : apply(result);
  }

  onMissing(typeUrl: string, names: readonly string[]): void {
    const others = names.filter((name) => name !== SPIFFE_BUNDLES_SECRET);
    if (others.length > 0) this.#next.onMissing(typeUrl, others);
  }

  /** It is for the Workload API alone: the data plane has bundles of its own. */
  #takeBundles(bytes: Uint8Array): readonly ResourceError[] {
    const problem = (message: string): readonly ResourceError[] => [
      { name: SPIFFE_BUNDLES_SECRET, message },
    ];
    try {
      const { type } = fromBinary(SecretSchema, bytes);
      const specifier = type.case === "genericSecret" ? type.value.secret?.specifier : undefined;
      if (specifier?.case !== "inlineString") return problem("inline_string is required");
      const message = this.#listener?.setBundleMap(specifier.value);
      return message === undefined ? [] : problem(`the bundles cannot be used: ${message}`);
    } catch (error) {
      return problem(messageOf(error));
    }
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
    return () => {
      this.#agent.setTrustBundle(pem);
      this.#listener?.setTrustBundle(pem);
    };
  }

  #policyOf({ type }: Secret): (() => void) | undefined {
    const specifier = type.case === "genericSecret" ? type.value.secret?.specifier : undefined;
    if (specifier?.case !== "inlineString") return undefined;
    const { issuers, reissueWithinMs, denied } = parseIdentityPolicy(specifier.value);
    return () => {
      this.#agent.setIssuers(issuers, reissueWithinMs);
      this.#listener?.setIssuers(issuers, reissueWithinMs);
      this.#listener?.setDenied(denied);
    };
  }
}
