/**
 * What makes an HTTP/2 message malformed once its field section is decoded. All are stream errors of type
 * PROTOCOL_ERROR (RFC 9113 section 8.1.1). Readers return numbers on the hot path; this table gives each
 * its stable code and a sentence.
 */

/** The message is well formed. */
export const MESSAGE_OK = 0;

const MESSAGES = {
  pseudoFieldMissing: "a pseudo-header field that the message must have is missing",
  pseudoFieldMisplaced: "a pseudo-header field does not belong in this kind of message",
  methodInvalid: "the :method field is not a token",
  schemeInvalid: "the :scheme field is not a scheme",
  pathInvalid: "the :path field is empty, does not start with / or has a byte that no target has",
  authorityInvalid: "the authority is missing, or not a host with an optional port",
  authorityConflict: "the :authority field and the Host field differ, or Host is repeated",
  protocolInvalid: "the :protocol field is not a token, or the method is not CONNECT",
  connectionField: "a connection-specific field is not allowed in HTTP/2",
  contentLengthInvalid: "Content-Length is not one decimal number",
  contentLengthMismatch: "Content-Length tells of content, but the message ends with its head",
  contentUnexpected: "a request for a tunnel has a Content-Length",
  interimEnd: "an interim response ends the stream",
  switchingProtocols: "HTTP/2 has no status 101",
} as const;

export type MessageErrorName = keyof typeof MESSAGES;

const NAMES = Object.keys(MESSAGES) as MessageErrorName[];

/** Numbers below -1, which readers of fields keep for "none". */
export const MESSAGE_ERROR = Object.fromEntries(
  NAMES.map((name, index) => [name, -2 - index]),
) as Readonly<Record<MessageErrorName, number>>;

/** What a number from MESSAGE_ERROR says. Throws for others. */
export function messageErrorInfo(number: number): {
  readonly code: string;
  readonly message: string;
} {
  const name = NAMES[-2 - number];
  if (name === undefined) throw new RangeError(`not a message error: ${number}`);
  const code = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return { code, message: MESSAGES[name] };
}
