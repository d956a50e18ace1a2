/**
 * What the answers of the sidecars themselves carry besides status and text: the response flag, and the object that
 * caused them, so that whoever gets one knows where to look. Of the mesh, to the mesh: an app cannot set these fields.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HeaderValueOptionSchema } from "../gen/envoy/config/core/v3/base_pb.js";
import type {
  LocalReplyConfigSchema,
  ResponseMapperSchema,
} from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { UNDELIVERED_HEADER } from "../http/known-headers.ts";
import { UNDELIVERED_FLAG } from "./defaults.ts";
import type { FilterContribution } from "./filters/filter-contribution.ts";

/** Envoy's response flag of an answer that a sidecar gave itself. */
export const RESPONSE_FLAGS_HEADER = "x-tulle-response-flags";
/** The object that an answer of a sidecar itself comes from: `HTTPRoute/default/catalog/rule/0/match/0`. */
export const CAUSE_HEADER = "x-tulle-cause";

/** Why a policy denied a request, told to peers that have proved who they are: the filter that denies writes it, and CAUSE_HEADER. */
export const DENIED_HEADER = "x-tulle-denied-by";
/** Envoy's response flag of denials. */
const DENIED_FLAG = "UAEX";

/** What no app may put on its answers. */
export const REPLY_HEADERS = [
  UNDELIVERED_HEADER,
  RESPONSE_FLAGS_HEADER,
  CAUSE_HEADER,
  DENIED_HEADER,
] as const;

type LocalReplyConfigInit = MessageInitShape<typeof LocalReplyConfigSchema>;
type MapperInit = MessageInitShape<typeof ResponseMapperSchema>;
type HeaderInit = MessageInitShape<typeof HeaderValueOptionSchema>;

const ROUTE_NAME = "%ROUTE_NAME%";
/** No route takes the request: the object is the one whose routes they are. */
const NO_ROUTE_FLAG = "NR";

/** On the callers' side. `service` is `default/catalog`. */
export function outboundReplies(
  service: string,
  contributions: readonly FilterContribution[],
): LocalReplyConfigInit {
  return {
    mappers: [
      mapper([NO_ROUTE_FLAG], `Service/${service}`),
      ...policyMappers(contributions),
      mapper([], ROUTE_NAME),
    ],
  };
}

/** On the app's side. `workload` is `default/catalog-v1-x7k2p`. */
export function inboundReplies(
  workload: string,
  contributions: readonly FilterContribution[],
): LocalReplyConfigInit {
  const cause = `Workload/${workload}`;
  return {
    mappers: [
      mapper([UNDELIVERED_FLAG], cause, [{ header: { key: UNDELIVERED_HEADER, value: "1" } }]),
      ...policyMappers(contributions),
      mapper([DENIED_FLAG], undefined),
      mapper([], cause),
    ],
  };
}

/** Flags that only one filter raises: its policy is the cause. */
function policyMappers(contributions: readonly FilterContribution[]): readonly MapperInit[] {
  return contributions.flatMap(({ replies }) =>
    replies === undefined ? [] : [mapper(replies.flags, replies.cause)],
  );
}

/** The first mapper that fits acts. Without flags it fits every answer that has one. */
function mapper(
  flags: readonly string[],
  cause: string | undefined,
  more: readonly HeaderInit[] = [],
): MapperInit {
  return {
    filter: { filterSpecifier: { case: "responseFlagFilter", value: { flags: [...flags] } } },
    headersToAdd: [
      ...more,
      { header: { key: RESPONSE_FLAGS_HEADER, value: "%RESPONSE_FLAGS%" } },
      ...(cause === undefined ? [] : [{ header: { key: CAUSE_HEADER, value: cause } }]),
    ],
  };
}
