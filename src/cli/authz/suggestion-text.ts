/** Suggested policies as people and files get them: YAML with what was seen as comments, and tables of calls. */
import type {
  AuthzSuggestResponse,
  LeftOut,
  SuggestedCall,
  SuggestedPolicy,
} from "../../control-plane/authz-types.ts";
import type { Style } from "../output/style.ts";
import { renderTable } from "../output/table.ts";
import { printable } from "../output/text-width.ts";

/** Calls that are named one by one in comments. */
const COMMENT_LINES_MAX = 100;

const REASONS: Readonly<Record<LeftOut, string>> = {
  once: "seen once only",
  failed: "ended in 401, 403 or 404 each time, or was denied",
  anonymous: "came without an identity: give the caller a sidecar",
  inexpressible: "its method or path has characters that policies give a meaning to",
};

/** Whether policy would deny what it lets in now. */
export function wouldBeDenied({ isAllowedNow, isAllowedThen }: SuggestedCall): boolean {
  return isAllowedNow === true && isAllowedThen === false;
}

/** As `tulle apply` takes it. */
export async function policiesYaml(response: AuthzSuggestResponse): Promise<string> {
  // Loaded only here: most commands never need it.
  const { Document } = await import("yaml");
  const documents = response.policies.map((suggested) => {
    const document = new Document(suggested.policy);
    document.commentBefore = headOf(suggested);
    for (const [index, line] of suggested.seen.entries()) {
      const rule = document.getIn(["spec", "rules", index], true);
      if (isCommented(rule)) rule.commentBefore = ` ${printable(line)}`;
    }
    return document.toString({ lineWidth: 0 });
  });
  return documents.join("---\n") + commented(summaryLines(response));
}

function isCommented(node: unknown): node is { commentBefore?: string } {
  return typeof node === "object" && node !== null;
}

function headOf({ service, besides }: SuggestedPolicy): string {
  const lines = [`Who was seen to call ${service}, and nobody else.`];
  if (besides.length > 0) {
    lines.push(`Other ALLOW policies let in what they let in beside it: ${besides.join(", ")}.`);
  }
  return lines.map((line) => ` ${line}`).join("\n");
}

function commented(lines: readonly string[]): string {
  return lines.map((line) => `# ${line}\n`).join("");
}

/** What the policies would have denied, and what they leave out. */
function summaryLines(response: AuthzSuggestResponse): readonly string[] {
  const { calls, unknownCalls, source } = response;
  const denied = calls.filter(wouldBeDenied);
  const count = denied.reduce((sum, one) => sum + one.count, 0);
  const all = calls.reduce((sum, one) => sum + one.count, 0);
  const lines = [
    `Of ${all} ${all === 1 ? "call" : "calls"} that were seen, ${count} would have been denied${count === 0 ? "." : ":"}`,
    ...denied.slice(0, COMMENT_LINES_MAX).map((one) => `  ${callText(one)}: ${why(one)}`),
  ];
  if (denied.length > COMMENT_LINES_MAX) {
    lines.push(`  and ${denied.length - COMMENT_LINES_MAX} more kinds: -o json has all of them`);
  }
  if (source === "sidecars" && calls.length > 0) {
    lines.push("Counters tell neither methods nor paths: calls were judged as GET /.");
  }
  if (unknownCalls > 0) {
    lines.push(`${unknownCalls} went to workloads that are not there any more.`);
  }
  return lines.map(printable);
}

function why({ leftOut, reason }: SuggestedCall): string {
  return leftOut === null ? reason : REASONS[leftOut];
}

function callText({ service, principal, method, path, count }: SuggestedCall): string {
  const what = method === null ? "" : ` ${method} ${path ?? ""}`;
  return `${principal === "" ? "anonymous" : principal} to ${service}${what} (${count}×)`;
}

/** For people at a terminal. */
export function suggestionTable(
  response: AuthzSuggestResponse,
  { style, width }: { readonly style: Style; readonly width: number | undefined },
): string {
  const table = renderTable({
    columns: [
      { title: "SERVICE", isKept: true },
      { title: "CALLER" },
      { title: "METHOD" },
      { title: "PATH" },
      { title: "CALLS", align: "right" },
      { title: "FAILED", align: "right" },
      { title: "LAST SEEN" },
      { title: "NOW" },
      { title: "THEN" },
    ],
    rows: response.calls.map((call) => [
      printable(call.service),
      printable(call.principal.replace(/^spiffe:\/\//, "") || "anonymous"),
      printable(call.method ?? "-"),
      printable(call.path ?? "-"),
      String(call.count),
      String(call.failed),
      call.lastSeen ?? "-",
      wordOf(call.isAllowedNow, style),
      wordOf(call.isAllowedThen, style),
    ]),
    style,
    width,
  });
  return `${table}\n${summaryLines(response).join("\n")}\n`;
}

function wordOf(isAllowed: boolean | null, style: Style) {
  if (isAllowed === null) return "-";
  return isAllowed ? { text: "allowed", paint: style.green } : { text: "denied", paint: style.red };
}
