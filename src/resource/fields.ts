/** Schemas of fields that several kinds share. Each `error` text says what is allowed. */
import { z } from "zod";
import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";
import { stringRule } from "./rule.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const GROUP = /^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const KIND = /^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
/** RFC 9110 section 5.6.2, token. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
/** RFC 9110 section 5.5, field-content in visible ASCII. */
const FIELD_VALUE = /^[!-~]+([\t ]?[!-~]+)*$/;

/** RFC 1123 section 2.1: a DNS label. */
export function dnsLabel() {
  return z.string().min(1).max(63).regex(LABEL, {
    error: "a DNS label: a-z, 0-9 and -, first and last a letter or digit",
  });
}

/** RFC 1035 section 2.3.1: a DNS label that begins with a letter. */
export function dnsLabel1035() {
  return z.string().min(1).max(63).regex(LABEL_1035, {
    error: "a DNS label: a-z, 0-9 and -, first a letter, last a letter or digit",
  });
}

/** RFC 1123: DNS labels joined by dots. */
export function dnsSubdomain() {
  return z.string().min(1).max(253).regex(SUBDOMAIN, {
    error: "DNS labels joined by dots: a-z, 0-9, - and .",
  });
}

/** An API group; empty for the core group. */
export function apiGroup() {
  return z.string().max(253).regex(GROUP, {
    error: "an API group like gateway.networking.k8s.io, or empty for the core group",
  });
}

export function apiKind() {
  return z.string().min(1).max(63).regex(KIND, { error: "a kind in CamelCase, like Service" });
}

/** The name of a referred object, of any kind. */
export function objectName() {
  return z.string().min(1).max(253);
}

export function portNumber() {
  return z.int().min(1).max(65535);
}

export function headerName() {
  return z.string().min(1).max(256).regex(TOKEN, {
    error: "an HTTP field name (RFC 9110 section 5.6.2): letters, digits and !#$%&'*+-.^_`|~",
  });
}

export function headerValue() {
  return z.string().min(1).max(4096).regex(FIELD_VALUE, {
    error: "visible ASCII, with single spaces or tabs between words",
  });
}

/** A Gateway API duration, optionally within bounds (both in milliseconds, both inclusive). */
export function duration(bounds: { readonly minMs?: number; readonly maxMs?: number } = {}) {
  const { minMs = 0, maxMs } = bounds;
  const schema = z.string().regex(DURATION_PATTERN, {
    error: "a duration: 1 to 4 units of up to 5 digits each, like 10s, 1m30s, 500ms",
  });
  if (minMs === 0 && maxMs === undefined) return schema;
  const range =
    maxMs === undefined
      ? `at least ${formatDuration(minMs)}`
      : `${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  return stringRule(schema, (text, report) => {
    const ms = parseDuration(text);
    if (ms === undefined || (ms >= minMs && (maxMs === undefined || ms <= maxMs))) return;
    report({ path: [], code: "invalid-value", message: `must be ${range}`, allowed: range });
  }).meta({ range });
}
