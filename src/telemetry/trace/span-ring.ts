/**
 * The last spans that were not sampled, so that those of a trace that turns out to matter can still be told. Numbers
 * stand in typed arrays, texts of requests in one buffer, and names of the configuration by reference: a span costs next to
 * no allocation, keeps no request alive, and takes the place of the oldest.
 */
import { detached } from "../../core/bytes.ts";
import { TRACE_RING_SPANS, TRACE_RING_TEXT_BYTES } from "../../core/limits.ts";
import type { WorkloadLabels } from "../request-metrics.ts";
import type { SpanDraft, SpanTag } from "./span-draft.ts";
import { TextRing } from "./text-ring.ts";
import { TRACE_WORDS } from "./trace-context.ts";

/** Words of a span: its ids, then what follows. */
const STATUS = 8;
const GRPC_STATUS = 9;
const FLAG = 10;
const RESENDS = 11;
/** Kind, flags of the trace and what is true of the span. */
const BITS = 12;
/** Where its texts begin, how long host and request id are, and how long the path behind them is. */
const TEXT_AT = 13;
const SHORT_LENGTHS = 14;
const PATH_LENGTH = 15;
const WORDS = 16;

const KIND_SHIFT = 8;
const IS_MIRROR = 1 << 16;
const IS_HTTPS = 1 << 17;
const IS_TOLD = 1 << 18;

/** References of a span. */
const REFERENCES = 9;

/** The path gets what the others leave of TRACE_RING_TEXT_BYTES. */
const AUTHORITY_MAX = TRACE_RING_TEXT_BYTES >> 2;
const REQUEST_ID_MAX = TRACE_RING_TEXT_BYTES >> 3;
/** V8 copies what is cut that short: such a text keeps no other one in memory. */
const OWN_TEXT_MAX = 12;

type Reference = string | WorkloadLabels | readonly SpanTag[] | undefined;

export class SpanRing {
  readonly #words = new Int32Array(TRACE_RING_SPANS * WORDS);
  readonly #times = new Float64Array(TRACE_RING_SPANS * 2);
  /** No span's texts are longer than its share: they stand as long as it does. */
  readonly #texts = new TextRing(TRACE_RING_SPANS * TRACE_RING_TEXT_BYTES);
  readonly #references: Reference[] = new Array(TRACE_RING_SPANS * REFERENCES).fill(undefined);
  #next = 0;

  /** Takes the place of the oldest span. Texts beyond TRACE_RING_TEXT_BYTES are cut. */
  put(draft: SpanDraft): void {
    const slot = this.#next;
    this.#next = slot + 1 === TRACE_RING_SPANS ? 0 : slot + 1;
    const words = this.#words;
    const at = slot * WORDS;
    const { ids } = draft;
    // Word by word: the built-in way costs more than so few words do.
    for (let i = 0; i < STATUS; i++) words[at + i] = ids[i]!;
    words[at + STATUS] = draft.status;
    words[at + GRPC_STATUS] = draft.grpcStatus;
    words[at + FLAG] = draft.flag;
    words[at + RESENDS] = draft.resendCount;
    words[at + BITS] =
      draft.traceFlags |
      (draft.kind << KIND_SHIFT) |
      (draft.isMirror ? IS_MIRROR : 0) |
      (draft.isHttps ? IS_HTTPS : 0);
    this.#times[slot * 2] = draft.startMs;
    this.#times[slot * 2 + 1] = draft.durationMs;
    this.#putTexts(draft, at);
    const references = this.#references;
    const first = slot * REFERENCES;
    references[first] = draft.routeName;
    references[first + 1] = draft.routePath;
    references[first + 2] = draft.clusterName;
    references[first + 3] = draft.endpoint;
    references[first + 4] = draft.destination;
    references[first + 5] = draft.peerPrincipal;
    references[first + 6] = draft.httpVersion;
    references[first + 7] = draft.tags;
    const { method } = draft;
    references[first + 8] = method.length <= OWN_TEXT_MAX ? method : detached(method);
  }

  /** Calls `take` with each span of a trace that was not yet told, the oldest first. `draft` is filled for each. */
  tell(trace: Int32Array, draft: SpanDraft, take: (draft: SpanDraft) => void): void {
    for (let i = 0; i < TRACE_RING_SPANS; i++) {
      const slot = (this.#next + i) % TRACE_RING_SPANS;
      if (!this.#isOf(slot, trace)) continue;
      this.#words[slot * WORDS + BITS]! |= IS_TOLD;
      this.#read(slot, draft);
      take(draft);
    }
  }

  #isOf(slot: number, trace: Int32Array): boolean {
    const words = this.#words;
    const at = slot * WORDS;
    // The last word is the one that nearly always differs.
    for (let i = TRACE_WORDS - 1; i >= 0; i--) if (words[at + i] !== trace[i]) return false;
    return (words[at + BITS]! & IS_TOLD) === 0;
  }

  #putTexts({ authority, requestId, path }: SpanDraft, at: number): void {
    const words = this.#words;
    const host = beginningOf(authority, AUTHORITY_MAX);
    const id = beginningOf(requestId, REQUEST_ID_MAX);
    const shorts = host + id;
    const rest = beginningOf(path, TRACE_RING_TEXT_BYTES - shorts.length);
    words[at + TEXT_AT] = this.#texts.add(shorts + rest);
    words[at + SHORT_LENGTHS] = host.length | (id.length << 8);
    words[at + PATH_LENGTH] = rest.length;
  }

  #read(slot: number, draft: SpanDraft): void {
    const words = this.#words;
    const at = slot * WORDS;
    draft.ids.set(words.subarray(at, at + STATUS));
    draft.status = words[at + STATUS]!;
    draft.grpcStatus = words[at + GRPC_STATUS]!;
    draft.flag = words[at + FLAG]!;
    draft.resendCount = words[at + RESENDS]!;
    const bits = words[at + BITS]!;
    draft.traceFlags = bits & 255;
    draft.kind = (bits >> KIND_SHIFT) & 255;
    draft.isMirror = (bits & IS_MIRROR) !== 0;
    draft.isHttps = (bits & IS_HTTPS) !== 0;
    draft.startMs = this.#times[slot * 2]!;
    draft.durationMs = this.#times[slot * 2 + 1]!;
    this.#readTexts(slot, draft);
    const references = this.#references;
    const first = slot * REFERENCES;
    draft.routeName = references[first] as string;
    draft.routePath = references[first + 1] as string;
    draft.clusterName = references[first + 2] as string;
    draft.endpoint = references[first + 3] as string;
    draft.destination = references[first + 4] as WorkloadLabels | undefined;
    draft.peerPrincipal = references[first + 5] as string;
    draft.httpVersion = references[first + 6] as string;
    draft.tags = references[first + 7] as readonly SpanTag[];
    draft.method = references[first + 8] as string;
  }

  #readTexts(slot: number, draft: SpanDraft): void {
    const words = this.#words;
    const at = slot * WORDS;
    const shorts = words[at + SHORT_LENGTHS]!;
    const idStart = shorts & 255;
    const pathStart = idStart + (shorts >> 8);
    const text = this.#texts.read(words[at + TEXT_AT]!, pathStart + words[at + PATH_LENGTH]!);
    draft.authority = text.slice(0, idStart);
    draft.requestId = text.slice(idStart, pathStart);
    draft.path = text.slice(pathStart);
    draft.clientAddress = "";
    draft.userAgent = "";
    draft.details = "";
    draft.failureReason = "";
  }
}

function beginningOf(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : text.slice(0, lengthMax);
}
