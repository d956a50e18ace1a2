/**
 * Who is asked about requests and connections that a policy of action CUSTOM matches. An RBAC filter with shadow rules
 * finds them; its result, in the metadata of the request or connection, turns on the filter that asks.
 */
import { create } from "@bufbuild/protobuf";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { ExtAuthzSchema } from "../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { ExtAuthzSchema as NetworkExtAuthzSchema } from "../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import type { AuthorizationPolicy } from "../../resource/kinds/authorization-policy.ts";
import type { ExtensionProvider } from "../../resource/kinds/extension-provider.ts";
import { type DeepReadonly, keyOf } from "../../resource/object.ts";
import {
  type EnabledWhen,
  providerConnectionFilter,
  providerFilter,
} from "../ext-authz/provider-filter.ts";
import {
  type ProviderMesh,
  type ProviderService,
  resolveProviderService,
} from "../ext-authz/provider-service.ts";
import type { FilterContribution } from "../filters/filter-contribution.ts";
import type { Findings } from "../findings.ts";
import { pack } from "../message.ts";

/** Where the result of shadow rules stands, as Envoy writes it. */
export const RBAC_METADATA = "envoy.filters.http.rbac";
const CONNECTION_METADATA = "envoy.filters.network.rbac";

export interface CustomQuestion {
  /** `provider.name` of the policies. */
  readonly provider: string;
  /** The key in RBAC_METADATA that is there when a policy matches: the name of its rule. */
  readonly policyKey: string;
}

/** The providers of the mesh. Where one is not known, what policies match is denied. */
export interface CustomProviders {
  /** The filter that asks about requests. */
  http(question: CustomQuestion): FilterContribution | undefined;
  /** The filter that asks about connections; undefined for providers that speak HTTP, too. */
  connection(question: CustomQuestion): Filter | undefined;
  /** Whether the policy would ask a provider about the questions to itself, which would never end. */
  asksItself(policy: AuthorizationPolicy, services: readonly string[]): boolean;
}

interface KnownProvider {
  readonly spec: DeepReadonly<ExtensionProvider>;
  readonly service: ProviderService;
}

export function resolveCustomProviders(
  snapshot: ProviderMesh,
  findings: Findings,
): CustomProviders {
  const known = knownProviders(snapshot, findings);
  return {
    http: (question) => {
      const provider = known.get(question.provider);
      if (provider === undefined) return undefined;
      const when = enabledWhen(RBAC_METADATA, question);
      return {
        name: `envoy.filters.http.ext_authz.${question.provider}`,
        ofListener: pack(ExtAuthzSchema, providerFilter(provider.spec, provider.service, when)),
        actsAlways: true,
        ofHost: undefined,
        ofRoutes: new Map(),
      };
    },
    connection: (question) => {
      const provider = known.get(question.provider);
      if (provider === undefined) return undefined;
      const when = enabledWhen(CONNECTION_METADATA, question);
      const filter = providerConnectionFilter(provider.spec, provider.service, when);
      if (filter === undefined) return undefined;
      return create(FilterSchema, {
        name: `envoy.filters.network.ext_authz.${question.provider}`,
        configType: { case: "typedConfig", value: pack(NetworkExtAuthzSchema, filter) },
      });
    },
    asksItself: ({ spec }, services) => {
      const provider = known.get(spec.provider?.name ?? "");
      return spec.action === "CUSTOM" && services.includes(provider?.service.key ?? "");
    },
  };
}

/** Before the names under which shadow rules for a provider leave their result. */
export function shadowPrefixOf(provider: string): string {
  return `custom_${provider}_`;
}

/** Before the names of the result of those of dry-run policies. */
export function dryRunPrefixOf(provider: string): string {
  return `dry_run_${shadowPrefixOf(provider)}`;
}

/** The provider that would be asked; undefined for the prefix of other policies' dry runs. */
export function providerOfDryRun(prefix: string): string | undefined {
  return /^dry_run_custom_(.+)_$/.exec(prefix)?.[1];
}

function knownProviders(
  snapshot: ProviderMesh,
  findings: Findings,
): ReadonlyMap<string, KnownProvider> {
  const known = new Map<string, KnownProvider>();
  const { meshConfig } = snapshot;
  for (const [index, spec] of (meshConfig?.spec.extensionProviders ?? []).entries()) {
    const member = spec.envoyExtAuthzGrpc === undefined ? "envoyExtAuthzHttp" : "envoyExtAuthzGrpc";
    const { service: text = "", port = 0 } = spec[member] ?? {};
    const service = resolveProviderService(text, port, snapshot);
    if (typeof service !== "string") known.set(spec.name, { spec, service });
    else if (meshConfig !== undefined) {
      const path = `spec.extensionProviders[${index}].${member}.service`;
      findings.add("target-not-found", { object: keyOf(meshConfig), path }, service);
    }
  }
  return known;
}

function enabledWhen(filter: string, { policyKey }: CustomQuestion): EnabledWhen {
  return {
    filter,
    path: [{ segment: { case: "key", value: policyKey } }],
    value: { matchPattern: { case: "presentMatch", value: true } },
  };
}
