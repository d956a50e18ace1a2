/**
 * One request before the load: a proxy that answers something else quickly must not look good. Load
 * generators look at the status only.
 */
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:http2";
import { buffer } from "node:stream/consumers";
import { GRPC_MESSAGE } from "./backends.ts";
import { answerTo, firstPath } from "./load.ts";
import type { Scenario } from "./scenarios.ts";

interface Answer {
  readonly status: number | undefined;
  readonly bytes: number;
  readonly grpcStatus: unknown;
}

/** Throws when the answer is not the backend's. */
export async function checkAnswer(
  port: number,
  scenario: Scenario,
  paths: readonly string[],
  fields: readonly string[] = [],
): Promise<void> {
  const { bytes } = answerTo(scenario.request);
  const path = firstPath(scenario, paths);
  const isGrpc = scenario.request === "grpc";
  const answer =
    scenario.client === "http1" ? await ask1(port, path, fields) : await ask2(port, path, isGrpc);
  const expected: Answer = { status: 200, bytes, grpcStatus: isGrpc ? "0" : undefined };
  const [seen, wanted] = [answer, expected].map((value) => JSON.stringify(value));
  if (seen !== wanted) throw new Error(`the answer is ${seen}, it should be ${wanted}`);
}

async function ask1(port: number, path: string, fields: readonly string[]): Promise<Answer> {
  const headers = Object.fromEntries(fields.map((field) => field.split(": ", 2)));
  const outgoing = request({ host: "127.0.0.1", port, path, headers, agent: false }).end();
  const [response] = await once(outgoing, "response");
  const { length } = await buffer(response);
  return { status: response.statusCode, bytes: length, grpcStatus: undefined };
}

async function ask2(port: number, path: string, isGrpc: boolean): Promise<Answer> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const grpc = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(
      { ":path": path, ...(isGrpc ? grpc : {}) },
      { endStream: false },
    );
    let grpcStatus: unknown;
    stream.on("trailers", (trailers) => {
      grpcStatus = trailers["grpc-status"];
    });
    stream.end(isGrpc ? GRPC_MESSAGE : undefined);
    const [headers] = await once(stream, "response");
    const { length } = await buffer(stream);
    return { status: headers[":status"], bytes: length, grpcStatus };
  } finally {
    session.destroy();
  }
}
