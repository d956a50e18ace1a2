/** Tells a client whose token was not accepted what would be (RFC 6750 section 3), in Envoy's words. */
import type { JwtFailure } from "../../decision/jwt/failure.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { ResponseEditor } from "./http-filter.ts";

const WWW_AUTHENTICATE = new HeaderName("www-authenticate");
/** Envoy's bound of the path that is told. */
const PATH_LENGTH_MAX = 256;

export class BearerChallenge implements ResponseEditor {
  readonly #field: HeaderField;

  constructor({ scheme, authority, path }: RoutedRequest, error: JwtFailure["error"]) {
    // The query stays out of it: it may have held the token.
    const realm = quoted(`${scheme}://${authority}${path.slice(0, PATH_LENGTH_MAX)}`);
    // RFC 6750 section 3.1: no error where the client did not try to authenticate.
    const why = error === "" ? "" : `, error="${error}"`;
    this.#field = new HeaderField(WWW_AUTHENTICATE, `Bearer realm=${realm}${why}`);
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    headers.set(this.#field);
  }
}

/** RFC 9110 section 5.6.4. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
