/**
 * The two messages of `envoy.service.ratelimit.v3`, as far as a proxy needs them: written from descriptors, and read
 * without a schema, which an idle sidecar would have in memory for nothing.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type DescriptorRule,
  passesTests,
  type RequestCaller,
} from "../../decision/filters/rate-limit-descriptor.ts";
import type { RequestView } from "../../decision/request-view.ts";

export const SHOULD_RATE_LIMIT = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

/** RateLimitResponse.Code. */
export const CODE_OVER_LIMIT = 2;

/** RateLimitRequest of one request. Used for one request after the other. */
export class LimitRequestWriter {
  #writer = new BinaryWriter();
  #count = 0;

  begin(domain: string): void {
    this.#writer = new BinaryWriter();
    this.#count = 0;
    this.#writer.tag(1, WireType.LengthDelimited).string(domain);
  }

  /** Adds the descriptor that the rule makes of the request, if it makes one. */
  add({ tests, entries }: DescriptorRule, request: RequestView, caller: RequestCaller): void {
    if (entries.length === 0 || !passesTests(tests, request)) return;
    const descriptor = new BinaryWriter();
    for (let i = 0; i < entries.length; i++) {
      const { key, value } = entries[i]!;
      const text = typeof value === "string" ? value : value(request, caller);
      if (text === undefined) return;
      descriptor.tag(1, WireType.LengthDelimited).fork();
      descriptor.tag(1, WireType.LengthDelimited).string(key);
      descriptor.tag(2, WireType.LengthDelimited).string(text);
      descriptor.join();
    }
    this.#writer.tag(2, WireType.LengthDelimited).bytes(descriptor.finish());
    this.#count += 1;
  }

  /** Undefined when the request has no descriptor: there is nothing to ask. */
  finish(): Uint8Array | undefined {
    return this.#count === 0 ? undefined : this.#writer.finish();
  }
}

/** How one limit stands. */
export interface LimitState {
  readonly requestsPerUnit: number;
  readonly windowSeconds: number;
  readonly name: string;
  readonly remaining: number;
  readonly resetSeconds: number;
}

export interface HeaderPair {
  readonly name: string;
  readonly value: string;
}

export interface LimitAnswer {
  readonly code: number;
  /** Of the descriptors that have a limit, in the order of the request's. */
  readonly states: readonly LimitState[];
  readonly responseHeaders: readonly HeaderPair[];
  readonly requestHeaders: readonly HeaderPair[];
}

/** By RateLimitResponse.RateLimit.Unit: unknown, second, minute, hour, day, month, year, week. */
const UNIT_SECONDS = [0, 1, 60, 3_600, 86_400, 2_592_000, 31_536_000, 604_800] as const;

/** RateLimitResponse. Undefined when the bytes are none. */
export function readLimitAnswer(bytes: Uint8Array): LimitAnswer | undefined {
  try {
    return readAnswer(new BinaryReader(bytes));
  } catch {
    return undefined;
  }
}

function readAnswer(reader: BinaryReader): LimitAnswer {
  let code = 0;
  const states: LimitState[] = [];
  const responseHeaders: HeaderPair[] = [];
  const requestHeaders: HeaderPair[] = [];
  readFields(reader, (field) => {
    switch (field) {
      case 1:
        code = reader.int32();
        return true;
      case 2: {
        const state = readStatus(new BinaryReader(reader.bytes()));
        if (state !== undefined) states.push(state);
        return true;
      }
      case 3:
        responseHeaders.push(readHeader(new BinaryReader(reader.bytes())));
        return true;
      case 4:
        requestHeaders.push(readHeader(new BinaryReader(reader.bytes())));
        return true;
      default:
        return false;
    }
  });
  return { code, states, responseHeaders, requestHeaders };
}

/** DescriptorStatus; undefined for one without a limit. */
function readStatus(reader: BinaryReader): LimitState | undefined {
  let limit: Pick<LimitState, "requestsPerUnit" | "windowSeconds" | "name"> | undefined;
  let remaining = 0;
  let resetSeconds = 0;
  readFields(reader, (field) => {
    switch (field) {
      case 2:
        limit = readLimit(new BinaryReader(reader.bytes()));
        return true;
      case 3:
        remaining = reader.uint32();
        return true;
      case 4:
        resetSeconds = readSeconds(new BinaryReader(reader.bytes()));
        return true;
      default:
        return false;
    }
  });
  return limit && { ...limit, remaining, resetSeconds };
}

function readLimit(
  reader: BinaryReader,
): Pick<LimitState, "requestsPerUnit" | "windowSeconds" | "name"> {
  let requestsPerUnit = 0;
  let unit = 0;
  let name = "";
  readFields(reader, (field) => {
    switch (field) {
      case 1:
        requestsPerUnit = reader.uint32();
        return true;
      case 2:
        unit = reader.int32();
        return true;
      case 3:
        name = reader.string();
        return true;
      default:
        return false;
    }
  });
  return { requestsPerUnit, windowSeconds: UNIT_SECONDS[unit] ?? 0, name };
}

/** google.protobuf.Duration, whole seconds as Envoy tells them. */
function readSeconds(reader: BinaryReader): number {
  let seconds = 0;
  readFields(reader, (field) => {
    if (field !== 1) return false;
    seconds = Number(reader.int64());
    return true;
  });
  return seconds;
}

/** HeaderValue, whose value is text or bytes. */
function readHeader(reader: BinaryReader): HeaderPair {
  let name = "";
  let value = "";
  readFields(reader, (field) => {
    switch (field) {
      case 1:
        name = reader.string();
        return true;
      case 2:
      case 3:
        value = Buffer.from(reader.bytes()).toString("latin1");
        return true;
      default:
        return false;
    }
  });
  return { name: name.toLowerCase(), value };
}

/** `read` returns whether it has taken the field. */
function readFields(reader: BinaryReader, read: (field: number) => boolean): void {
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!read(field)) reader.skip(wireType, field);
  }
}
