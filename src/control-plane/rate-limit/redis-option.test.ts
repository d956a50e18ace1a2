import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { redisFrom } from "./redis-option.ts";

const SECRET = "redis://mesh:s3cret@cache.example:6380/2";
const none = { url: undefined, file: undefined, env: {} };

test("a Redis is named by an option, a file or a variable, in this order", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "redis-option-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "url");
  writeFileSync(file, `${SECRET}\n`);
  const env = { TULLE_RATE_LIMIT_REDIS: "redis://:other@elsewhere" };
  assert.equal(redisFrom(none), undefined);
  assert.equal(redisFrom({ ...none, env: { TULLE_RATE_LIMIT_REDIS: "" } }), undefined);
  assert.equal(redisFrom({ ...none, env })?.password, "other");
  assert.deepEqual(redisFrom({ ...none, file, env }), {
    ...{ host: "cache.example", port: 6380, isTls: false },
    ...{ username: "mesh", password: "s3cret", database: 2 },
  });
  assert.equal(redisFrom({ ...none, url: "redis://plain", env })?.host, "plain");
  assert.throws(() => redisFrom({ ...none, url: "redis://plain", file }), /give one of them/);
  assert.throws(() => redisFrom({ ...none, file: join(folder, "no") }), /redis-file: .*ENOENT/);
});

test("a password is refused where everybody reads it, and never told", () => {
  const messages = [
    { ...none, url: SECRET },
    { ...none, url: SECRET.replace("redis:", "http:") },
    { ...none, env: { TULLE_RATE_LIMIT_REDIS: SECRET.replace("/2", "/x") } },
  ].map((sources) => {
    try {
      redisFrom(sources);
    } catch (error) {
      return String(error);
    }
    return assert.fail("it is taken");
  });
  assert.match(messages[0] ?? "", /shows in the list of processes.*--rate-limit-redis-file/);
  for (const message of messages) assert.doesNotMatch(message, /s3cret/);
});
