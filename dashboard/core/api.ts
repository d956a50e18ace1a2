/** The admin API: every figure comes from it, with the token of this tab where one is asked for. */
import { signal } from "@preact/signals";
import type { ApiErrorBody } from "../../src/control-plane/api-error-types.ts";

const TOKEN_KEY = "tulle-token";
const TIMEOUT_MS = 20_000;

/** Why there is no answer: what the API said, or that it did not. */
export class ApiFailure extends Error {
  /** 0 when nothing answered. */
  readonly status: number;
  readonly hint: string | undefined;

  constructor(status: number, message: string, hint?: string) {
    super(message);
    this.name = "ApiFailure";
    this.status = status;
    this.hint = hint;
  }
}

export type Query = Readonly<Record<string, string | number | null | undefined>>;

/** Whether the API has asked who we are. The shell then asks for a token. */
export const isLoginNeeded = signal(false);

/** Keeps the token for this tab; nowhere else, and not longer. */
export function keepToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
  isLoginNeeded.value = false;
}

/** `tulle dashboard` hands over a token behind `#`, which no server sees. It is taken out of the address at once. */
export function takeTokenFromAddress(): void {
  const token = /^#token=([\w.~+/=-]+)$/.exec(location.hash)?.[1];
  if (token === undefined) return;
  sessionStorage.setItem(TOKEN_KEY, token);
  history.replaceState(null, "", location.pathname + location.search);
}

/** Headers that say who asks. */
export function authorization(): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** `/api/v1/…` with its parameters; what is empty is left out. */
export function apiUrl(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  const search = parameters.toString();
  return `/api/v1${path}${search === "" ? "" : `?${search}`}`;
}

/** Throws an ApiFailure. */
export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  return await call<T>(url, { ...(signal === undefined ? {} : { signal }) });
}

/** Throws an ApiFailure. */
export async function postJson<T>(url: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  return await call<T>(url, { method: "POST", headers, body: JSON.stringify(body) });
}

async function call<T>(
  url: string,
  init: RequestInit & { headers?: Record<string, string> },
): Promise<T> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal == null ? deadline : AbortSignal.any([init.signal, deadline]);
  const headers = { accept: "application/json", ...init.headers, ...authorization() };
  const answer = await fetch(url, { ...init, headers, signal }).catch((error: unknown) => {
    if (init.signal?.aborted === true) throw error;
    throw new ApiFailure(
      0,
      "The control plane does not answer.",
      "Sidecars go on without it. Is it running? tulle status",
    );
  });
  if (answer.ok) return (await answer.json()) as T;
  throw await failureOf(answer);
}

async function failureOf(answer: Response): Promise<ApiFailure> {
  if (answer.status === 401) isLoginNeeded.value = true;
  const body = (await answer.json().catch(() => undefined)) as ApiErrorBody | undefined;
  const message = body?.error.message ?? `The control plane answered ${answer.status}.`;
  return new ApiFailure(answer.status, message, body?.error.hint);
}
