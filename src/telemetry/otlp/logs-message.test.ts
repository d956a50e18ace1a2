/** Log records of OTLP, read back with the published schema. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { SAMPLE_ENTRY } from "../../../test/support/access-log-sample.ts";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { valueFormat } from "../access-log/line-format.ts";
import type { AccessLogEntry } from "../access-log/log-entry.ts";
import { FLAG } from "../response-flag.ts";
import { LogsMessage, RecordFormat } from "./logs-message.ts";

const SURROUNDINGS = { environment: {}, hostname: "" };

function formatOf(attributes: Readonly<Record<string, string>>): RecordFormat {
  return new RecordFormat(
    Object.entries(attributes).map(([name, format]) => ({
      name,
      read: valueFormat(format, SURROUNDINGS, (message) => assert.fail(message)),
    })),
    undefined,
  );
}

function told(attributes: Readonly<Record<string, string>>, entries: readonly AccessLogEntry[]) {
  const message = new LogsMessage({ "service.name": "cart" }, { name: "tulle", version: "1" });
  const format = formatOf(attributes);
  for (const entry of entries) message.add(entry, format);
  assert.equal(message.count, entries.length);
  const request = fromBinary(ExportLogsServiceRequestSchema, message.take());
  assert.equal(message.count, 0);
  const [resourceLogs] = request.resourceLogs;
  assert.equal(resourceLogs?.resource?.attributes[0]?.key, "service.name");
  assert.equal(resourceLogs?.scopeLogs[0]?.scope?.name, "tulle");
  return (resourceLogs?.scopeLogs[0]?.logRecords ?? []).map((record) => ({
    record,
    attributes: Object.fromEntries(
      record.attributes.map(({ key, value }) => [key, value?.value.value]),
    ),
  }));
}

test("values keep their types, what is missing is left out", () => {
  const [one] = told(
    { code: "%RESPONSE_CODE%", path: "%PATH%", none: "%REQ(X)%", flags: "%RESPONSE_FLAGS%" },
    [SAMPLE_ENTRY],
  );
  assert.deepEqual(one?.attributes, { code: 200n, path: "/products?page=2" });
  assert.equal(one?.record.timeUnixNano, BigInt(SAMPLE_ENTRY.startTimeMs) * 1_000_000n);
  assert.equal(Buffer.from(one?.record.traceId ?? []).toString("hex"), SAMPLE_ENTRY.traceId);
  assert.equal(Buffer.from(one?.record.spanId ?? []).toString("hex"), SAMPLE_ENTRY.spanId);
  assert.equal(one?.record.severityNumber, 9);
});

test("text in any language, and long texts, arrive whole", () => {
  const wire = Buffer.from("café ☕".repeat(500)).toString("latin1");
  const [one] = told({ text: "%REQ(X)%" }, [{ ...SAMPLE_ENTRY, requestHeader: () => wire }]);
  assert.equal(one?.attributes["text"], "café ☕".repeat(500));
});

test("denials and refused tokens are security events, with policy, rule and condition", () => {
  const denied: AccessLogEntry = {
    ...SAMPLE_ENTRY,
    responseCode: 403,
    flag: FLAG.UAEX,
    responseCodeDetails: "rbac_access_denied_matched_policy[ns[shop]-policy[readers]-rule[2]]",
    upstreamFailureReason: "the method POST is not GET",
  };
  const none = {
    ...denied,
    responseCodeDetails: "rbac_access_denied_matched_policy[none]",
    upstreamFailureReason: undefined,
  };
  const token = {
    ...denied,
    responseCode: 401,
    responseCodeDetails: "jwt_authn_access_denied{Jwt_is_expired}",
    upstreamFailureReason: undefined,
  };
  const tcp = {
    ...denied,
    method: undefined,
    responseCodeDetails: undefined,
    connectionTerminationDetails: denied.responseCodeDetails,
  };
  const records = told({ "event.name": "mesh.access" }, [SAMPLE_ENTRY, denied, none, token, tcp]);
  assert.deepEqual(
    records.map(({ record, attributes }) => [record.eventName, attributes]),
    [
      ["mesh.access", {}],
      [
        "mesh.security",
        {
          "mesh.policy": "shop/readers",
          "mesh.policy.rule": "2",
          "mesh.policy.reason": "the method POST is not GET",
        },
      ],
      ["mesh.security", { "mesh.policy.reason": "rbac access denied matched policy[none]" }],
      ["mesh.security", { "mesh.policy.reason": "Jwt is expired" }],
      [
        "mesh.security",
        {
          "mesh.policy": "shop/readers",
          "mesh.policy.rule": "2",
          "mesh.policy.reason": "the method POST is not GET",
        },
      ],
    ],
  );
  assert.deepEqual(
    records.map(({ record }) => record.severityNumber),
    [9, 17, 17, 17, 17],
  );
});
