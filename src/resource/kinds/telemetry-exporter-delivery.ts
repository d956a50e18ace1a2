/** How a TelemetryExporter delivers: who it is, TLS, batches, what waits where and for how long. The same for all targets. */
import { z } from "zod";
import { duration, headerName, headerValue } from "../fields.ts";
import { objectRule } from "../rule.ts";

const MIB = 1024 * 1024;
/** Fields that hold secrets wherever they are seen: never in an object that every viewer can read. */
const SECRET_NAME = /^(?:authorization|proxy-authorization|cookie|.*(?:api-?key|token|secret).*)$/i;

const path = () =>
  z
    .string()
    .max(4096)
    .regex(/^\/\S+$/, { error: "an absolute path" });

const header = objectRule(
  z.strictObject({
    name: headerName().describe("The field."),
    value: headerValue().optional().describe("Its value, for what is no secret."),
    valueFile: path().optional().describe("A file with its value."),
  }),
  (value, report) => {
    const { name, value: text, valueFile } = value;
    if ((text === undefined) === (valueFile === undefined)) {
      report({ path: [], message: "has exactly one of value and valueFile" });
    }
    if (text !== undefined && typeof name === "string" && SECRET_NAME.test(name)) {
      report({
        path: ["value"],
        message: "would show a secret: write it to a file and name that as valueFile",
      });
    }
  },
);

const authentication = objectRule(
  z.strictObject({
    basic: z
      .strictObject({
        username: z
          .string()
          .min(1)
          .max(256)
          .regex(/^[^:]+$/, { error: "no colon (RFC 7617)" })
          .describe("The user."),
        passwordFile: path().describe("A file with the password."),
      })
      .optional()
      .describe("Basic authentication; for forward the user of its security section."),
    bearerTokenFile: path().optional().describe("A file with a token."),
    apiKey: z
      .strictObject({
        file: path().describe("A file with the key."),
        header: headerName()
          .optional()
          .describe("The field for it. Default: Authorization: ApiKey, as Elasticsearch has it."),
      })
      .optional()
      .describe("An API key."),
    headers: z.array(header).max(32).default([]).describe("Fields of every request."),
  }),
  (value, report) => {
    const given = ["basic", "bearerTokenFile", "apiKey"].filter((key) => value[key] !== undefined);
    for (const key of given.slice(1)) {
      report({ path: [key], message: `must not stand beside ${given[0]}` });
    }
  },
);

const tls = objectRule(
  z.strictObject({
    caFile: path()
      .optional()
      .describe("Who may have signed its certificate, in PEM. Default: the system's authorities."),
    certificateFile: path().optional().describe("Our own certificate for it, in PEM."),
    keyFile: path().optional().describe("The key of that."),
    serverName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe("The name in its certificate, where that is not the host of its address."),
  }),
  (value, report) => {
    const { certificateFile, keyFile } = value;
    if ((certificateFile === undefined) === (keyFile === undefined)) return;
    const [has, lacks] =
      keyFile === undefined ? ["certificateFile", "keyFile"] : ["keyFile", "certificateFile"];
    report({ path: [has], message: `needs ${lacks} beside it` });
  },
);

const batch = z.strictObject({
  maxRecords: z.int().min(1).max(10_000).default(512).describe("Records that are sent at once."),
  maxBytes: z
    .int()
    .min(1024)
    .max(16 * MIB)
    .default(MIB)
    .describe("Bytes that are sent at once, before compression."),
  delay: duration({ minMs: 0, maxMs: 60_000 })
    .default("1s")
    .describe("How long a record waits for others to go with it."),
});

const buffer = z.strictObject({
  memoryBytes: z
    .int()
    .min(65_536)
    .max(1024 * MIB)
    .default(16 * MIB)
    .describe(
      "Encoded records that may wait in memory, for each signal. What comes then is dropped and counted.",
    ),
  diskBytes: z
    .int()
    .min(MIB)
    .max(1024 * 1024 * MIB)
    .optional()
    .describe(
      "Instead of memory: records wait in files of the control plane's state folder and outlive its restart, up to so many bytes for each signal.",
    ),
});

const retry = z.strictObject({
  initialDelay: duration({ minMs: 10, maxMs: 60_000 })
    .default("500ms")
    .describe("Before a batch is tried for the second time. Doubled each time, with jitter."),
  maxDelay: duration({ minMs: 100, maxMs: 600_000 })
    .default("30s")
    .describe("No delay is longer, but for what the other side asks for (Retry-After)."),
});

export const exporterDelivery = {
  authentication: authentication
    .optional()
    .describe("Who we are. Secrets are in files, never here."),
  tls: tls.optional().describe("For https and transport Tls. Default: the system's authorities."),
  compression: z
    .enum(["Gzip", "None"])
    .default("Gzip")
    .describe("Of what is sent. Syslog and files are never compressed on the way."),
  timeout: duration({ minMs: 100, maxMs: 300_000 })
    .default("10s")
    .describe("How long an answer is waited for."),
  batch: batch.prefault({}).describe("What is sent at once."),
  buffer: buffer.prefault({}).describe("What waits while the other side is slow or away."),
  retry: retry
    .prefault({})
    .describe("When it is tried again. A batch is tried until it is taken or refused."),
};
