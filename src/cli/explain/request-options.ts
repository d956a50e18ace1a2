/** The request that `tulle explain` asks about, from the words of its command line. */
import type { ExplainProtocol, ExplainRequest } from "../../control-plane/explain/explain-types.ts";
import { CLAIM_OPTION, claimsOf } from "../claim-option.ts";
import type { CommandInput, OptionSpec } from "../command.ts";
import { usageError } from "../errors.ts";

export const PROTOCOLS: readonly ExplainProtocol[] = ["http", "http2", "grpc"];

export const REQUEST_OPTIONS: readonly OptionSpec[] = [
  {
    name: "from",
    value: "WORKLOAD",
    summary: "Who sends it: an instance or a service. Default: any workload of the namespace",
    completion: { kind: "proxies" },
  },
  {
    name: "gateway",
    value: "GATEWAY",
    summary: "Instead of --from: the Gateway that it comes to from outside",
    completion: { kind: "names", of: { kind: "Gateway" } },
  },
  {
    name: "header",
    short: "H",
    value: "'NAME: VALUE'",
    isMultiple: true,
    summary: "A header of the request",
  },
  CLAIM_OPTION,
  {
    name: "protocol",
    value: "PROTOCOL",
    summary: "What the caller speaks",
    default: "http",
    choices: PROTOCOLS,
  },
  { name: "body-size", value: "BYTES", summary: "The size of the request's body" },
  {
    name: "listener",
    value: "NAME",
    summary:
      "The listener that it comes to, where the URL does not tell; of a Gateway as it names it",
  },
];

const BODY_SIZE_MAX = Number.MAX_SAFE_INTEGER;
/** A gRPC call is always a POST. */
const METHOD_OF_GRPC = "POST";

/** `METHOD URL`, or a URL alone, which is a GET. Throws a usage error. */
export function explainRequestOf(
  input: CommandInput,
  globals: { readonly namespace: string },
): ExplainRequest {
  const words = [input.argument("METHOD"), input.optionalArgument("URL")];
  const [first = "", second] = words;
  const isUrlAlone = second === undefined;
  if (isUrlAlone && /^[A-Za-z]+$/.test(first) && first === first.toUpperCase()) {
    throw usageError(`where is ${first} sent?`, `tulle explain ${first} http://catalog/items/7`);
  }
  const protocol = PROTOCOLS.find((one) => one === input.string("protocol")) ?? "http";
  const method = isUrlAlone ? (protocol === "grpc" ? METHOD_OF_GRPC : "GET") : first;
  const from = input.optionalString("from");
  const gateway = input.optionalString("gateway");
  if (from !== undefined && gateway !== undefined) {
    throw usageError("--from and --gateway exclude each other", "give one of them");
  }
  const listener = input.optionalString("listener");
  const claims = claimsOf(input.strings("claim"));
  const hasBody = input.optionalString("body-size") !== undefined;
  return {
    method: method.toUpperCase(),
    url: second ?? first,
    headers: input.strings("header").map(parseHeader),
    namespace: globals.namespace,
    protocol,
    ...(from === undefined ? {} : { from }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(listener === undefined ? {} : { listener }),
    ...(claims === undefined ? {} : { claims }),
    ...(hasBody
      ? { bodySizeBytes: input.integer("body-size", { min: 0, max: BODY_SIZE_MAX }) }
      : {}),
  };
}

function parseHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(":");
  if (colon > 0) return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
  throw usageError(`${JSON.stringify(text)} is no header`, "write it as -H 'x-user: 5'");
}
