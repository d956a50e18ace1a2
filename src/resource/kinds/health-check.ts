/** Active health checks: what callers' sidecars ask each instance of a service, besides what its own sidecar reports. */
import { z } from "zod";
import { parseDuration } from "../duration.ts";
import { duration, headerName, headerValue } from "../fields.ts";
import { objectRule } from "../rule.ts";
import { PATH_PATTERN } from "./http-route-match.ts";

const HOUR_MS = 3_600_000;
/** Bytes in hexadecimal, two digits each. */
const HEX = /^([0-9a-fA-F]{2})+$/;

const statusRange = objectRule(
  z.strictObject({
    start: z.int().min(100).max(599).describe("The first status of the range."),
    end: z.int().min(100).max(599).describe("The last status of the range."),
  }),
  ({ start, end }, report) => {
    if (typeof start !== "number" || typeof end !== "number" || start <= end) return;
    report({ path: ["end"], message: `is ${end}, below start ${start}` });
  },
);

const httpCheck = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(1024)
    .regex(PATH_PATTERN, { error: "a path of letters, digits, %XX and /._~!$&'()*+,;=:@-" })
    .describe("What is asked for: /healthz."),
  host: z.string().min(1).max(253).optional().describe("Host. Default: the name of the service."),
  method: z.enum(["GET", "HEAD", "OPTIONS"]).default("GET"),
  headers: z
    .array(z.strictObject({ name: headerName(), value: headerValue() }))
    .max(16)
    .default([])
    .describe("Fields that are sent along."),
  expectedStatuses: z
    .array(statusRange)
    .min(1)
    .max(16)
    .default([{ start: 200, end: 200 }])
    .describe("Statuses of a healthy instance."),
});

const grpcCheck = z.strictObject({
  service: z
    .string()
    .max(1024)
    .default("")
    .describe("The service to ask for by grpc.health.v1.Health; empty for the whole server."),
});

const hex = () =>
  z.string().min(2).max(2048).regex(HEX, { error: "bytes in hexadecimal, like 50494e47" });

const tcpCheck = z.strictObject({
  send: hex().optional().describe("Bytes to send, in hexadecimal. Default: connecting is enough."),
  receive: z
    .array(hex())
    .max(8)
    .default([])
    .describe("Bytes that must come back, in hexadecimal, in this order."),
});

export const healthCheck = objectRule(
  z.strictObject({
    interval: duration({ minMs: 100, maxMs: HOUR_MS })
      .default("10s")
      .describe("Between two checks of an instance by one caller."),
    timeout: duration({ minMs: 10, maxMs: HOUR_MS })
      .default("1s")
      .describe("Without an answer for so long a check has failed."),
    unhealthyThreshold: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe("Failed checks in a row that take an instance out."),
    healthyThreshold: z
      .int()
      .min(1)
      .max(100)
      .default(2)
      .describe("Good checks in a row that bring it back. The first check of all counts alone."),
    jitterPercent: z
      .int()
      .min(0)
      .max(100)
      .default(20)
      .describe(
        "A random part of interval that is added to it, so that callers do not ask at once.",
      ),
    unhealthyInterval: duration({ minMs: 100, maxMs: HOUR_MS })
      .optional()
      .describe("Between two checks of an unhealthy instance. Default: interval."),
    http: httpCheck.optional().describe("An HTTP request."),
    grpc: grpcCheck.optional().describe("A call of grpc.health.v1.Health/Check."),
    tcp: tcpCheck.optional().describe("A connection."),
  }),
  (value, report) => {
    const set = ["http", "grpc", "tcp"].filter((member) => value[member] !== undefined);
    if (set.length !== 1) {
      report({
        path: set[1] === undefined ? [] : [set[1]],
        message:
          set.length === 0
            ? "says not what to ask; set http, grpc or tcp"
            : `stands beside ${set[0]}; a check is of one kind`,
        allowed: "http, grpc or tcp",
      });
    }
    const { interval, timeout } = value;
    if (typeof interval !== "string" || typeof timeout !== "string") return;
    const [intervalMs, timeoutMs] = [parseDuration(interval), parseDuration(timeout)];
    if (intervalMs === undefined || timeoutMs === undefined || timeoutMs <= intervalMs) return;
    report({ path: ["timeout"], message: `is ${timeout}, longer than interval ${interval}` });
  },
);

export type HealthCheckSettings = z.output<typeof healthCheck>;
