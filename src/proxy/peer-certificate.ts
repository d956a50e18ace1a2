/**
 * The certificates of a mutual TLS connection, for `x-forwarded-client-cert`: what each detail says is worked out when
 * it is first asked for, and the field of a whole connection is written once.
 */
import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { assert } from "../core/assert.ts";
import type { HeaderField } from "../http/header-field.ts";
import { parseCertificate } from "../identity/certificate.ts";
import { distinguishedNameText } from "../identity/distinguished-name.ts";
import { peerChainDer } from "../identity/peer-chain.ts";
import type { PeerChain } from "../net/peer-chain.ts";

/** As Envoy writes PEM into a field. */
const URL_ENCODED: Readonly<Record<string, string>> = {
  "\n": "%0A",
  " ": "%20",
  "+": "%2B",
  "/": "%2F",
  "=": "%3D",
};
const PEM_LINE = /.{1,64}/g;
/** Visible ASCII without `"`, `,` and `;`. */
const PLAIN_NAME = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+$/;

export interface PeerNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** RFC 2253 text, "" for an empty subject. */
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal digits. */
  readonly serial: string;
}

export class PeerCertificate {
  readonly #socket: TLSSocket;
  #chain: PeerChain | undefined;
  #names: PeerNames | undefined;
  #ownUris: readonly string[] | undefined;
  #field: HeaderField | undefined;
  #fieldOwner: object | undefined;

  /** Of a connection whose peer was verified: its own certificate stands first in the chain. */
  constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  /** The URI SANs of the certificate that this side showed. */
  get ownUris(): readonly string[] {
    if (this.#ownUris === undefined) {
      const own = this.#socket.getX509Certificate();
      this.#ownUris = own === undefined ? [] : namesOf(own.raw).uris;
    }
    return this.#ownUris;
  }

  /** SHA-256 of the peer's own certificate, in lower case hexadecimal. */
  get digest(): string {
    return createHash("sha256").update(this.#leaf).digest("hex");
  }

  get names(): PeerNames {
    this.#names ??= namesOf(this.#leaf);
    return this.#names;
  }

  /** URL-encoded PEM. */
  get certificateText(): string {
    return pemText(this.#leaf);
  }

  get chainText(): string {
    return this.#certificates.map(pemText).join("");
  }

  get #certificates(): PeerChain {
    this.#chain ??= peerChainDer(this.#socket);
    return this.#chain;
  }

  get #leaf(): Buffer {
    const [leaf] = this.#certificates;
    assert(leaf !== undefined, "a verified peer has shown a certificate");
    return leaf;
  }

  /** The field that `owner` makes of this connection; made once for as long as the owner stays the same. */
  fieldFor(owner: object, make: (certificate: PeerCertificate) => HeaderField): HeaderField {
    if (this.#field === undefined || this.#fieldOwner !== owner) {
      this.#field = make(this);
      this.#fieldOwner = owner;
    }
    return this.#field;
  }
}

/** Of a certificate that only the TLS library can read, nothing is told but its digest. */
function namesOf(der: Buffer): PeerNames {
  try {
    const { extensions, subjectDer, issuerDer, serialHex } = parseCertificate(der);
    const { uris = [], dnsNames = [] } = extensions.alternativeNames ?? {};
    return {
      uris: uris.filter(isPlain),
      dnsNames: dnsNames.filter(isPlain),
      subject: distinguishedNameText(subjectDer),
      issuer: distinguishedNameText(issuerDer),
      serial: serialHex,
    };
  } catch {
    return { uris: [], dnsNames: [], subject: "", issuer: "", serial: "" };
  }
}

/** A name that would end its detail, and begin another one, is not passed on (lesson T26). */
function isPlain(name: string): boolean {
  return PLAIN_NAME.test(name);
}

function pemText(der: Buffer): string {
  const lines = der.toString("base64").match(PEM_LINE) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  return pem.replace(/[\n +/=]/g, (char) => URL_ENCODED[char]!);
}
