/** Why a ClientHello was refused: codes for metrics, sentences for the log. */

export const CLIENT_HELLO_FAULTS = {
  recordInvalid:
    "a record before the end of the ClientHello is no handshake record, empty or too long",
  tooLarge: "the ClientHello is larger than 16 KiB",
  trailingBytes: "the record goes on behind the ClientHello",
  lengthInvalid: "a length in the ClientHello does not fit its contents",
  versionInvalid: "the ClientHello's version is not TLS",
  extensionRepeated: "an extension that decides the route is given twice",
  serverNameListInvalid: "server_name does not hold exactly one host name",
  serverNameInvalid: "the server name is not a host name",
  alpnInvalid: "the list of ALPN protocols is empty, too long or has an empty name",
  versionsInvalid: "the list of supported versions is empty or cut off",
} as const;

export type ClientHelloFault = keyof typeof CLIENT_HELLO_FAULTS;
