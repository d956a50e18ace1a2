/**
 * Structured log lines on standard error: JSON for machines, text for a terminal. Building a line
 * costs nothing when its level is off. Never pass secrets in `fields`.
 */
import type { Clock } from "./clock.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "off"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  readonly debugEnabled: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry `component` too. It shares the level. */
  child(component: string): Logger;
}

export interface LogSink {
  write(line: string): void;
}

/** The level that a root logger and its children share; changing it takes effect at once. */
export interface LogThreshold {
  level: LogLevel;
}

export interface LoggerOptions {
  readonly clock: Clock;
  readonly sink: LogSink;
  readonly threshold: LogThreshold;
  readonly format: "json" | "text";
}

export function createLogger(options: LoggerOptions, component = "tulle"): Logger {
  const isEnabled = (level: LogLevel): boolean =>
    LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(options.threshold.level);
  const emit = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (!isEnabled(level)) return;
    const time = new Date(options.clock.nowMs()).toISOString();
    const line =
      options.format === "json"
        ? JSON.stringify({ time, level, component, message, ...fields }, replaceUnprintable)
        : `${time} ${level.padEnd(5)} ${component}: ${oneLine(message)}${textFields(fields)}`;
    options.sink.write(`${line}\n`);
  };
  return {
    get debugEnabled() {
      return isEnabled("debug");
    },
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    child: (name) => createLogger(options, name),
  };
}

/** Drops every line. For tests and tools. */
export const silentLogger: Logger = {
  debugEnabled: false,
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

// What peers send gets into messages: it must not forge lines or steer a terminal.
const CONTROL = /[\p{Cc}\u2028\u2029]/gu;

function oneLine(text: string): string {
  return text.replace(CONTROL, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function textFields(fields: LogFields): string {
  const parts = Object.entries(fields).map(([key, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, replaceUnprintable);
    return oneLine(`${key}=${/[\s"=]/.test(text ?? "") ? JSON.stringify(text) : text}`);
  });
  return parts.length === 0 ? "" : ` ${parts.join(" ")}`;
}

function replaceUnprintable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? value.message : value;
}
