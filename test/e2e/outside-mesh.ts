/**
 * A mesh whose client calls hosts outside of it, which are servers of the test's own: it commands what they answer, and
 * sees what comes over which connection. How callers treat traffic is tested with them; policies come by YAML and the
 * command line.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { CatalogMesh, type ServiceAddress } from "./catalog-mesh.ts";

/** The Service that each such mesh has besides; nobody asks it. */
const APP = `
require("node:http").createServer((request, response) => response.end("catalog")).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

export type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** One of the servers. */
export class OutsideHost {
  readonly name: string;
  readonly requests: IncomingMessage[] = [];
  readonly open = new Set<Socket>();
  /** How many connections there have been. */
  connectionCount = 0;
  /** Says its name unless set. */
  respond: Respond;
  readonly #server: Server;
  #isSilent = false;
  #port = 0;

  private constructor(name: string) {
    this.name = name;
    this.respond = (_request, response) => response.end(name);
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      this.respond(request, response);
    });
    this.#server.on("clientError", (_error, socket) => {
      if (this.#isSilent) socket.destroy();
      else socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    // Sidecars decide how long connections live.
    this.#server.keepAliveTimeout = 0;
    this.#server.on("connection", (socket: Socket) => {
      this.connectionCount += 1;
      this.open.add(socket);
      socket.once("close", () => this.open.delete(socket));
    });
  }

  static async start(name: string): Promise<OutsideHost> {
    const host = new OutsideHost(name);
    await host.listen();
    return host;
  }

  get port(): number {
    return this.#port;
  }

  /** Nobody can connect to it until it listens again. */
  async stopListening(): Promise<void> {
    const closed = once(this.#server, "close");
    this.close();
    await closed;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Whether it says nothing to what is no HTTP. */
  silence(isSilent: boolean): void {
    this.#isSilent = isSilent;
  }

  /** What reaches it from now on, as if it had just begun. */
  forget(): void {
    this.requests.length = 0;
    this.respond = (_request, response) => response.end(this.name);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export const GROUP = "mesh.tulle.dev";

/** An ExternalService that stands for servers of the test. */
export function externalService(
  name: string,
  ports: readonly number[],
  appProtocol = "http",
): object {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: "ExternalService",
    metadata: { name },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ name: "web", port: 80, appProtocol }],
      endpoints: ports.map((port) => ({ address: "127.0.0.1", port })),
    },
  };
}

/** A TrafficPolicy for an ExternalService. */
export function trafficPolicy(name: string, spec: object): object {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: "TrafficPolicy",
    metadata: { name },
    spec: { targetRefs: [{ group: GROUP, kind: "ExternalService", name }], ...spec },
  };
}

export interface OutsideMeshOptions {
  /** ExternalServices that all of the hosts serve, `outside` among them; it alone unless given. */
  readonly names?: readonly string[];
  /** Objects that are there from the start besides. */
  readonly resources?: readonly object[];
}

export class OutsideMesh {
  readonly mesh: CatalogMesh;
  readonly hosts: readonly OutsideHost[];
  /** Where the client's sidecar takes requests for all of the hosts. */
  readonly at: ServiceAddress;

  private constructor(mesh: CatalogMesh, hosts: readonly OutsideHost[], at: ServiceAddress) {
    this.mesh = mesh;
    this.hosts = hosts;
    this.at = at;
  }

  /** Hosts named `a`, `b` and so on. The caller removes it. */
  static async start(
    name: string,
    count: number,
    options: OutsideMeshOptions = {},
  ): Promise<OutsideMesh> {
    const { names = ["outside"], resources = [] } = options;
    const hosts = await Promise.all(
      Array.from({ length: count }, (_, index) => OutsideHost.start("abcdefgh".charAt(index))),
    );
    try {
      const ports = hosts.map(({ port }) => port);
      const services = names.map((service) => externalService(service, ports));
      const mesh = await CatalogMesh.start({
        name,
        app: APP,
        resources: [...services, ...resources],
      });
      return new OutsideMesh(mesh, hosts, await mesh.addressOf("outside"));
    } catch (error) {
      for (const host of hosts) host.close();
      throw error;
    }
  }

  /** What holds from now on for `outside`, or another of the ExternalServices. The hosts begin anew. */
  async apply(spec: object, service = "outside"): Promise<void> {
    await this.mesh.apply(trafficPolicy(service, spec));
    for (const host of this.hosts) host.forget();
  }

  async remove(): Promise<void> {
    for (const host of this.hosts) host.close();
    await this.mesh.remove();
  }
}
