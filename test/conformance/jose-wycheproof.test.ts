/**
 * Project Wycheproof's vectors for JOSE against what sidecars verify tokens with: forged, truncated, re-encoded and
 * confused signatures, weak and mixed keys. Everything called invalid must be refused. Of what is called valid, all
 * that an access token may be is accepted; shared secrets (HMAC) and encrypted tokens (JWE) are refused whatever they
 * say, and counted.
 */
import { equal, notEqual } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseCompactJws } from "../../src/decision/jwt/compact-jws.ts";
import { parseKeySet } from "../../src/decision/jwt/json-web-key-set.ts";
import { signatureFailure } from "../../src/decision/jwt/signature-check.ts";

const FOLDER = join(import.meta.dirname, "../../../shared/corpora/wycheproof");
const VECTOR_COUNT = 510;

interface Key {
  readonly kty: string;
  readonly alg?: string;
}

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws?: string | object;
  readonly jwe?: string | object;
  readonly result: "valid" | "invalid";
}

interface Group {
  readonly comment: string;
  readonly public?: Key | { readonly keys: readonly Key[] };
  readonly private?: Key | { readonly keys: readonly Key[] };
  readonly tests: readonly Vector[];
}

interface Corpus {
  readonly testGroups: readonly Group[];
}

/**
 * Vectors of RFC 7520 whose key names another algorithm than their token: PS256 for PS384, and ES521, which is none. RFC
 * 7517 section 4.4 makes the key's word hold, as the same corpus wants elsewhere (tcId 338). Without the word they verify.
 */
const MISNAMED: readonly number[] = [346, 347, 350, 351];

/** Valid vectors that are accepted; those of shared secrets or encrypted; and MISNAMED. */
const ACCEPTED_COUNT = 35;
const REFUSED_COUNT = 18;

const NAMES = ["json_web_signature", "json_web_key", "json_web_crypto"];

if (existsSync(FOLDER)) {
  for (const name of NAMES) test(`${name}: every vector is judged right`, () => judge(name));
  test(`of ${VECTOR_COUNT} vectors, those that are valid and no access token are known`, () => {
    const vectors = NAMES.flatMap((name) => read(name).testGroups.flatMap(vectorsOf));
    equal(vectors.length, VECTOR_COUNT);
    const valid = vectors.filter(({ vector }) => vector.result === "valid");
    const tokens = valid.filter(({ vector, keys }) => isToken(vector, keys));
    equal(tokens.length - MISNAMED.length, ACCEPTED_COUNT);
    equal(valid.length - tokens.length, REFUSED_COUNT);
  });
} else {
  const message = `${VECTOR_COUNT} vectors skipped: ../shared/corpora/wycheproof is not there`;
  test("Wycheproof's JOSE vectors", { skip: message }, () => undefined);
}

function judge(name: string): void {
  for (const { vector, keys, comment } of read(name).testGroups.flatMap(vectorsOf)) {
    const { tcId, result } = vector;
    const label = `${name} ${comment} ${tcId} ${vector.comment}`;
    const isMisnamed = name === "json_web_signature" && MISNAMED.includes(tcId);
    const isWanted = result === "valid" && isToken(vector, keys) && !isMisnamed;
    equal(isAccepted(vector, keys), isWanted, label);
    if (isMisnamed) equal(isAccepted(vector, keys.map(withoutAlgorithm)), true, label);
  }
}

interface JudgedVector {
  readonly vector: Vector;
  readonly keys: readonly Key[];
  readonly comment: string;
}

function vectorsOf({ comment, tests, ...group }: Group): readonly JudgedVector[] {
  const found = group.public ?? group.private!;
  const keys = "keys" in found ? found.keys : [found];
  return tests.map((vector) => ({ vector, keys, comment }));
}

/** An asymmetric signature: the rest is no access token. */
function isToken({ jws }: Vector, keys: readonly Key[]): boolean {
  return jws !== undefined && keys.every(({ kty }) => kty !== "oct");
}

function isAccepted({ jws, jwe }: Vector, keys: readonly Key[]): boolean {
  const token = jws ?? jwe;
  notEqual(token, undefined);
  const set = parseKeySet(JSON.stringify({ keys: keys.map(publicPart) }));
  if (set.kind === "error") return false;
  const parsed = parseCompactJws(typeof token === "string" ? token : JSON.stringify(token));
  return parsed.kind === "jws" && signatureFailure(parsed, set.keys) === undefined;
}

/** Some groups have a private key alone: the rest of it would be reason enough to refuse it. */
function publicPart(key: Key): object {
  const hidden = ["d", "p", "q", "dp", "dq", "qi"];
  return Object.fromEntries(Object.entries(key).filter(([name]) => !hidden.includes(name)));
}

function withoutAlgorithm({ alg: _, ...rest }: Key): Key {
  return rest;
}

function read(name: string): Corpus {
  return JSON.parse(readFileSync(join(FOLDER, `${name}_test.json`), "utf8"));
}
