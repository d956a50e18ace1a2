/** `tulle explain`: what would become of a request, and why. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { ExplainRequest, ExplainResponse } from "../../control-plane/explain/explain-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { Programs } from "../command-entry.ts";
import type { CliContext } from "../context.ts";
import { failedError, usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { explanationText } from "../explain/explanation-text.ts";
import { withLiveEndpoints } from "../explain/live-endpoints.ts";
import { explainRequestOf, REQUEST_OPTIONS } from "../explain/request-options.ts";
import { withNamespace } from "../namespace-documents.ts";
import { writeResult } from "../output/write-result.ts";
import { askProxyJson } from "../proxy-admin.ts";
import { FILE_OPTIONS, readDocuments } from "../read-documents.ts";

export function createCommand(explain: Programs["explain"]): Command {
  return {
    name: "explain",
    summary: "Show which route a request takes and why, and where it goes",
    description: `Says what the caller's sidecar would do with a request without sending it: the listener, the route with the object and the rule that it came from, the first condition that does not hold of each route before it, rewrites and header changes, timeouts and retries with their source, filters and policies, the clusters with their share, and the endpoints with health and weight. It asks the same code that the sidecar routes with.

The caller's proxy is asked for the live state of its endpoints where its admin server can be reached.

With --gateway it is a request from outside: which listener of the Gateway takes it, by port and server name, and what its proxy does with it. A URL without a port means the only port that speaks its scheme.

With -f the mesh is read from files instead, and with --config-dump one proxy's configuration: neither needs a control plane.`,
    examples: [
      {
        line: "tulle explain GET http://catalog/items/7 --from storefront -H 'x-user: 5'",
        summary: "A request of storefront to catalog",
      },
      {
        line: "tulle explain https://shop.example/items/7 --gateway shop",
        summary: "A request from outside, at a gateway",
      },
      {
        line: "tulle explain POST http://catalog/items -f examples/shop",
        summary: "In a mesh that is not applied yet",
      },
      {
        line: "tulle explain http://shop.example/ --config-dump dump.json -o json",
        summary: "By the configuration dump of any Envoy, as JSON",
      },
    ],
    arguments: [
      { name: "METHOD", summary: "GET, POST, …; GET when only a URL is given", isRequired: true },
      { name: "URL", summary: "http://SERVICE[.NAMESPACE][:PORT]/PATH[?QUERY]" },
    ],
    options: [
      ...REQUEST_OPTIONS,
      ...FILE_OPTIONS,
      {
        name: "config-dump",
        value: "FILE",
        summary: "A proxy's configuration dump to explain by",
        completion: { kind: "files" },
      },
    ],
    formats: ["table", "json", "yaml"],
    run: (context, input) => run(context, input, explain),
  };
}

async function run(
  context: CliContext,
  input: CommandInput,
  explain: Programs["explain"],
): Promise<number> {
  const request = explainRequestOf(input, context.globals);
  const response = await explained(context, input, { request, explain });
  await writeResult(context, {
    data: response,
    table: () =>
      explanationText(response, {
        style: context.stdout.style,
        columns: context.stdout.columns,
      }),
  });
  return EXIT_OK;
}

async function explained(
  context: CliContext,
  input: CommandInput,
  asked: { readonly request: ExplainRequest; readonly explain: Programs["explain"] },
): Promise<ExplainResponse> {
  const { request, explain } = asked;
  const paths = input.strings("filename");
  const dump = input.optionalString("config-dump");
  if (paths.length > 0 && dump !== undefined) {
    throw usageError("-f and --config-dump exclude each other", "give one of them");
  }
  if (dump !== undefined) return explain.inDump(request, await readDump(context, dump));
  if (paths.length > 0) {
    const { namespace, isNamespaceGiven: isStrict } = context.globals;
    const files = await readDocuments(context, input, paths);
    const choice = { namespace, isStrict };
    return explain.inDocuments(
      request,
      files.map((file) => withNamespace(file, choice)),
    );
  }
  const client = await context.adminClient();
  return await withLive(context, await client.explain(request));
}

async function readDump(context: CliContext, path: string): Promise<unknown> {
  const text = await readFile(resolve(context.cwd, path), "utf8").catch((error: Error) => {
    throw failedError(`cannot read ${path}: ${error.message}`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failedError(
      `${path} is no JSON: ${(error as Error).message}`,
      "`tulle proxy config INSTANCE -o json` prints a configuration dump",
    );
  }
}

/** The live state is a help where it can be had, and no reason to fail where it cannot. */
async function withLive(context: CliContext, response: ExplainResponse): Promise<ExplainResponse> {
  const { adminAddress } = response.from;
  if (adminAddress === null || response.clusters.length === 0) return response;
  try {
    return withLiveEndpoints(response, await askProxyJson(adminAddress, "/clusters?format=json"));
  } catch {
    if (!context.globals.isQuiet) {
      context.stderr.write(
        `the proxy's admin server at ${adminAddress} cannot be reached: endpoints are shown as the control plane knows them\n`,
      );
    }
    return response;
  }
}
