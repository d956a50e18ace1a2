import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRedisUrl } from "./redis-address.ts";
import { RedisError, RedisReplyReader } from "./redis-replies.ts";

const BYTES = Buffer.from(
  "+OK\r\n:-7\r\n$5\r\nh\u00e9!!\r\n$-1\r\n*3\r\n:1\r\n$0\r\n\r\n*0\r\n-NOSCRIPT no\r\n",
);

test("answers are read however their bytes are cut", () => {
  for (let cut = 0; cut <= BYTES.length; cut++) {
    const reader = new RedisReplyReader();
    const replies = [...reader.push(BYTES.subarray(0, cut)), ...reader.push(BYTES.subarray(cut))];
    assert.deepEqual(replies.slice(0, 5), ["OK", -7, "h\u00e9!!", null, [1, "", []]]);
    assert.ok(replies[5] instanceof RedisError && replies[5].message === "NOSCRIPT no");
    assert.equal(replies.length, 6);
  }
});

test("what is no Redis is refused", () => {
  assert.throws(() => new RedisReplyReader().push(Buffer.from("HTTP/1.1 400\r\n")), RedisError);
  const endless = Buffer.alloc(2 * 1024 * 1024, "+");
  assert.throws(() => new RedisReplyReader().push(endless), RedisError);
});

test("a URL says where Redis is, and a wrong one is told without its password", () => {
  assert.deepEqual(parseRedisUrl("rediss://me:p%40ss@[::1]:7000/3", "--x"), {
    host: "::1",
    port: 7000,
    isTls: true,
    username: "me",
    password: "p@ss",
    database: 3,
  });
  assert.equal(parseRedisUrl("redis://localhost", "--x").port, 6379);
  for (const wrong of ["localhost:6379", "http://a", "redis://:secret@", "redis://a/b"]) {
    assert.throws(
      () => parseRedisUrl(wrong, "--x"),
      (error: Error) => {
        return error.message.startsWith("--x: ") && !error.message.includes("secret");
      },
    );
  }
});
