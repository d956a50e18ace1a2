/** What retries may add: no more than their part of the requests, however it fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RetryBudget } from "./retry-budget.ts";

const OPTIONS = { fraction: 0.2, concurrencyMin: 3 };

test("when everything fails, retries are a fifth of the requests and the few that are always allowed", () => {
  const budget = new RetryBudget(OPTIONS);
  let retries = 0;
  for (let i = 0; i < 10_000; i++) {
    budget.onRequest(1);
    for (let attempt = 0; attempt < 2; attempt++) if (budget.take(false)) retries += 1;
  }
  assert.ok(retries >= 1_990 && retries <= 2_003, String(retries));
});

test("a long good time is no licence for a storm", () => {
  const budget = new RetryBudget(OPTIONS);
  for (let i = 0; i < 10_000; i++) budget.onRequest(1);
  let retries = 0;
  while (budget.take(false)) retries += 1;
  assert.equal(retries, 3);
});

test("a single failure now and then is always repeated", () => {
  const budget = new RetryBudget(OPTIONS);
  for (let i = 0; i < 1_000; i++) {
    budget.onRequest(1);
    if (i % 6 === 0) assert.ok(budget.take(false), String(i));
  }
});

test("what never arrived is repeated while others are answered, and in vain only so often", () => {
  const budget = new RetryBudget(OPTIONS);
  for (let i = 0; i < 10_000; i++) {
    budget.onRequest(1);
    // One of four instances refuses connections.
    if (i % 4 === 0) assert.ok(budget.take(true), String(i));
    budget.onAnswer();
  }
  let retries = 0;
  for (let i = 0; i < 10_000; i++) if (budget.take(true)) retries += 1;
  assert.equal(retries, 100);
  budget.onAnswer();
  assert.ok(budget.take(true), "it is well again");
});

test("as many may fail at once as a part of what is under way", () => {
  const budget = new RetryBudget(OPTIONS);
  for (let i = 0; i < 10_000; i++) budget.onRequest(400);
  assert.equal(budget.left, 80);
  for (let i = 0; i < 80; i++) assert.ok(budget.take(false));
  assert.equal(budget.take(false), false);
  for (let i = 0; i < 10_000; i++) budget.onRequest(2);
  assert.equal(budget.left, 3, "what is not under way any more is not remembered");
});

test("a budget of nothing repeats nothing", () => {
  const budget = new RetryBudget({ fraction: 0, concurrencyMin: 0 });
  for (let i = 0; i < 100; i++) budget.onRequest(1);
  assert.equal(budget.take(false), false);
  assert.equal(budget.left, 0);
});
