/**
 * What the formats of a listener's access logs ask of a response, worked out once: heads and bodies are gone when a
 * request is logged, and only what somebody asks for is remembered.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { type FormatPart, parseFormat } from "../../core/substitution-format.ts";
import { CAPTURE_NAMESPACE } from "../../telemetry/access-log/capture-names.ts";
import { parseCapture } from "../../telemetry/access-log/operators.ts";

/** What is remembered of every request. */
const KNOWN_ANYWAY: ReadonlySet<string> = new Set([":status", "x-envoy-upstream-service-time"]);

export class LogNeeds {
  /** Lower-case names of response header fields and of trailers. */
  readonly #responseFields = new Set<string>();
  readonly #trailers = new Set<string>();
  #requestBytes = 0;
  #responseBytes = 0;

  get isNothing(): boolean {
    const fields = this.#responseFields.size + this.#trailers.size;
    return fields + this.#requestBytes + this.#responseBytes === 0;
  }

  get responseFields(): ReadonlySet<string> {
    return this.#responseFields;
  }

  get trailers(): ReadonlySet<string> {
    return this.#trailers;
  }

  /** Of the beginning of bodies; 0 where nobody asks for any. */
  get requestBytes(): number {
    return this.#requestBytes;
  }

  get responseBytes(): number {
    return this.#responseBytes;
  }

  /** Whatever any of these ask for. */
  static of(all: readonly LogNeeds[]): LogNeeds {
    const sum = new LogNeeds();
    for (const needs of all) {
      for (const name of needs.#responseFields) sum.#responseFields.add(name);
      for (const name of needs.#trailers) sum.#trailers.add(name);
      sum.#requestBytes = Math.max(sum.#requestBytes, needs.#requestBytes);
      sum.#responseBytes = Math.max(sum.#responseBytes, needs.#responseBytes);
    }
    return sum;
  }

  /** What is malformed was reported by whoever compiled it. */
  addFormat(format: string): void {
    for (const part of parseFormat(format, () => {})) this.#addPart(part);
  }

  addTemplate(value: JsonValue): void {
    if (typeof value === "string") this.addFormat(value);
    else if (Array.isArray(value)) for (const item of value) this.addTemplate(item);
    else if (typeof value === "object" && value !== null) {
      for (const item of Object.values(value)) this.addTemplate(item);
    }
  }

  #addPart(part: FormatPart): void {
    if (typeof part === "string") return;
    const { name, argument = "" } = part;
    const names = argument.toLowerCase().split("?");
    if (name === "RESP") {
      for (const one of names) if (!KNOWN_ANYWAY.has(one)) this.#responseFields.add(one);
    }
    if (name === "TRAILER") for (const one of names) this.#trailers.add(one);
    const [namespace, ...keys] = argument.split(":");
    if (name !== "DYNAMIC_METADATA" || namespace !== CAPTURE_NAMESPACE) return;
    const capture = parseCapture(keys);
    if (capture?.which === "request") {
      this.#requestBytes = Math.max(this.#requestBytes, capture.bytesMax);
    } else if (capture !== undefined) {
      this.#responseBytes = Math.max(this.#responseBytes, capture.bytesMax);
    }
  }
}
