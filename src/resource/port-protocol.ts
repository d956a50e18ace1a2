/**
 * What is spoken on a Service's port, and who says so: its appProtocol, else the prefix of its name (as Istio
 * reads it), else the list of opaque ports; when nobody says, the first bytes of each connection.
 */
import { nearestName } from "./nearest-name.ts";

/**
 * `http`: HTTP, in whichever version the client speaks. `http2` and `grpc`: HTTP/2 only. `tls`: the client's own
 * TLS, passed through. `tcp`: opaque bytes. `undeclared`: told by the first bytes of each connection.
 */
export type PortProtocol = "http" | "http2" | "grpc" | "tls" | "tcp" | "undeclared";

/** What an app says that it speaks on a port of its own. `auto`: it doesn't say. */
export const INSTANCE_PROTOCOLS = ["http", "http2", "grpc", "tls", "tcp", "auto"] as const;
export type InstanceProtocol = (typeof INSTANCE_PROTOCOLS)[number];

/**
 * Ports of protocols whose server speaks first or whose bytes look like nothing known: SMTP, MySQL, Galera,
 * PostgreSQL, Redis, Elasticsearch and memcached. Linkerd's list, so that what works there works here.
 */
export const OPAQUE_PORTS_DEFAULT: readonly number[] = [
  25, 587, 3306, 4444, 5432, 6379, 9300, 11_211,
];

const PROTOCOL_OF_WORD: Readonly<Record<string, PortProtocol>> = {
  http: "http",
  "http/1.1": "http",
  "kubernetes.io/ws": "http",
  ws: "http",
  http2: "http2",
  h2c: "http2",
  "kubernetes.io/h2c": "http2",
  grpc: "grpc",
  // As in Istio the app speaks gRPC, and its sidecar makes that of gRPC-Web. One that speaks gRPC-Web itself is `http`.
  "grpc-web": "grpc",
  https: "tls",
  tls: "tls",
  "kubernetes.io/wss": "tls",
  wss: "tls",
  tcp: "tcp",
  amqp: "tcp",
  ftp: "tcp",
  imap: "tcp",
  kafka: "tcp",
  ldap: "tcp",
  memcached: "tcp",
  mongo: "tcp",
  mongodb: "tcp",
  mqtt: "tcp",
  mssql: "tcp",
  mysql: "tcp",
  nats: "tcp",
  pop3: "tcp",
  postgres: "tcp",
  postgresql: "tcp",
  redis: "tcp",
  smtp: "tcp",
  ssh: "tcp",
};

/** The fields of a Service's port that tell its protocol. */
export interface DeclaringPort {
  readonly name?: string | undefined;
  readonly appProtocol?: string | undefined;
  readonly port: number;
  readonly targetPort?: number | string | undefined;
}

/** A protocol and a phrase that says where it comes from: `appProtocol kubernetes.io/h2c`. */
export interface EffectiveProtocol {
  readonly protocol: PortProtocol;
  readonly origin: string;
}

/** What holds for a port. `opaquePorts` are MeshConfig's. */
export function effectiveProtocol(
  port: DeclaringPort,
  opaquePorts: readonly number[],
): EffectiveProtocol {
  const { appProtocol, name = "" } = port;
  if (appProtocol !== undefined) {
    const protocol = protocolOfWord(appProtocol.toLowerCase());
    if (protocol !== undefined) return { protocol, origin: `appProtocol ${appProtocol}` };
  } else {
    const protocol = protocolOfName(name);
    if (protocol !== undefined) return { protocol, origin: `the port's name ${name}` };
  }
  const opaque = [port.port, port.targetPort].find(
    (number) => typeof number === "number" && opaquePorts.includes(number),
  );
  if (opaque !== undefined) {
    return { protocol: "tcp", origin: `${opaque} is one of MeshConfig's opaque ports` };
  }
  const reason =
    appProtocol === undefined
      ? "neither appProtocol nor the name says"
      : `appProtocol ${appProtocol} is not known`;
  return { protocol: "undeclared", origin: `first bytes of each connection; ${reason}` };
}

/** The protocol that a port's name declares by its prefix up to the first `-`, or undefined. */
export function protocolOfName(name: string): PortProtocol | undefined {
  const prefix = /^grpc-web(?:-|$)/.test(name) ? "grpc-web" : (name.split("-")[0] ?? "");
  return protocolOfWord(prefix);
}

/** The word that somebody who wrote an appProtocol that is not known probably meant; null when it is known. */
export function unknownAppProtocol(
  appProtocol: string,
): { readonly nearest: string | undefined } | null {
  const word = appProtocol.toLowerCase();
  if (protocolOfWord(word) !== undefined) return null;
  return { nearest: nearestName(word, Object.keys(PROTOCOL_OF_WORD)) };
}

/** Whether requests on the port are looked at, or may be. */
export function mayBeHttp(protocol: PortProtocol): boolean {
  return protocol !== "tcp" && protocol !== "tls";
}

/** Whether bytes on the port are passed through unread, or may be. */
export function mayBeOpaque(protocol: PortProtocol): boolean {
  return protocol === "tcp" || protocol === "tls" || protocol === "undeclared";
}

function protocolOfWord(word: string): PortProtocol | undefined {
  return Object.hasOwn(PROTOCOL_OF_WORD, word) ? PROTOCOL_OF_WORD[word] : undefined;
}
