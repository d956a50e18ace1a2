/** What access logs never tell: credentials in header fields, in queries and in captured bodies. */

export const REDACTED = "[redacted]";

/** Lower case. Fields that carry credentials wherever they are used. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  ...["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"],
  ...[
    "apikey",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-session-token",
  ],
  ...[
    "x-amz-security-token",
    "x-goog-iap-jwt-assertion",
    "x-vault-token",
    "x-ms-token-aad-access-token",
  ],
  ...["authentication-info", "proxy-authentication-info", "www-authenticate", "proxy-authenticate"],
]);
/** Fields that hold URLs. */
const URL_HEADERS: ReadonlySet<string> = new Set([
  ...["referer", "location", "content-location", "x-envoy-original-path", "x-original-url"],
]);
/** Lower case. Parameters of queries and forms, fields of JSON. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  ...["access_token", "accesstoken", "id_token", "refresh_token", "token", "auth", "auth_token"],
  ...["jwt", "assertion", "client_assertion", "client_secret", "secret", "code", "code_verifier"],
  ...["api_key", "apikey", "api-key", "key", "password", "passwd", "pwd", "passphrase", "pin"],
  ...["sig", "signature", "x-amz-signature", "x-amz-credential", "x-amz-security-token"],
  ...["x-goog-signature", "x-goog-credential", "session", "session_id", "sessionid", "sid", "otp"],
]);
/** The longest of them, to compare nothing that is longer. */
const SECRET_NAME_LENGTH_MAX = 24;

export function isSecretHeader(lowerName: string): boolean {
  return SECRET_HEADERS.has(lowerName);
}

export function holdsUrl(lowerName: string): boolean {
  return URL_HEADERS.has(lowerName);
}

export function isSecretName(name: string): boolean {
  return name.length <= SECRET_NAME_LENGTH_MAX && SECRET_NAMES.has(name.toLowerCase());
}

/** A target or URL whose parameters with secrets lost their values. The same text where there are none. */
export function withoutSecrets(url: string): string {
  const question = url.indexOf("?");
  if (question < 0) return url;
  let result = "";
  let kept = 0;
  let at = question + 1;
  while (at < url.length) {
    let end = url.indexOf("&", at);
    if (end < 0) end = url.length;
    const equals = url.indexOf("=", at);
    if (equals >= 0 && equals < end && isSecretName(decodedName(url.slice(at, equals)))) {
      result += url.slice(kept, equals + 1) + REDACTED;
      kept = end;
    }
    at = end + 1;
  }
  return kept === 0 ? url : result + url.slice(kept);
}

/** `access%5Ftoken` is `access_token` to whoever reads it. */
function decodedName(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Removes values of fields from the beginning of a JSON or form body. */
export class BodyRedaction {
  readonly #json: RegExp;
  readonly #form: RegExp;

  /** `fields`: names beside those that are always removed. */
  constructor(fields: readonly string[]) {
    const names = [...SECRET_NAMES, ...fields]
      .map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join("|");
    // A value that the end of the captured part has cut off is one, too.
    this.#json = new RegExp(
      `("(?:${names})"\\s*:\\s*)(?:"(?:[^"\\\\]|\\\\.)*(?:"|\\\\?$)|[^\\s",\\]}]+)`,
      "gi",
    );
    this.#form = new RegExp(`((?:^|[&\\s])(?:${names})=)[^&\\s]+`, "gi");
  }

  of(body: string): string {
    return body.replace(this.#json, `$1"${REDACTED}"`).replace(this.#form, `$1${REDACTED}`);
  }
}
