/** The HTTP service of an ext_authz filter, compiled: whom to ask, what the question carries, and what of the answer counts. */
import { EXT_AUTHZ_TIMEOUT_MS } from "../../core/limits.ts";
import { wireText } from "../../core/wire-text.ts";
import type { HttpService } from "../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { compileDuration } from "../duration.ts";
import type { FieldError } from "../field-error.ts";
import type { StringTest } from "../string-matcher.ts";
import { compileNameList } from "./name-list.ts";

export interface AuthzHttpTarget {
  readonly cluster: string;
  /** How long an answer is waited for, in milliseconds. 0 for no limit. */
  readonly timeoutMs: number;
  /** Before the path of the request. */
  readonly pathPrefix: string;
  /** Of the question. They replace the request's own. */
  readonly headersToAdd: readonly HeaderField[];
  /** Fields of the answer, by where they go. Undefined: none, but for `toClient`, where all go. */
  readonly toUpstream: StringTest | undefined;
  readonly appendedUpstream: StringTest | undefined;
  readonly toClient: StringTest | undefined;
  readonly toClientOnSuccess: StringTest | undefined;
  readonly toMetadata: StringTest | undefined;
}

/** RFC 9110 section 5.1: a token. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function compileHttpTarget(
  { serverUri, pathPrefix, authorizationRequest, authorizationResponse: answer }: HttpService,
  path: string,
  errors: FieldError[],
): AuthzHttpTarget {
  const cluster =
    serverUri?.httpUpstreamType.case === "cluster" ? serverUri.httpUpstreamType.value : "";
  if (cluster === "") {
    const message = "is required: the cluster of the authorization service";
    errors.push({ path: `${path}.server_uri.cluster`, message });
  }
  if (serverUri !== undefined && serverUri.uri === "") {
    errors.push({ path: `${path}.server_uri.uri`, message: "is required" });
  }
  if (pathPrefix !== "" && !/^\/[!-~]*$/.test(pathPrefix)) {
    const message = "must begin with / and have no spaces";
    errors.push({ path: `${path}.path_prefix`, message });
  }
  const at = `${path}.authorization_response`;
  const headersToAdd = (authorizationRequest?.headersToAdd ?? []).map(({ key, value }, index) => {
    if (!NAME.test(key)) {
      const where = `${path}.authorization_request.headers_to_add[${index}].key`;
      errors.push({ path: where, message: `"${key}" is not a header name` });
    }
    return new HeaderField(new HeaderName(key), wireText(value));
  });
  return {
    cluster,
    timeoutMs:
      compileDuration(serverUri?.timeout, `${path}.server_uri.timeout`, errors) ??
      EXT_AUTHZ_TIMEOUT_MS,
    pathPrefix,
    headersToAdd,
    toUpstream: compileNameList(
      answer?.allowedUpstreamHeaders,
      `${at}.allowed_upstream_headers`,
      errors,
    ),
    appendedUpstream: compileNameList(
      answer?.allowedUpstreamHeadersToAppend,
      `${at}.allowed_upstream_headers_to_append`,
      errors,
    ),
    toClient: compileNameList(answer?.allowedClientHeaders, `${at}.allowed_client_headers`, errors),
    toClientOnSuccess: compileNameList(
      answer?.allowedClientHeadersOnSuccess,
      `${at}.allowed_client_headers_on_success`,
      errors,
    ),
    toMetadata: compileNameList(
      answer?.dynamicMetadataFromHeaders,
      `${at}.dynamic_metadata_from_headers`,
      errors,
    ),
  };
}
