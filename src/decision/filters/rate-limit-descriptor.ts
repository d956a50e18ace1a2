/**
 * Envoy's rate limit actions, compiled: which descriptor a request gets from each list of actions, if any. Local
 * limits look descriptors up themselves, global ones ask a service about them.
 */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { wireText } from "../../core/wire-text.ts";
import type {
  RateLimit,
  RateLimit_Action,
  RateLimit_Action_MaskedRemoteAddress,
  RateLimit_Action_MetaData,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { UriSanInputSchema } from "../../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js";
import { metadataAt } from "../dynamic-metadata.ts";
import type { FieldError } from "../field-error.ts";
import { compileHeaderMatcher, headerReader, type RequestTest } from "../header-matcher.ts";
import { compileQueryMatcher, queryParameter } from "../query-matcher.ts";
import type { RequestView } from "../request-view.ts";
import { type AddressMask, maskedAddress, WHOLE_ADDRESS } from "./masked-address.ts";

/** Who sends a request, as far as its connection tells. */
export interface RequestCaller {
  readonly remoteAddress: string;
  /** SPIFFE id of the verified peer, or empty. */
  readonly peerPrincipal: string;
}

/** Undefined where the request has no such thing: then it gets no descriptor from these actions. */
export type EntryValue = (request: RequestView, caller: RequestCaller) => string | undefined;

export interface DescriptorEntry {
  readonly key: string;
  /** A text that is the same for all requests, or what reads it from one. */
  readonly value: string | EntryValue;
}

/** What one list of actions makes of a request. */
export interface DescriptorRule {
  /** All must hold, or there is no descriptor. */
  readonly tests: readonly RequestTest[];
  readonly entries: readonly DescriptorEntry[];
}

export function compileRateLimits(
  rateLimits: readonly RateLimit[],
  path: string,
  errors: FieldError[],
): readonly DescriptorRule[] {
  return rateLimits.map((rateLimit, index) => compileOne(rateLimit, `${path}[${index}]`, errors));
}

export function passesTests(tests: readonly RequestTest[], request: RequestView): boolean {
  for (let i = 0; i < tests.length; i++) {
    if (!tests[i]!(request)) return false;
  }
  return true;
}

function compileOne({ actions }: RateLimit, path: string, errors: FieldError[]): DescriptorRule {
  if (actions.length === 0) {
    errors.push({ path: `${path}.actions`, message: "at least one action is required" });
  }
  const tests: RequestTest[] = [];
  const entries = actions.map((action, index) =>
    compileAction(action, `${path}.actions[${index}]`, tests, errors),
  );
  return { tests, entries: entries.filter((entry) => entry !== undefined) };
}

function compileAction(
  { actionSpecifier: action }: RateLimit_Action,
  path: string,
  tests: RequestTest[],
  errors: FieldError[],
): DescriptorEntry | undefined {
  switch (action.case) {
    case "genericKey": {
      const { descriptorKey, descriptorValue } = action.value;
      requireText(descriptorValue, `${path}.generic_key.descriptor_value`, errors);
      return { key: descriptorKey || "generic_key", value: descriptorValue };
    }
    case "requestHeaders": {
      const { headerName, descriptorKey } = action.value;
      requireText(headerName, `${path}.request_headers.header_name`, errors);
      requireText(descriptorKey, `${path}.request_headers.descriptor_key`, errors);
      return { key: descriptorKey, value: headerReader(headerName.toLowerCase()) };
    }
    case "queryParameters": {
      const { queryParameterName, descriptorKey } = action.value;
      requireText(queryParameterName, `${path}.query_parameters.query_parameter_name`, errors);
      const name = wireText(queryParameterName);
      const value: EntryValue = ({ query }) => queryParameter(query, name);
      return { key: descriptorKey || "query_match", value };
    }
    case "remoteAddress":
      return { key: "remote_address", value: trustedAddress };
    case "maskedRemoteAddress": {
      const mask = compileMask(action.value, `${path}.masked_remote_address`, errors);
      const value: EntryValue = (request, caller) =>
        maskedAddress(trustedAddress(request, caller), mask);
      return { key: "masked_remote_address", value };
    }
    case "headerValueMatch": {
      const { headers, descriptorKey, descriptorValue, expectMatch = true } = action.value;
      const at = `${path}.header_value_match`;
      requireText(descriptorValue, `${at}.descriptor_value`, errors);
      if (headers.length === 0) {
        errors.push({ path: `${at}.headers`, message: "at least one header is required" });
      }
      const all = headers.map((matcher, index) =>
        compileHeaderMatcher(matcher, `${at}.headers[${index}]`, errors),
      );
      tests.push((request) => passesTests(all, request) === expectMatch);
      return { key: descriptorKey || "header_match", value: descriptorValue };
    }
    case "queryParameterValueMatch": {
      const { queryParameters, descriptorKey, descriptorValue, expectMatch = true } = action.value;
      const at = `${path}.query_parameter_value_match`;
      requireText(descriptorValue, `${at}.descriptor_value`, errors);
      if (queryParameters.length === 0) {
        errors.push({ path: `${at}.query_parameters`, message: "at least one is required" });
      }
      const all = queryParameters.map((matcher, index) =>
        compileQueryMatcher(matcher, `${at}.query_parameters[${index}]`, errors),
      );
      tests.push((request) => passesTests(all, request) === expectMatch);
      return { key: descriptorKey || "query_match", value: descriptorValue };
    }
    case "metadata":
      return compileMetadata(action.value, `${path}.metadata`, errors);
    case "extension": {
      const { name, typedConfig } = action.value;
      requireText(name, `${path}.extension.name`, errors);
      if (typedConfig !== undefined && anyUnpack(typedConfig, UriSanInputSchema) !== undefined) {
        return { key: name, value: peerPrincipal };
      }
      const message = "only UriSanInput, the URI in the client's certificate, is implemented";
      errors.push({ path: `${path}.extension.typed_config`, message });
      return undefined;
    }
    case undefined:
      errors.push({ path, message: "an action is required" });
      return undefined;
    default:
      // Which they are: `SUPPORTED_FIELDS` refuses them by name before.
      errors.push({ path, message: `${action.case} is not implemented` });
      return undefined;
  }
}

/** Of texts alone, as in Envoy. */
function compileMetadata(
  { descriptorKey, metadataKey, defaultValue }: RateLimit_Action_MetaData,
  path: string,
  errors: FieldError[],
): DescriptorEntry {
  requireText(descriptorKey, `${path}.descriptor_key`, errors);
  const { key: namespace = "", path: segments = [] } = metadataKey ?? {};
  requireText(namespace, `${path}.metadata_key.key`, errors);
  if (segments.length === 0) {
    errors.push({ path: `${path}.metadata_key.path`, message: "at least one segment is required" });
  }
  const names = segments.map(({ segment }) => (segment.case === "key" ? segment.value : ""));
  const absent = defaultValue === "" ? undefined : defaultValue;
  const value: EntryValue = ({ metadata }) => {
    const found = metadataAt(metadata, namespace, names);
    return typeof found === "string" && found !== "" ? wireText(found) : absent;
  };
  return { key: descriptorKey, value };
}

function requireText(text: string, path: string, errors: FieldError[]): void {
  if (text === "") errors.push({ path, message: "must not be empty" });
}

const peerPrincipal: EntryValue = (_request, caller) =>
  caller.peerPrincipal === "" ? undefined : caller.peerPrincipal;

/** As Envoy: who the connection manager takes for the client, by the hops of X-Forwarded-For that it trusts. */
function trustedAddress(request: RequestView, { remoteAddress }: RequestCaller): string {
  return request.clientAddress || remoteAddress;
}

function compileMask(
  { v4PrefixMaskLen, v6PrefixMaskLen }: RateLimit_Action_MaskedRemoteAddress,
  path: string,
  errors: FieldError[],
): AddressMask {
  const { v4Bits, v6Bits } = WHOLE_ADDRESS;
  if ((v4PrefixMaskLen ?? 0) > v4Bits) {
    errors.push({ path: `${path}.v4_prefix_mask_len`, message: `at most ${v4Bits}` });
  }
  if ((v6PrefixMaskLen ?? 0) > v6Bits) {
    errors.push({ path: `${path}.v6_prefix_mask_len`, message: `at most ${v6Bits}` });
  }
  return { v4Bits: v4PrefixMaskLen ?? v4Bits, v6Bits: v6PrefixMaskLen ?? v6Bits };
}
