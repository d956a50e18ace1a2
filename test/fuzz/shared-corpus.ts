/** Seeds from the corpora beside the checkout. Without them fuzzing begins with the stored corpus alone. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readCorpus } from "../conformance/http1/llhttp-corpus.ts";

const FOLDER = join(import.meta.dirname, "../../../shared/corpora");

/** Messages of llhttp's tests. */
export function llhttpMessages(kind: "request" | "response"): readonly Buffer[] {
  const folder = join(FOLDER, "llhttp");
  if (!existsSync(folder)) return [];
  return readCorpus(folder)
    .filter((found) => found.kind === kind)
    .map(({ input }) => Buffer.from(input));
}

/** Frames of http2-frame-test-case. */
export function frameVectors(): readonly Buffer[] {
  return jsonFiles("http2-frames", "*/*.json").map((vector) =>
    Buffer.from((vector as { readonly wire: string }).wire, "hex"),
  );
}

/** Header blocks of hpack-test-case, each by itself. */
export function hpackBlocks(): readonly Buffer[] {
  return jsonFiles("hpack", "*/story_0[0-4].json").flatMap((story) =>
    (story as { readonly cases: readonly { readonly wire: string }[] }).cases
      .slice(0, 8)
      .map(({ wire }) => Buffer.from(wire, "hex")),
  );
}

function jsonFiles(folder: string, pattern: string): readonly unknown[] {
  const cwd = join(FOLDER, folder);
  if (!existsSync(cwd)) return [];
  return globSync(pattern, { cwd })
    .sort()
    .map((name) => JSON.parse(readFileSync(join(cwd, name), "utf8")) as unknown);
}
