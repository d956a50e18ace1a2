/** Finds the token of a request in the places that a provider names, and takes it out of them. */
import type { TokenPlaces } from "../../decision/filters/jwt-provider.ts";
import type { RoutedRequest } from "../routed-request.ts";

const EQUALS = 0x3d;

/** Made once and used for each request. */
export class TokenSearch {
  #count = 0;
  #token = "";
  #parameter = "";

  /** How many there are: more than one is refused, whatever they are. */
  get count(): number {
    return this.#count;
  }

  /** The last one found, "" without any. */
  get token(): string {
    return this.#token;
  }

  /** The parameter of the request's target that has it, where logs would keep it; "" for none. */
  get parameter(): string {
    return this.#parameter;
  }

  find({ headers, params, cookies }: TokenPlaces, request: RoutedRequest): void {
    this.#count = 0;
    this.#token = "";
    this.#parameter = "";
    const block = request.head!.headers;
    for (let i = 0; i < headers.length; i++) {
      const { name, prefix } = headers[i]!;
      const value = block.get(name.lower);
      if (value === undefined) continue;
      if (!value.includes(",")) this.#take(value, prefix);
      else for (const one of block.valuesOf(name.lower)) this.#take(one, prefix);
    }
    if (request.query !== "") {
      for (let i = 0; i < params.length; i++) this.#takeParameters(request.query, params[i]!);
    }
    for (let i = 0; i < cookies.length; i++) {
      this.#takeCookies(request.headerValues("cookie"), cookies[i]!);
    }
  }

  #take(value: string, prefix: string): void {
    if (!hasPrefix(value, prefix)) return;
    this.#count += 1;
    this.#token = value.slice(prefix.length).trimStart();
  }

  #takeParameters(query: string, name: string): void {
    for (let start = 0; start < query.length; ) {
      const ampersand = query.indexOf("&", start);
      const end = ampersand < 0 ? query.length : ampersand;
      const nameEnd = start + name.length;
      if (query.startsWith(name, start) && query.charCodeAt(nameEnd) === EQUALS && nameEnd < end) {
        this.#count += 1;
        this.#token = query.slice(nameEnd + 1, end);
        this.#parameter = name;
      }
      start = end + 1;
    }
  }

  #takeCookies(values: readonly string[], name: string): void {
    for (const pair of values.join(";").split(";")) {
      const equals = pair.indexOf("=");
      if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
      this.#count += 1;
      this.#token = pair
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, "$1");
    }
  }
}

/** So that the app does not see it. As in Envoy, cookies stay. */
export function removeToken({ headers, params }: TokenPlaces, request: RoutedRequest): void {
  const block = request.head!.headers;
  for (let i = 0; i < headers.length; i++) {
    const { name, prefix } = headers[i]!;
    const value = block.get(name.lower);
    if (value !== undefined && hasPrefix(value, prefix)) block.remove(name);
  }
  if (request.query === "") return;
  for (let i = 0; i < params.length; i++) request.removeParameter(params[i]!);
}

/** RFC 9110 section 11.1: a scheme is read in any case. */
function hasPrefix(value: string, prefix: string): boolean {
  if (value.startsWith(prefix)) return true;
  return value.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase();
}
