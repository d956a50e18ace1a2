/**
 * As much of a browser as a login needs: cookies by host, redirects, forms. Every host name is this machine. It says
 * what it does (Fetch Metadata), as browsers do.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { Agent, request as secureRequest } from "node:https";
import { text } from "node:stream/consumers";

const REDIRECTS_MAX = 20;

export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Visit {
  readonly method?: string;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export class FormBrowser {
  /** By host name, then by cookie. */
  readonly cookies = new Map<string, Map<string, string>>();
  /** Every Set-Cookie that came. */
  readonly setCookies: string[] = [];
  readonly #ca: readonly string[];

  constructor(ca: readonly string[]) {
    this.#ca = ca;
  }

  /** One request, without following anything. */
  async fetch(url: URL, visit: Visit = {}): Promise<Page> {
    const { form, headers = {}, method = form === undefined ? "GET" : "POST" } = visit;
    const options = {
      host: "127.0.0.1",
      port: url.port,
      path: url.pathname + url.search,
      method,
      headers: {
        host: url.host,
        "sec-fetch-mode": "navigate",
        ...this.#cookieHeader(url),
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        ...headers,
      },
    };
    const outgoing =
      url.protocol === "https:"
        ? secureRequest({
            ...options,
            agent: new Agent({ maxCachedSessions: 0 }),
            ca: [...this.#ca],
            servername: url.hostname,
          })
        : request({ ...options, agent: false });
    outgoing.end(form === undefined ? undefined : new URLSearchParams(form).toString());
    const [response] = await once(outgoing, "response");
    this.#keepCookies(url, response.headers["set-cookie"] ?? []);
    return {
      url,
      status: response.statusCode,
      headers: response.headers,
      body: await text(response),
    };
  }

  /** Goes to a page, wherever it sends. `until` stops before a page is asked for. */
  async open(
    url: URL,
    visit: Visit = {},
    until: (next: URL) => boolean = () => false,
  ): Promise<Page> {
    let page = await this.fetch(url, visit);
    for (let hops = 0; page.status >= 300 && page.status < 400; hops++) {
      assert.ok(hops < REDIRECTS_MAX, "redirected without end");
      const next = new URL(page.headers.location ?? "", page.url);
      if (until(next)) return { ...page, url: next };
      page = await this.fetch(next);
    }
    return page;
  }

  /** Fills the form of a page in and sends it. */
  async submit(
    page: Page,
    fields: Readonly<Record<string, string>>,
    until?: (next: URL) => boolean,
  ): Promise<Page> {
    const action = /<form[^>]*\baction="([^"]+)"/.exec(page.body)?.[1]?.replaceAll("&amp;", "&");
    assert.ok(action !== undefined, page.body);
    const hidden = [...page.body.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => [
      /name="([^"]*)"/.exec(input)?.[1] ?? "",
      /value="([^"]*)"/.exec(input)?.[1] ?? "",
    ]);
    const form = { ...Object.fromEntries(hidden), ...fields };
    return await this.open(new URL(action, page.url), { form }, until);
  }

  #cookieHeader({ hostname }: URL): Record<string, string> {
    const cookies = [...(this.cookies.get(hostname) ?? [])];
    if (cookies.length === 0) return {};
    return { cookie: cookies.map(([name, value]) => `${name}=${value}`).join("; ") };
  }

  #keepCookies({ hostname }: URL, lines: readonly string[]): void {
    const jar = this.cookies.get(hostname) ?? new Map<string, string>();
    this.cookies.set(hostname, jar);
    for (const line of lines) {
      this.setCookies.push(line);
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      const isOver = /max-age=0\b|expires=Thu, 01 Jan 1970/i.test(line);
      if (isOver) jar.delete(name);
      else jar.set(name, value);
    }
  }
}
