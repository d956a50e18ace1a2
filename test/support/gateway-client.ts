/** A client outside the mesh: requests to a gateway by name, over TLS or not, as a browser makes them. */
import { once } from "node:events";
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { Agent, request as secureRequest } from "node:https";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Subject of the certificate that was shown; "" without TLS. */
  readonly subject: string;
}

export interface GatewayQuestion {
  readonly headers?: OutgoingHttpHeaders;
  readonly method?: string;
  /** Roots that are trusted: TLS is spoken. */
  readonly ca?: readonly string[];
  /** The server name of the handshake, where it is not the host's. */
  readonly serverName?: string;
  readonly body?: string;
}

/** `host` is what the request names; the gateway is on 127.0.0.1. */
export async function askGateway(
  port: number,
  host: string,
  path = "/",
  question: GatewayQuestion = {},
): Promise<GatewayAnswer> {
  const { headers = {}, method = "GET", ca, serverName = host, body } = question;
  const target = { host: "127.0.0.1", port, path, method, headers: { host, ...headers } };
  const agent = new Agent({ maxCachedSessions: 0 });
  const outgoing =
    ca === undefined
      ? request({ ...target, agent: false })
      : secureRequest({ ...target, agent, ca: [...ca], servername: serverName });
  outgoing.end(body);
  const [response] = await once(outgoing, "response");
  const subject = ca === undefined ? "" : subjectOf(response.socket as TLSSocket);
  const answer = { status: response.statusCode, headers: response.headers, subject };
  return { ...answer, body: await text(response) };
}

function subjectOf(socket: TLSSocket): string {
  return String(socket.getPeerCertificate().subject?.CN ?? "");
}
