/**
 * What becomes of `x-forwarded-client-cert`: taken away, passed on, or written from the certificate that this proxy has
 * verified itself. What a client says of itself is believed only behind mutual TLS, and only where that is asked for.
 */
import type { FieldError } from "../../decision/field-error.ts";
import {
  type HttpConnectionManager_SetCurrentClientCertDetails as Details,
  HttpConnectionManager_ForwardClientCertDetails as Forward,
  type HttpConnectionManager,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { HEADER } from "../../http/header-name.ts";
import type { PeerCertificate } from "../peer-certificate.ts";

const NAME = new HeaderName("x-forwarded-client-cert");

export class ClientCertRule {
  readonly #forward: Forward;
  readonly #details: Details | undefined;

  constructor(forward: Forward, details: Details | undefined) {
    this.#forward = forward;
    this.#details = details;
  }

  /** `certificate` is undefined without mutual TLS: then nobody vouches for what the field says. */
  apply(headers: HeaderBlock, certificate: PeerCertificate | undefined): void {
    if (this.#forward === Forward.ALWAYS_FORWARD_ONLY) return;
    if (this.#forward === Forward.SANITIZE || certificate === undefined) {
      if (headers.indexOf(HEADER["x-forwarded-client-cert"]) >= 0) headers.remove(NAME);
      return;
    }
    if (this.#forward === Forward.FORWARD_ONLY) return;
    const own = certificate.fieldFor(this, this.#make);
    const before = this.#forward === Forward.APPEND_FORWARD ? headers.get(NAME.lower) : undefined;
    headers.set(before === undefined ? own : new HeaderField(NAME, `${before},${own.value}`));
  }

  readonly #make = (certificate: PeerCertificate): HeaderField =>
    new HeaderField(NAME, this.#valueOf(certificate));

  /** Envoy's order. `Subject` and `URI` stand there also when they are empty. */
  #valueOf(certificate: PeerCertificate): string {
    const details = this.#details;
    const parts = certificate.ownUris.map((uri) => `By=${uri}`);
    parts.push(`Hash=${certificate.digest}`);
    if (details?.cert === true) parts.push(`Cert="${certificate.certificateText}"`);
    if (details?.chain === true) parts.push(`Chain="${certificate.chainText}"`);
    if (details?.subject === true) parts.push(`Subject="${certificate.names.subject}"`);
    if (details?.uri === true) {
      const { uris } = certificate.names;
      parts.push(...(uris.length === 0 ? [""] : uris).map((uri) => `URI=${uri}`));
    }
    if (details?.dns === true) {
      parts.push(...certificate.names.dnsNames.map((name) => `DNS=${name}`));
    }
    return parts.join(";");
  }
}

export function compileClientCertRule(
  manager: HttpConnectionManager,
  path: string,
  errors: FieldError[],
): ClientCertRule {
  const { forwardClientCertDetails: forward, setCurrentClientCertDetails: details } = manager;
  const isSet = forward === Forward.SANITIZE_SET || forward === Forward.APPEND_FORWARD;
  if (details !== undefined && !isSet) {
    const message =
      "has an effect only where forward_client_cert_details is SANITIZE_SET or APPEND_FORWARD";
    errors.push({ path: `${path}.set_current_client_cert_details`, message });
  }
  return new ClientCertRule(forward, details);
}
