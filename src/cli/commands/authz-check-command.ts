/** `tulle authz check`: whether policy lets a request or a connection in, and which rule says so. */
import type {
  AuthzCheckRequest,
  AuthzCheckResponse,
  AuthzVerdict,
} from "../../control-plane/authz-types.ts";
import { CLAIM_OPTION, claimsOf } from "../claim-option.ts";
import type { Command, CommandInput } from "../command.ts";
import type { Programs } from "../command-entry.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { withNamespace } from "../namespace-documents.ts";
import type { Style } from "../output/style.ts";
import { printable } from "../output/text-width.ts";
import { writeResult } from "../output/write-result.ts";
import { FILE_OPTIONS, readDocuments } from "../read-documents.ts";

const PORT_MAX = 65_535;

export function createCommand(offline: Programs["explain"]): Command {
  return { ...COMMAND, run: (context, input) => run(context, input, offline) };
}

const COMMAND: Omit<Command, "run"> = {
  name: "authz check",
  summary: "Ask whether policy lets a request in, and by which rule",
  description: `Judges a request from FROM to TO, without sending it, by the AuthorizationPolicies in force and by the same code that the sidecar judges with. It answers with the deciding policy and rule, and for a denial with the first condition that did not hold in the policy that came nearest.

With -f the mesh is read from files instead, so that policies can be tried before they are applied: no control plane is needed.

Without METHOD and PATH a TCP connection is judged. Policies under dry run that would deny it are told, too.

A policy of action CUSTOM asks a provider first. What that answers cannot be told: the answer names the provider, the policy and its rule, and says what follows if the provider allows it.

The exit code is 0 when it is allowed by every workload of TO, provided that the providers that are asked allow it, and 1 when it is denied.`,
  examples: [
    {
      line: "tulle authz check storefront catalog GET /items/7",
      summary: "May storefront read an item of catalog?",
    },
    {
      line: "tulle authz check anonymous catalog POST /items -H 'x-role: admin' --claim groups=staff",
      summary: "A caller without an identity, for a user with a verified token",
    },
    {
      line: "tulle authz check spiffe://shop.example/ns/shop/sa/web ledger --port 5432",
      summary: "A TCP connection",
    },
  ],
  arguments: [
    {
      name: "FROM",
      summary: "Who asks: an instance, a service, spiffe://…, or anonymous",
      isRequired: true,
      completion: { kind: "proxies" },
    },
    {
      name: "TO",
      summary: "Who is asked: a service or an instance",
      isRequired: true,
      completion: { kind: "proxies" },
    },
    { name: "METHOD", summary: "GET, POST, …" },
    { name: "PATH", summary: "With its query, as it is sent" },
  ],
  options: [
    ...FILE_OPTIONS,
    {
      name: "header",
      short: "H",
      value: "'NAME: VALUE'",
      isMultiple: true,
      summary: "A header of the request",
    },
    CLAIM_OPTION,
    {
      name: "port",
      value: "PORT",
      summary: "The port of the service, or of the instance's app. Default: the first",
    },
    {
      name: "source-ip",
      value: "IP",
      summary: "Where the connection comes from. Default: 127.0.0.1",
    },
  ],
  formats: ["table", "json", "yaml"],
};

async function run(
  context: CliContext,
  input: CommandInput,
  offline: Programs["explain"],
): Promise<number> {
  const response = await answerTo(requestOf(context, input), { context, input, offline });
  await writeResult(context, {
    data: response,
    table: () => verdictText(response, context.stdout.style),
  });
  return response.allowed ? EXIT_OK : EXIT_FINDINGS;
}

async function answerTo(
  request: AuthzCheckRequest,
  { context, input, offline }: Asked,
): Promise<AuthzCheckResponse> {
  const paths = input.strings("filename");
  if (paths.length === 0) return (await context.adminClient()).checkAuthorization(request);
  const { namespace, isNamespaceGiven: isStrict } = context.globals;
  const files = await readDocuments(context, input, paths);
  const choice = { namespace, isStrict };
  return offline.authorize(
    request,
    files.map((file) => withNamespace(file, choice)),
  );
}

interface Asked {
  readonly context: CliContext;
  readonly input: CommandInput;
  readonly offline: Programs["explain"];
}

function requestOf(context: CliContext, input: CommandInput): AuthzCheckRequest {
  const method = input.optionalArgument("METHOD");
  const path = input.optionalArgument("PATH");
  const line = "tulle authz check storefront catalog GET /items/7";
  if (method !== undefined && path === undefined) throw usageError("PATH is missing", line);
  if (path !== undefined && !path.startsWith("/")) {
    throw usageError(`the path ${JSON.stringify(path)} does not begin with /`, line);
  }
  const claims = claimsOf(input.strings("claim"));
  const sourceIp = input.optionalString("source-ip");
  const hasPort = input.optionalString("port") !== undefined;
  return {
    from: input.argument("FROM"),
    to: input.argument("TO"),
    namespace: context.globals.namespace,
    headers: input.strings("header").map(headerOf),
    ...(method === undefined ? {} : { method }),
    ...(path === undefined ? {} : { path }),
    ...(claims === undefined ? {} : { claims }),
    ...(sourceIp === undefined ? {} : { sourceIp }),
    ...(hasPort ? { port: input.integer("port", { min: 1, max: PORT_MAX }) } : {}),
  };
}

function headerOf(text: string): readonly [string, string] {
  const colon = text.indexOf(":");
  if (colon > 0) return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
  throw usageError(`${JSON.stringify(text)} is no header`, "write it as -H 'x-user: 5'");
}

function verdictText(response: AuthzCheckResponse, style: Style): string {
  const { principal, protocol, method, path } = response;
  const what = protocol === "tcp" ? "a TCP connection" : `${method} ${path}`;
  const who = principal === "" ? "a caller without identity" : principal;
  const head = style.bold(printable(`${what} from ${who}`));
  return `${head}\n${response.verdicts.map((verdict) => oneText(verdict, style)).join("")}`;
}

function oneText(verdict: AuthzVerdict, style: Style): string {
  const { allowed, reason, workloads, dryRuns, asks } = verdict;
  const providers = asks.map(({ provider }) => provider).join(" and ");
  const isOpen = allowed && asks.length > 0;
  const word = isOpen
    ? style.yellow(`allowed if ${printable(providers)} allows it,`)
    : allowed
      ? style.green("allowed")
      : style.red("denied");
  const questions = asks
    .map((one) => `    ${printable(one.reason)}; without an answer it is ${one.withoutAnswer}\n`)
    .join("");
  const shadow = dryRuns.map((text) => `    dry run: ${printable(text)}\n`).join("");
  return `${word} by ${printable(workloads.join(", "))}: ${printable(reason)}\n${questions}${shadow}`;
}
