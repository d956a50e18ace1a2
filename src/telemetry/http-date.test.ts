/** The Date header: its form, and that it is made once a second. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpDate } from "./http-date.ts";

test("it has the form that RFC 9110 section 5.6.7 asks for", () => {
  const date = new HttpDate();
  assert.equal(date.at(Date.UTC(1994, 10, 6, 8, 49, 37)), "Sun, 06 Nov 1994 08:49:37 GMT");
  assert.equal(date.at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
});

test("it changes with the second, in either direction, and not within it", () => {
  const date = new HttpDate();
  const start = Date.UTC(2026, 0, 1, 0, 0, 1);
  const text = date.at(start);
  assert.equal(date.at(start + 999), text);
  assert.equal(date.at(start + 1_000), "Thu, 01 Jan 2026 00:00:02 GMT");
  // A clock that is set back is followed.
  assert.equal(date.at(start), text);
});
