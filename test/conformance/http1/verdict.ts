/** What our parsers make of one case of the corpus, in llhttp's terms. */
import {
  bytesOf,
  type Recorded,
  type RecordedRequest,
  recordRequests,
  recordResponse,
} from "../../support/http1-recorder.ts";
import type { CorpusCase } from "./llhttp-corpus.ts";

/** A code of the parser's error table, `data_after_close`, or "" for bytes that are accepted. */
export type Verdict = string;

/**
 * Most requests of the corpus are HTTP/1.1 without Host, which RFC 9112 section 3.2 has us refuse. They
 * are judged with a Host added, so that what they are about is what is judged.
 */
export function judge(found: CorpusCase, host: "as-is" | "added" = "added"): Verdict {
  switch (found.kind) {
    case "response":
      return recordResponse([found.input], found.skipsBody ? "HEAD" : "GET").error;
    case "url": {
      const target = found.input.toString("latin1");
      return judgeRequests(bytesOf(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`));
    }
    case "request":
      return judgeRequests(host === "added" ? withHost(found.input) : found.input);
  }
}

function judgeRequests(input: Buffer): Verdict {
  const recorded = recordRequests([input]);
  // The connection's owner closes it behind such a request; whatever follows is never read.
  const lastRead = recorded.messages.findIndex((m) => m.isComplete && !m.keepAlive);
  if (lastRead >= 0 && hasBytesBehind(recorded, lastRead)) return "data_after_close";
  const isCutInHead = recorded.error === "" && endsInHead(recorded) && input.includes("\r\n", -2);
  if (!isCutInHead) return recorded.error;
  // Fields are judged together once their section is whole; some cases end before that.
  return recordRequests([input, bytesOf("\r\n")]).error;
}

function endsInHead(recorded: Recorded<RecordedRequest>): boolean {
  return recorded.isMidMessage && recorded.messages.at(-1)?.isComplete !== false;
}

function hasBytesBehind(recorded: Recorded<unknown>, index: number): boolean {
  return index < recorded.messages.length - 1 || recorded.error !== "" || recorded.isMidMessage;
}

/** Adds Host behind each HTTP/1.1 request line whose header section has none. */
export function withHost(input: Buffer): Buffer {
  const text = input.toString("latin1");
  return bytesOf(
    text.replace(
      /^([A-Z-]+ \S+ HTTP\/1\.1\r\n)(?!(?:[^\r\n]+\r?\n)*[Hh][Oo][Ss][Tt] *:)/gm,
      "$1Host: corpus.example\r\n",
    ),
  );
}
