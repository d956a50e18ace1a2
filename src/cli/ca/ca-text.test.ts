/** What people read about the authority: roots, who is behind, and rotations in lines and on a screen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CaResponse, RotationView } from "../../control-plane/ca-types.ts";
import { createStyle } from "../output/style.ts";
import { rotationLine, rotationText, statusText } from "./ca-text.ts";

const NOW_MS = Date.UTC(2026, 10, 26);
const DAY_MS = 86_400_000;
const options = { style: createStyle(false), width: undefined, nowMs: NOW_MS };
const at = (ms: number): string => new Date(NOW_MS + ms).toISOString();

const ROTATION: RotationView = {
  from: "aaaa",
  to: "bbbb",
  state: "running",
  startedAt: at(-5000),
  finishedAt: null,
  steps: [
    { step: "prepare", state: "done", doneAt: at(-4000) },
    { step: "distribute", state: "running", doneAt: null },
    { step: "activate", state: "waiting", doneAt: null },
    { step: "re-issue", state: "waiting", doneAt: null },
    { step: "retire", state: "waiting", doneAt: null },
  ],
  blockers: [
    { kind: "bundle", who: "shop/a", connected: false, reason: "is not connected and is late" },
  ],
};

const CERTIFICATE = {
  spiffeId: "spiffe://mesh.test/ns/shop/sa/a",
  instance: "a",
  serial: "01",
  root: "aaaa",
  notBefore: at(-DAY_MS),
  notAfter: at(DAY_MS),
  connected: false,
};

const CA: CaResponse = {
  trustDomain: "mesh.test",
  issuer: {
    kind: "built-in",
    place: null,
    notAfter: at(400 * DAY_MS),
    lastError: null,
    lastErrorAt: null,
    failures: 0,
  },
  roots: [
    {
      id: "bbbb",
      state: "active",
      notBefore: at(0),
      notAfter: at(400 * DAY_MS),
      certificates: 0,
      bundles: 1,
    },
    {
      id: "aaaa",
      state: "trusted",
      notBefore: at(0),
      notAfter: at(-DAY_MS),
      certificates: 1,
      bundles: 2,
    },
  ],
  controlPlane: { ...CERTIFICATE, root: "bbbb" },
  certificates: [CERTIFICATE],
  bundles: [
    { proxy: "shop/a", connected: false, roots: ["aaaa"] },
    { proxy: "shop/b", connected: true, roots: null },
    { proxy: "shop/c", connected: true, roots: ["aaaa", "bbbb"] },
  ],
  rotation: null,
};

test("the status names whoever is behind, and nobody else", () => {
  const text = statusText(CA, options);
  assert.match(text, /^bbbb +active +in 400d +0 +1 proxies$/m);
  assert.match(text, /^aaaa +trusted +expired +1 +2 proxies$/m);
  assert.match(text, /^a +spiffe:\/\/mesh\.test\/ns\/shop\/sa\/a +aaaa +in 24h +no$/m);
  assert.match(text, /shop\/a trusts aaaa and is not connected/);
  assert.match(text, /shop\/b has acknowledged no bundle yet$/m);
  assert.doesNotMatch(text, /shop\/c/);
});

test("an issuer outside the mesh is named, with what it failed for last", () => {
  const issuer = {
    kind: "file",
    place: "/ca/tls.crt",
    notAfter: at(DAY_MS),
    lastError: "the pair is refused",
    lastErrorAt: at(0),
    failures: 1,
  };
  const text = statusText({ ...CA, issuer }, options);
  assert.match(
    text,
    /signed by the issuer file at \/ca\/tls\.crt, with a certificate that is valid/,
  );
  assert.match(text, /^Last error, at 2026-11-26T00:00:00\.000Z: the pair is refused$/m);
});

test("a mesh in which all is well has nothing but its root", () => {
  const [active] = CA.roots;
  assert.ok(active);
  const text = statusText({ ...CA, roots: [active], certificates: [], bundles: [] }, options);
  assert.deepEqual(text.match(/^.*:$|^\S.*$/gm)?.length, 4, text);
});

test("a rotation is a line for logs, and some lines for a screen", () => {
  assert.equal(
    rotationLine(ROTATION),
    "rotation aaaa -> bbbb running: done prepare; next distribute, waits for 1: shop/a",
  );
  const many = Array.from({ length: 12 }, (_, index) => ({
    ...ROTATION.blockers[0]!,
    who: `shop/${index}`,
  }));
  assert.match(
    rotationLine({ ...ROTATION, blockers: many }),
    /waits for 12: shop\/0, shop\/1, shop\/2, …$/,
  );
  const text = rotationText({ ...ROTATION, blockers: many }, options);
  assert.match(text, /√ prepare {2}4s ago\n {2}… distribute\n {4}activate\n/);
  assert.match(text, /waits: shop\/9 is not connected and is late\n {2}and 2 more\n$/);
  const done = ROTATION.steps.map((one) => ({ ...one, state: "done" as const, doneAt: at(0) }));
  assert.equal(
    rotationLine({ ...ROTATION, state: "finished", steps: done, blockers: [] }),
    "rotation aaaa -> bbbb finished: done prepare, distribute, activate, re-issue, retire",
  );
});
