/**
 * Reads llhttp's test corpus: Markdown files in which a heading names a case, a comment tells the
 * parser's mode, an `http` block holds the bytes and a `log` block what llhttp makes of them.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface CorpusCase {
  /** File and headings, unique in the corpus. */
  readonly name: string;
  readonly kind: "request" | "response" | "url";
  /** Part of llhttp's strictness was switched off for this case. */
  readonly isLenient: boolean;
  /** The response is judged as the answer to HEAD, or the request body as absent. */
  readonly skipsBody: boolean;
  readonly input: Buffer;
  /** Why llhttp refuses the input, or "" when it does not. */
  readonly llhttpError: string;
}

/** The cases of all files below `folder`. Sorted, so that runs agree. */
export function readCorpus(folder: string): CorpusCase[] {
  const files = globSync("**/*.md", { cwd: folder }).sort();
  const seen = new Map<string, number>();
  return files
    .flatMap((file) => casesOf(file, readFileSync(join(folder, file), "utf8")))
    .map((found) => {
      const count = (seen.get(found.name) ?? 0) + 1;
      seen.set(found.name, count);
      return count === 1 ? found : { ...found, name: `${found.name} (${count})` };
    });
}

function casesOf(file: string, text: string): CorpusCase[] {
  const cases: CorpusCase[] = [];
  const titles: string[] = [];
  let meta: Readonly<Record<string, unknown>> = {};
  let input: { readonly fence: string; readonly text: string } | undefined;
  for (const [, depth, title, json, fence, block] of text.matchAll(
    /^(#+) (.+)$|^<!-- meta=(\{.*\}) *-->$|^```(\w+)\n([\s\S]*?)^```$/gm,
  )) {
    if (depth !== undefined) {
      titles.length = depth.length - 1;
      titles[depth.length - 1] = title ?? "";
    } else if (json !== undefined) {
      meta = JSON.parse(json);
    } else if (fence === "http" || fence === "url") {
      input = { fence, text: block ?? "" };
    } else if (fence === "log" && input !== undefined) {
      const name = `${file}: ${titles.slice(1).filter(Boolean).join(" / ")}`;
      cases.push(caseOf(name, meta, input, block ?? ""));
      input = undefined;
    }
  }
  return cases;
}

function caseOf(
  name: string,
  meta: Readonly<Record<string, unknown>>,
  input: { readonly fence: string; readonly text: string },
  log: string,
): CorpusCase {
  const type = String(meta["type"] ?? "");
  return {
    name,
    kind: input.fence === "url" ? "url" : type.startsWith("response") ? "response" : "request",
    isLenient: type.includes("-lenient-"),
    skipsBody: meta["skipBody"] === true,
    input: Buffer.from(unescaped(input.text), "latin1"),
    llhttpError: errorIn(log),
  };
}

/** Blocks write line ends as such and other bytes as escapes. */
function unescaped(block: string): string {
  // Blocks are UTF-8; parsers see its bytes.
  const bytes = Buffer.from(block, "utf8").toString("latin1");
  return bytes
    .replace(/\n$/, "")
    .replace(/\\\n/g, "")
    .replace(/\n/g, "\r\n")
    .replace(/\\r/g, "\r")
    .replace(/\\n/g, "\n")
    .replace(/\\t/g, "\t")
    .replace(/\\f/g, "\f")
    .replace(/\\x([0-9a-fA-F]+)/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
}

/** Stops that the user of llhttp asked for are no errors: pauses, and the end behind an Upgrade. */
function errorIn(log: string): string {
  for (const [, code, reason] of log.matchAll(/error code=(\d+) reason="([^"]*)"/g)) {
    if (code !== "21" && code !== "22") return reason ?? "";
  }
  return "";
}
