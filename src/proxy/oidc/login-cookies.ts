/**
 * The cookies of logins: `__Host-`, so that no other host and no page without TLS can set or read them; HttpOnly, so that no
 * script can. What they hold is sealed. A session that is longer than a cookie may be is cut in pieces.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  type PendingLogin,
  readPendingLogin,
  readSession,
  type Session,
} from "../../decision/oidc/records.ts";
import { cookieValue } from "../../http/cookie.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { SEAL_IV_BYTES, seal, unseal } from "./sealed-text.ts";

const SET_COOKIE = new HeaderName("set-cookie");
const COOKIE = new HeaderName("cookie");
const ATTRIBUTES = "; Path=/; Secure; HttpOnly; SameSite=Lax";
/** RFC 6265 section 6.1: 4096 bytes with name and attributes. */
const PIECE_LENGTH = 3_800;
/** More would not fit into the head of a request beside other cookies. */
const PIECES_MAX = 6;
/** How long a browser may be with the provider. */
export const LOGIN_MS_MAX = 600_000;
/** Logins that may be under way in one browser. */
const PENDING_MAX = 8;
/** State in the name, so that logins in several windows do not meet. */
const STATE_PREFIX_LENGTH = 8;

export class LoginCookies {
  readonly #key: Buffer;
  readonly #session: string;
  readonly #login: string;

  /** `policy` names the cookies, without saying its name to strangers. */
  constructor(policy: string, key: Buffer) {
    const id = createHash("sha256").update(policy).digest("hex").slice(0, 8);
    this.#key = key;
    this.#session = `__Host-tulle-session-${id}`;
    this.#login = `__Host-tulle-login-${id}`;
  }

  /** Undefined without one, and for one that nobody here has made. */
  session(cookies: readonly string[]): Session | undefined {
    const first = cookieValue(cookies, `${this.#session}-0`);
    const dot = first.indexOf(".");
    const count = Number(first.slice(0, Math.max(0, dot)));
    if (!Number.isInteger(count) || count < 1 || count > PIECES_MAX) return undefined;
    let sealed = first.slice(dot + 1);
    for (let i = 1; i < count; i++) {
      const piece = cookieValue(cookies, `${this.#session}-${i}`);
      if (piece === "") return undefined;
      sealed += piece;
    }
    return readSession(unseal(this.#key, "session", sealed));
  }

  /** False when it is too long for cookies. */
  setSession(session: Session, headers: HeaderBlock): boolean {
    const sealed = this.#seal("session", JSON.stringify(session));
    const count = Math.ceil(sealed.length / PIECE_LENGTH);
    if (count > PIECES_MAX) return false;
    for (let i = 0; i < count; i++) {
      const piece = sealed.slice(i * PIECE_LENGTH, (i + 1) * PIECE_LENGTH);
      const value = i === 0 ? `${count}.${piece}` : piece;
      setCookie(headers, `${this.#session}-${i}`, value, undefined);
    }
    return true;
  }

  /** Takes away all that are there. */
  clearSession(cookies: readonly string[], headers: HeaderBlock): void {
    for (let i = 0; i < PIECES_MAX; i++) {
      const name = `${this.#session}-${i}`;
      if (cookieValue(cookies, name) !== "") setCookie(headers, name, "", 0);
    }
  }

  pending(cookies: readonly string[], state: string): PendingLogin | undefined {
    const sealed = cookieValue(cookies, this.#loginName(state));
    return sealed === "" ? undefined : readPendingLogin(unseal(this.#key, "login", sealed));
  }

  setPending(login: PendingLogin, headers: HeaderBlock): void {
    const sealed = this.#seal("login", JSON.stringify(login));
    setCookie(headers, this.#loginName(login.state), sealed, LOGIN_MS_MAX / 1000);
  }

  /** Of many logins that nobody has finished, none is worth what they take in every request. */
  clearPendingOverflow(cookies: readonly string[], headers: HeaderBlock): void {
    const names = cookies
      .flatMap((value) => value.split(";"))
      .map((pair) => pair.trim().split("=", 1)[0] ?? "")
      .filter((name) => name.startsWith(this.#login));
    if (names.length < PENDING_MAX) return;
    for (const name of names) if (/^[\w-]+$/.test(name)) setCookie(headers, name, "", 0);
  }

  clearPending(state: string, headers: HeaderBlock): void {
    setCookie(headers, this.#loginName(state), "", 0);
  }

  /** Apps have no use for these cookies, and could be made to tell them. */
  hideFrom(headers: HeaderBlock, cookies: readonly string[]): void {
    if (!cookies.some((value) => value.includes(this.#session) || value.includes(this.#login))) {
      return;
    }
    const others = cookies
      .flatMap((value) => value.split(";"))
      .map((pair) => pair.trim())
      .filter((pair) => !pair.startsWith(this.#session) && !pair.startsWith(this.#login));
    headers.remove(COOKIE);
    if (others.length > 0) headers.add(new HeaderField(COOKIE, others.join("; ")));
  }

  #seal(purpose: string, text: string): string {
    return seal(this.#key, purpose, text, randomBytes(SEAL_IV_BYTES));
  }

  #loginName(state: string): string {
    return `${this.#login}-${state.slice(0, STATE_PREFIX_LENGTH)}`;
  }
}

function setCookie(
  headers: HeaderBlock,
  name: string,
  value: string,
  maxAgeS: number | undefined,
): void {
  const age = maxAgeS === undefined ? "" : `; Max-Age=${maxAgeS}`;
  headers.add(new HeaderField(SET_COOKIE, `${name}=${value}${ATTRIBUTES}${age}`, true));
}
