/** A question to an authorization service that speaks plain HTTP: the request itself, without its body as a rule. */
import { EXT_AUTHZ_HEADERS_MAX, EXT_AUTHZ_REPLY_BYTES_MAX } from "../../core/limits.ts";
import type { MetadataValue } from "../../decision/dynamic-metadata.ts";
import type { AuthzHttpTarget } from "../../decision/ext-authz/http-target.ts";
import type { StringTest } from "../../decision/string-matcher.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { BODY_LENGTH, BODY_NONE, RequestHead } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { HttpCall, type HttpCallHandler } from "../http-call.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { AuthzAnswer, HeaderChange } from "./authz-answer.ts";
import type { AuthzHandler, AuthzQuestion, AuthzServices } from "./authz-check.ts";
import type { ToldHeader } from "./told-headers.ts";

/** Fields that such a service is told whatever the lists say. */
const ALWAYS: ReadonlySet<string> = new Set([":authority", ":method", ":path", "authorization"]);
export const isToldByHttp: StringTest = (name) => ALWAYS.has(name);

/** Where lists of a denial's fields are configured, these go to the client beside them. */
const CLIENT_ALWAYS: ReadonlySet<string> = new Set([
  ...["location", "proxy-authenticate", "set-cookie", "www-authenticate"],
]);
const HEADERS_TO_REMOVE = "x-envoy-auth-headers-to-remove";
/** What tells of the answer to the question, not of the request: it would be wrong on an answer to the client. */
const OF_THE_QUESTION: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "x-envoy-upstream-service-time"],
]);

/** And these tell of its content: they would be wrong on a request. */
const OF_THE_CONTENT: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-type",
  "date",
  "server",
]);

export interface HttpQuestion {
  readonly request: RoutedRequest;
  readonly headers: readonly ToldHeader[];
  /** Undefined where it is not told. */
  readonly body: Buffer | undefined;
}

/** The question, or why it cannot be asked. */
export function askByHttp(
  target: AuthzHttpTarget,
  question: HttpQuestion,
  { clusters, nowMs, timers, faults }: AuthzServices,
  handler: AuthzHandler,
): AuthzQuestion | string {
  const cluster = clusters.get(target.cluster);
  if (cluster === undefined) return `no cluster ${target.cluster}`;
  const { request, body } = question;
  // It would ask the service for a tunnel.
  if (request.method === "CONNECT") return "CONNECT cannot be asked about by HTTP";
  const call = new HttpCall(
    {
      ...{ cluster, nowMs, timers, faults, body },
      head: headOf(target, question),
      target: target.pathPrefix + request.path + request.search,
      authority: request.authority,
      timeoutMs: target.timeoutMs,
      replyBytesMax: EXT_AUTHZ_REPLY_BYTES_MAX,
    },
    new HttpAnswer(target, handler),
  );
  return call.start() ?? call;
}

function headOf({ headersToAdd }: AuthzHttpTarget, question: HttpQuestion): RequestHead {
  const { request, headers, body } = question;
  const head = new RequestHead();
  head.method = request.method;
  head.bodyKind = body === undefined || body.length === 0 ? BODY_NONE : BODY_LENGTH;
  head.contentLength = body?.length ?? 0;
  for (const { name, value } of headers) {
    if (!name.startsWith(":") && name !== "content-length") {
      head.headers.add(new HeaderField(new HeaderName(name), value));
    }
  }
  for (const field of headersToAdd) head.headers.remove(field.name);
  for (const field of headersToAdd) head.headers.add(field);
  return head;
}

class HttpAnswer implements HttpCallHandler {
  readonly #target: AuthzHttpTarget;
  readonly #handler: AuthzHandler;
  #status = 0;
  readonly #fields: ToldHeader[] = [];

  constructor(target: AuthzHttpTarget, handler: AuthzHandler) {
    this.#target = target;
    this.#handler = handler;
  }

  onReplyHead({ status, headers }: ResponseHead): void {
    this.#status = status;
    headers.forEach((name, value) => {
      this.#fields.push({ name: name.toLowerCase(), value });
    });
  }

  onReply(body: Buffer): void {
    const status = this.#status;
    const fields = this.#fields;
    if (status >= 500) this.#handler.onNoAnswer(`the service answered ${status}`);
    else if (fields.length > EXT_AUTHZ_HEADERS_MAX) {
      this.#handler.onNoAnswer("the answer has too many header fields");
    } else {
      const { toUpstream, appendedUpstream, toClient, toClientOnSuccess, toMetadata } =
        this.#target;
      const upstreamFields = fields.filter(({ name }) => !OF_THE_CONTENT.has(name));
      // As in Envoy, no other status lets a request pass.
      const isAllowed = status === 200;
      this.#handler.onAnswer({
        isAllowed,
        status,
        body: isAllowed ? "" : body.toString("utf8"),
        requestChanges: isAllowed
          ? [
              ...changes(upstreamFields, "set", toUpstream),
              ...changes(upstreamFields, "add-if-present", appendedUpstream),
            ]
          : [],
        removedHeaders: isAllowed ? removedBy(fields) : [],
        parametersToSet: [],
        parametersToRemove: [],
        responseChanges: isAllowed
          ? changes(fields, "set", toClientOnSuccess)
          : changes(fields, "add", (name) => isForClient(toClient, name)),
        metadata: metadataOf(fields, toMetadata),
      });
    }
  }

  onCallFailure(reason: string): void {
    this.#handler.onNoAnswer(reason);
  }
}

function isForClient(toClient: StringTest | undefined, name: string): boolean {
  return toClient === undefined || toClient(name) || CLIENT_ALWAYS.has(name);
}

function changes(
  fields: readonly ToldHeader[],
  action: HeaderChange["action"],
  isMeant: StringTest | undefined,
): HeaderChange[] {
  if (isMeant === undefined) return [];
  return fields
    .filter(({ name }) => !OF_THE_QUESTION.has(name) && name !== HEADERS_TO_REMOVE && isMeant(name))
    .map(({ name, value }) => ({ action, name, value }));
}

/** Names in a list, as the service gives them. */
function removedBy(fields: readonly ToldHeader[]): string[] {
  return fields
    .filter(({ name }) => name === HEADERS_TO_REMOVE)
    .flatMap(({ value }) => value.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
}

function metadataOf(
  fields: readonly ToldHeader[],
  isMeant: StringTest | undefined,
): AuthzAnswer["metadata"] {
  if (isMeant === undefined) return undefined;
  const found = new Map<string, MetadataValue>();
  for (const { name, value } of fields) if (isMeant(name)) found.set(name, value);
  return found.size === 0 ? undefined : found;
}
