/** The applications behind the proxies: nginx for HTTP, nghttpd for gRPC, each of one thread. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PinnedProcess } from "./pinned-process.ts";
import { MEGABYTE } from "./scenarios.ts";
import type { Tools } from "./tools.ts";
import { addressesOf, ENDPOINTS_MAX, ROOT_PATH } from "./variants.ts";

export interface BackendPorts {
  readonly http1: number;
  readonly http2: number;
  readonly grpc: number;
  /** HTTP/1.1 on many addresses of the loopback network. */
  readonly spread: number;
}

/** Besides HTTP on one address. */
export interface BackendNeeds {
  readonly grpc: boolean;
  readonly spread: boolean;
}

/** What is asked for, and how many bytes the answer's body has. */
export const SMALL_ANSWER = { path: ROOT_PATH, bytes: 66 } as const;
export const MEGABYTE_ANSWER = { path: "/megabyte", bytes: MEGABYTE } as const;
/** The suffix is what nghttpd tells the content type by. */
export const GRPC_ANSWER = { path: "/bench.Echo/Unary.grpc", bytes: 15 } as const;

/** A gRPC frame: not compressed, 10 bytes of a message with one field of text. */
export const GRPC_MESSAGE = Buffer.from("\0\0\0\0\x0a\x0a\x0801234567", "latin1");

const SMALL_BODY = "0123456789".repeat(6).concat("012345");
const GRPC_STREAMS_MAX = 1_000;

/** Starts those that are needed, on the core. They accept connections when this resolves. */
export async function startBackends(
  options: { readonly folder: string; readonly core: number; readonly needs: BackendNeeds },
  tools: Tools,
  ports: BackendPorts,
): Promise<readonly PinnedProcess[]> {
  const folder = join(options.folder, "backend");
  // Started by root, nginx reads files as another user.
  chmodSync(options.folder, 0o711);
  mkdirSync(join(folder, "bench.Echo"), { recursive: true });
  writeFileSync(join(folder, MEGABYTE_ANSWER.path), Buffer.alloc(MEGABYTE, "0123456789"));
  writeFileSync(join(folder, GRPC_ANSWER.path), GRPC_MESSAGE);
  writeFileSync(join(folder, "types"), "application/grpc unary grpc\n");
  writeFileSync(join(folder, "nginx.conf"), nginxBackend(folder, ports, options.needs));
  const commands = [
    { command: [tools.nginx, "-c", join(folder, "nginx.conf")], port: ports.http2 },
  ];
  if (options.needs.grpc) {
    commands.push({ command: ["nghttpd", ...grpcArguments(folder, ports)], port: ports.grpc });
  }
  const started: PinnedProcess[] = [];
  try {
    for (const { command, port } of commands) {
      const log = join(options.folder, "backend.log");
      const backend = new PinnedProcess(command, options.core, log);
      started.push(backend);
      await backend.listening(port);
    }
    return started;
  } catch (error) {
    for (const backend of started) await backend.stop();
    throw error;
  }
}

/**
 * nginx would answer a gRPC request before its body came and reset the stream for that; nghttpd reads the
 * request to its end.
 */
function grpcArguments(folder: string, { grpc }: BackendPorts): string[] {
  const options = ["--no-tls", "-a", "127.0.0.1", "-n", "1", "-m", String(GRPC_STREAMS_MAX)];
  const files = ["-d", folder, `--mime-types-file=${join(folder, "types")}`];
  return [...options, ...files, "--trailer", "grpc-status: 0", String(grpc)];
}

function nginxBackend(folder: string, ports: BackendPorts, needs: BackendNeeds): string {
  const locations = `root ${folder}; default_type text/plain;
  location = ${SMALL_ANSWER.path} { return 200 "${SMALL_BODY}"; }
  location / { return 200 "${SMALL_BODY}"; }
  location = ${MEGABYTE_ANSWER.path} { }`;
  const addresses = needs.spread ? addressesOf({ endpoints: ENDPOINTS_MAX }) : [];
  const listens = addresses.map((address) => `listen ${address}:${ports.spread};`).join("\n  ");
  const spread = needs.spread ? `server { ${listens}\n  ${locations} }` : "";
  return `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http {
 access_log off; keepalive_requests 100000000; keepalive_time 24h; sendfile on; open_file_cache max=8;
 server { listen 127.0.0.1:${ports.http1} backlog=4096 reuseport; ${locations} }
 server { listen 127.0.0.1:${ports.http2} http2 backlog=4096 reuseport; ${locations} }
 ${spread}
}
`;
}
