/**
 * The llhttp corpus judged by our parsers. What llhttp accepts only in a lenient mode must be refused;
 * otherwise the verdicts agree, or `llhttp-differences.json` says why they do not.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { recordRequests, recordResponse, singleBytes } from "../../support/http1-recorder.ts";
import { type CorpusCase, readCorpus } from "./llhttp-corpus.ts";
import { judge, withHost } from "./verdict.ts";

const CORPUS = join(import.meta.dirname, "../../../../shared/corpora/llhttp");
/** What the corpus holds, to tell how much is skipped without it and that none is overlooked. */
const CASE_COUNT = 272;
const LENIENT_COUNT = 37;

interface Difference {
  readonly name: string;
  /** Our error code, or "accepts". */
  readonly ours: string;
  readonly reason: string;
}

const differences: readonly Difference[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "llhttp-differences.json"), "utf8"),
);

/** The cases, or undefined after telling that they are not there. */
function corpusOrSkip(t: TestContext): readonly CorpusCase[] | undefined {
  if (existsSync(CORPUS)) return readCorpus(CORPUS);
  const message = `${CASE_COUNT} cases skipped: ../shared/corpora/llhttp is not there`;
  console.log(message);
  t.skip(message);
  return undefined;
}

describe("llhttp corpus", () => {
  it("is read whole", (t) => {
    const cases = corpusOrSkip(t);
    if (cases === undefined) return;
    assert.equal(cases.length, CASE_COUNT);
    assert.equal(cases.filter((found) => found.isLenient).length, LENIENT_COUNT);
    assert.equal(new Set(cases.map((found) => found.name)).size, CASE_COUNT);
  });

  it("is refused in every lenient case", (t) => {
    const lenient = corpusOrSkip(t)?.filter((found) => found.isLenient) ?? [];
    for (const found of lenient) assert.notEqual(judge(found), "", found.name);
  });

  it("is judged as llhttp does in its strict mode, but for explained differences", (t) => {
    const cases = corpusOrSkip(t);
    if (cases === undefined) return;
    const found = cases
      .filter((one) => !one.isLenient)
      .map((one) => ({ one, verdict: judge(one) }))
      .filter(({ one, verdict }) => (verdict === "") !== (one.llhttpError === ""))
      .map(({ one, verdict }) => ({ name: one.name, ours: verdict === "" ? "accepts" : verdict }));
    assert.deepEqual(
      found,
      differences.map(({ name, ours }) => ({ name, ours })),
    );
  });

  it("has HTTP/1.1 requests without Host, which are refused as they are (RFC 9112 section 3.2)", (t) => {
    const cases = corpusOrSkip(t)?.filter((found) => found.kind === "request") ?? [];
    const hostless = cases.filter(
      (one) => one.input.includes("\r\n\r\n") && withHost(one.input).length > one.input.length,
    );
    assert.ok(cases.length === 0 || hostless.length > 50);
    for (const one of hostless) assert.notEqual(judge(one, "as-is"), "", one.name);
  });
});

describe("llhttp corpus, byte by byte", () => {
  it("gives the same messages and errors", (t) => {
    for (const { kind, input, name } of corpusOrSkip(t) ?? []) {
      const record = kind === "response" ? recordResponse : recordRequests;
      assert.deepEqual(record(singleBytes(input)), record([input]), name);
    }
  });
});

describe("llhttp differences", () => {
  it("each have a reason that cites a rule", () => {
    for (const { name, reason } of differences) {
      assert.match(reason, /RFC \d+ section|\(T\d+\)|llhttp|HTTP\/1/, name);
    }
  });
});
