/** The network filters that limit connections, as tests write them into listeners, and clients that try to come in. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";

const TYPE = "type.googleapis.com/envoy.extensions.filters.network";

export function maxConnections(max_connections: number): JsonObject {
  const type = `${TYPE}.connection_limit.v3.ConnectionLimit`;
  return {
    name: "max",
    typed_config: { "@type": type, stat_prefix: "default/few", max_connections },
  };
}

/** Within a test nothing comes back. */
export function fewConnections(max_tokens: number): JsonObject {
  const type = `${TYPE}.local_ratelimit.v3.LocalRateLimit`;
  const token_bucket = { max_tokens, tokens_per_fill: 1, fill_interval: "86400s" };
  return {
    name: "rate",
    typed_config: { "@type": type, stat_prefix: "default/few", token_bucket },
  };
}

/** Connects and says something. The socket when it is answered, undefined when the connection is closed instead. */
export async function comesIn(
  context: TestContext,
  port: number,
  words: string,
): Promise<Socket | undefined> {
  const socket = connect(port, "127.0.0.1");
  context.after(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(words);
  const isAnswered = await Promise.race([
    once(socket, "data").then(
      () => true,
      () => false,
    ),
    new Promise<boolean>((resolve) => socket.once("close", () => resolve(false))),
  ]);
  return isAnswered ? socket : undefined;
}
