/** A real Envoy that has all of its configuration from the start, for tests that send requests through it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import type { JsonObject } from "@bufbuild/protobuf";
import { EnvoyProcess, eventually } from "./envoy-process.ts";

export interface StaticEnvoy {
  /** The port that a listener is bound to. */
  portOf(listenerName: string): number;
  /** The body that the admin port answers with. */
  admin(path: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts Envoy with these `static_resources` and waits until it serves. Listeners may ask for port 0. */
export async function startStaticEnvoy(
  binary: string,
  resources: JsonObject,
): Promise<StaticEnvoy> {
  const node = { id: "a", cluster: "test" };
  const proxy = await EnvoyProcess.start({
    binary,
    bootstrap: { node, static_resources: resources },
  });
  try {
    await eventually(
      "Envoy serves",
      () => proxy.admin("/ready"),
      (state) => state.trim() === "LIVE",
    );
    const answer = JSON.parse(await proxy.admin("/listeners?format=json")) as ListenerStatuses;
    const ports = new Map(
      answer.listener_statuses.map((status) => [
        status.name,
        status.local_address.socket_address.port_value,
      ]),
    );
    return {
      portOf: (name) => ports.get(name) ?? assert.fail(`no listener ${name}`),
      admin: (path) => proxy.admin(path),
      stop: () => proxy.stop(),
    };
  } catch (error) {
    await proxy.stop();
    throw error;
  }
}

interface ListenerStatuses {
  readonly listener_statuses: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request on a connection of its own. The path is sent as it is. */
export async function get(port: number, path: string, options: object = {}): Promise<Answer> {
  const outgoing = request({ host: "127.0.0.1", port, path, agent: false, ...options });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  return { status: response.statusCode, headers: response.headers, body };
}
