import assert from "node:assert/strict";
import { test } from "node:test";
import { openFilesMax, parseOpenFiles } from "./open-files.ts";

test("the soft limit of open files, whatever the system says of others", () => {
  const limits = [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max cpu time              unlimited            unlimited            seconds   ",
    "Max open files            1024                 4096                 files     ",
  ].join("\n");
  assert.equal(parseOpenFiles(limits), 1_024);
  assert.equal(parseOpenFiles(limits.replace("1024 ", "unlimited")), Number.POSITIVE_INFINITY);
  assert.equal(parseOpenFiles(""), Number.POSITIVE_INFINITY);
  assert.ok(openFilesMax() > 64);
});
