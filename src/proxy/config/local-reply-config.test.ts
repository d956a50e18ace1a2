/** What answers of the proxy's own get, by their response flag. The oracle holds the same against a real Envoy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { LocalReplyConfigSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { HeaderBlock } from "../../http/header-block.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import { compileLocalReplies, type LocalReplyHeaders } from "./local-reply-config.ts";

function mapper(flags: readonly string[], headers: Readonly<Record<string, string>>): JsonObject {
  return {
    filter: { response_flag_filter: { flags: [...flags] } },
    headers_to_add: Object.entries(headers).map(([key, value]) => ({ header: { key, value } })),
  };
}

function compile(mappers: readonly JsonObject[]): {
  readonly replies: LocalReplyHeaders;
  readonly errors: readonly string[];
} {
  const errors: FieldError[] = [];
  const config = fromJson(LocalReplyConfigSchema, { mappers: [...mappers] });
  const replies = compileLocalReplies(config, "replies", errors);
  return { replies, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function added(replies: LocalReplyHeaders, flag: number, routeName: string): unknown {
  const headers = new HeaderBlock();
  replies.addTo(headers, flag, routeName);
  const names = ["x-flags", "x-cause", "x-mark"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

test("the first mapper that fits acts; without flags it fits every answer that has one", () => {
  const { replies, errors } = compile([
    mapper(["UF", "UH"], { "x-mark": "1", "x-flags": "%RESPONSE_FLAGS%" }),
    mapper(["UF"], { "x-mark": "never" }),
    mapper([], { "x-flags": "flag %RESPONSE_FLAGS%", "x-cause": "%ROUTE_NAME%" }),
  ]);
  assert.deepEqual(errors, []);
  assert.deepEqual(added(replies, FLAG.UF, "a"), { "x-mark": "1", "x-flags": "UF" });
  assert.deepEqual(added(replies, FLAG.UH, "a"), { "x-mark": "1", "x-flags": "UH" });
  assert.deepEqual(added(replies, FLAG.UO, "a"), { "x-flags": "flag UO", "x-cause": "a" });
  assert.deepEqual(added(replies, FLAG.none, "a"), {});
});

test("what is not known is left out", () => {
  const { replies } = compile([mapper([], { "x-cause": "%ROUTE_NAME%" })]);
  assert.deepEqual(added(replies, FLAG.NR, ""), {});
});

test("what cannot be meant is refused at its path", () => {
  const { errors } = compile([
    mapper(["XX"], { "x-flags": "%NO_SUCH%" }),
    { headers_to_add: [{ header: { key: "a b", value: "%ROUTE_NAME%" } }] },
  ]);
  assert.equal(errors.length, 4);
  assert.match(errors[0] ?? "", /^replies\.mappers\[0\]\.headers_to_add\[0\]\.header\.value: /);
  assert.match(
    errors[1] ?? "",
    /^replies\.mappers\[0\]\.filter\.response_flag_filter\.flags\[0\]: "XX" is not/,
  );
  assert.match(errors[2] ?? "", /^replies\.mappers\[1\]\.headers_to_add\[0\]\.header\.key: /);
  assert.match(errors[3] ?? "", /^replies\.mappers\[1\]\.filter: a response_flag_filter is /);
});
