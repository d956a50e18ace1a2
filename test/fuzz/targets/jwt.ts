/**
 * Tokens and key sets of strangers. A token is never accepted unless it is one that was signed, whatever bytes come;
 * JSON is read as the language reads it where both accept it; base64url has one spelling.
 */
import { deepEqual } from "node:assert/strict";
import { isMetadataMap, type MetadataValue } from "../../../src/decision/dynamic-metadata.ts";
import { decodeBase64url } from "../../../src/decision/jwt/base64url.ts";
import { parseCompactJws } from "../../../src/decision/jwt/compact-jws.ts";
import { parseKeySet } from "../../../src/decision/jwt/json-web-key-set.ts";
import { publicKeySet } from "../../../src/decision/jwt/public-key-set.ts";
import { parseStrictJson } from "../../../src/decision/jwt/strict-json.ts";
import { TokenVerifier } from "../../../src/decision/jwt/token-verifier.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";

const NOW_MS = 1_800_000_000_000;

/** A key and a token of it, made once and for all: no other token of this key is known to anybody. */
const KEYS =
  '{"keys":[{"kty":"EC","crv":"P-256","kid":"a","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}';
/** RFC 7515 appendix A.3: signed by that key, without `kid`. */
const TOKEN =
  "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

const set = parseKeySet(KEYS);
const verifier = new TokenVerifier({
  ...{ issuer: "", audiences: [], subjects: undefined, requiresExpiry: false, lifetimeMsMax: 0 },
  ...{ skewMs: NOW_MS, keys: set.kind === "keys" ? set.keys : [], cacheSizeMax: 0 },
  output: {
    ...{ payloadKey: "payload", headerKey: "header", spacedClaims: ["scope"] },
    ...{ payloadField: undefined, claimFields: [] },
  },
});

function fuzzToken(data: Buffer): void {
  const text = data.toString("latin1");
  const result = verifier.verify(text, NOW_MS, undefined);
  if (result.kind === "token") must(isSigned(text), "only what was signed is accepted");
  const parsed = parseCompactJws(text);
  if (parsed.kind === "failure") return;
  const { signedText, signature, payload, payloadText } = parsed;
  const again = `${signedText}.${signature.toString("base64url")}`;
  must(again === text, "a token has one spelling");
  must(payload.toString("base64url") === payloadText, "a payload has one spelling");
}

/** The signature of ECDSA has a twin (n − S), which everybody can make: it says the same. */
function isSigned(text: string): boolean {
  return text.slice(0, text.lastIndexOf(".")) === TOKEN.slice(0, TOKEN.lastIndexOf("."));
}

function fuzzKeySet(data: Buffer): void {
  const text = data.toString("utf8");
  const found = parseKeySet(data);
  const passed = publicKeySet(data);
  must(passed.keyCount === (found.kind === "keys" ? found.keys.length : 0), "all keys go on");
  must(!/"(?:d|p|q|dp|dq|qi|k)":/.test(passed.document), "nothing secret goes on");
  if (passed.keyCount > 0) {
    must(publicKeySet(passed.document).document === passed.document, "what goes on stays");
  }
  const strict = parseStrictJson(text);
  if (strict === undefined) return;
  deepEqual(plain(strict), JSON.parse(text));
  const bytes = decodeBase64url(text);
  if (bytes !== undefined) must(bytes.toString("base64url") === text, "one spelling");
}

function plain(value: MetadataValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isMetadataMap(value)) return value;
  const entries = [...value].map(([name, inner]) => [name, plain(inner)] as const);
  const object: Record<string, unknown> = {};
  for (const [name, inner] of entries) {
    Object.defineProperty(object, name, {
      ...{ value: inner, enumerable: true, writable: true, configurable: true },
    });
  }
  return object;
}

function bytes(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

export const jwt: FuzzTarget = {
  name: "jwt",
  fuzz: fuzzToken,
  seeds: () => [
    bytes(TOKEN),
    bytes(`${TOKEN}=`),
    bytes("eyJhbGciOiJub25lIn0.e30."),
    bytes("eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.e30.AAAA"),
    bytes("e30.e30.e30.e30.e30"),
  ],
  inputBytesMax: 1_024,
};

export const jwks: FuzzTarget = {
  name: "jwks",
  fuzz: fuzzKeySet,
  seeds: () => [
    bytes(KEYS),
    bytes('{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"},{"kty":"oct","k":"AA"}]}'),
    bytes(
      '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
    ),
    bytes('{"a":[1,-0.5e+3,true,null,"\\u00e4\\n\\ud83d\\ude00",{}],"a b":"","__proto__":{"x":1}}'),
    bytes("[[[[[[[[]]]]]]]]"),
  ],
  inputBytesMax: 2_048,
};
