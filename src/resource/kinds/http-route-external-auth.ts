/** The ExternalAuth filter of an HTTPRoute, with the limits and rules of Gateway API v1. */
import { z } from "zod";
import { headerName } from "../fields.ts";
import { objectRule } from "../rule.ts";
import { PATH_PATTERN } from "./http-route-match.ts";
import { backendObjectRef } from "./route-references.ts";

const headerNames = z.array(headerName()).max(64);

export const externalAuth = objectRule(
  z.strictObject({
    protocol: z.enum(["HTTP", "GRPC"]).describe("What the authorization service speaks."),
    backendRef: backendObjectRef.describe("The authorization service."),
    grpc: z
      .strictObject({
        allowedHeaders: headerNames.optional().describe("Request fields that it is sent."),
      })
      .optional(),
    http: z
      .strictObject({
        path: z
          .string()
          .max(1024)
          .regex(PATH_PATTERN, { error: "a path of letters, digits, %XX and /._~!$&'()*+,;=:@-" })
          .optional()
          .describe("Stands before the request's own path."),
        allowedHeaders: headerNames.optional().describe("Request fields that it is sent."),
        allowedResponseHeaders: headerNames
          .optional()
          .describe("Fields of its answer that the backend is sent."),
      })
      .optional(),
    forwardBody: z
      .strictObject({
        maxSize: z
          .int()
          .min(0)
          .max(2_147_483_647)
          .optional()
          .describe(
            "Bytes of the body that it is sent, 1 MiB at most; of a longer one it gets the beginning. 0: no body.",
          ),
      })
      .optional(),
  }),
  (auth, report) => {
    for (const [protocol, member] of [
      ["HTTP", "http"],
      ["GRPC", "grpc"],
    ] as const) {
      const isSet = auth[member] !== undefined;
      if (auth["protocol"] === protocol && !isSet) {
        report({
          path: [member],
          code: "missing-field",
          message: `is missing; protocol ${protocol} needs it`,
        });
      } else if (isSet && auth["protocol"] !== protocol && auth["protocol"] !== undefined) {
        report({ path: [member], message: `belongs to protocol ${protocol}` });
      }
    }
  },
);
