/** @grpc/grpc-js on both ends, two sidecars between: every kind of call, and how calls go wrong. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import test, { type TestContext } from "node:test";
import {
  Client,
  credentials,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { startPair } from "./sidecar-pair.ts";

const LARGE_BYTES = 10 * 1024 * 1024;
const MESSAGES = 200;
const RAW = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

function method(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<Buffer, Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path: `/peers.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

const UNARY = method("Unary", false, false);
const COLLECT = method("Collect", true, false);
const REPEAT = method("Repeat", false, true);
const CHAT = method("Chat", true, true);
const FAIL = method("Fail", false, false);
const HANG = method("Hang", false, true);

/** Says what the app saw of calls that were given up. */
interface App {
  readonly port: number;
  /** Emits the request of each call whose client has gone. */
  readonly signals: EventEmitter;
}

const unary: handleUnaryCall<Buffer, Buffer> = (call, reply) => {
  const binary = call.metadata.get("x-bytes-bin")[0];
  const back = new Metadata();
  if (binary !== undefined) back.set("x-back-bin", binary);
  back.set("x-text", String(call.metadata.get("x-text")[0] ?? ""));
  call.sendMetadata(back);
  const trailers = new Metadata();
  trailers.set("x-trailer-bin", createHash("sha256").update(call.request).digest());
  reply(null, call.request, trailers);
};

const collect: handleClientStreamingCall<Buffer, Buffer> = (call, reply) => {
  const hash = createHash("sha256");
  let count = 0;
  call.on("data", (message: Buffer) => {
    hash.update(message);
    count += 1;
  });
  call.on("end", () => reply(null, Buffer.from(`${count} ${hash.digest("hex")}`)));
};

const repeat: handleServerStreamingCall<Buffer, Buffer> = (call) => {
  for (let i = 0; i < MESSAGES; i++) call.write(Buffer.from(`${i} ${call.request}`));
  call.end();
};

const chat: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
  call.on("data", (message: Buffer) => call.write(message));
  call.on("end", () => call.end());
};

const fail: handleUnaryCall<Buffer, Buffer> = (_call, reply) => {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from([0, 255, 1, 254]));
  reply({ code: status.FAILED_PRECONDITION, details: "nicht heute: ü%\n☃", metadata });
};

async function startApp(t: TestContext): Promise<App> {
  const server = new Server(RAW);
  const signals = new EventEmitter();
  const hang: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    call.write(Buffer.from("first"));
    call.on("cancelled", () => signals.emit(String(call.request)));
  };
  server.addService(
    { UNARY, COLLECT, REPEAT, CHAT, FAIL, HANG },
    { UNARY: unary, COLLECT: collect, REPEAT: repeat, CHAT: chat, FAIL: fail, HANG: hang },
  );
  const port = await new Promise<number>((resolve, reject) => {
    const insecure = ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", insecure, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => server.forceShutdown());
  return { port, signals };
}

/** A unary call's answer with everything around it. */
interface Answer {
  readonly message: Buffer;
  readonly metadata: Metadata;
  readonly trailers: Metadata;
}

function callUnary(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Buffer, Buffer>,
  request: Buffer,
  metadata = new Metadata(),
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let received = new Metadata();
    let message: Buffer = Buffer.alloc(0);
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      (error, answer) => {
        if (error !== null) reject(error);
        else message = answer ?? message;
      },
    );
    call.on("metadata", (value: Metadata) => {
      received = value;
    });
    call.on("status", ({ code, metadata: trailers }) => {
      if (code === status.OK) resolve({ message, metadata: received, trailers });
    });
  });
}

test("gRPC calls of every kind through two sidecars", async (t) => {
  const app = await startApp(t);
  const { port } = await startPair(t, app.port);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), RAW);
  t.after(() => client.close());

  await t.test("unary, with metadata of text and bytes both ways", async () => {
    const metadata = new Metadata();
    const bytes = randomBytes(300);
    metadata.set("x-bytes-bin", bytes);
    metadata.set("x-text", "a text, with a comma");
    const answer = await callUnary(client, UNARY, Buffer.from("hello"), metadata);
    assert.equal(answer.message.toString(), "hello");
    assert.deepEqual(answer.metadata.get("x-back-bin"), [bytes]);
    assert.deepEqual(answer.metadata.get("x-text"), ["a text, with a comma"]);
    const sum = createHash("sha256").update("hello").digest();
    assert.deepEqual(answer.trailers.get("x-trailer-bin"), [sum]);
  });

  await t.test("messages of 0 bytes and of 10 MiB", async () => {
    assert.equal((await callUnary(client, UNARY, Buffer.alloc(0))).message.length, 0);
    const large = randomBytes(LARGE_BYTES);
    assert.ok((await callUnary(client, UNARY, large)).message.equals(large));
  });

  await t.test("many calls at a time", async () => {
    const texts = Array.from({ length: MESSAGES }, (_, i) => `call ${i}`);
    const answers = await Promise.all(
      texts.map((text) => callUnary(client, UNARY, Buffer.from(text))),
    );
    assert.deepEqual(
      answers.map(({ message }) => message.toString()),
      texts,
    );
  });

  await t.test("a stream of requests", async () => {
    const hash = createHash("sha256");
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const call = client.makeClientStreamRequest(
        COLLECT.path,
        COLLECT.requestSerialize,
        COLLECT.responseDeserialize,
        (error, message) => {
          if (error === null && message !== undefined) resolve(message);
          else reject(error ?? new Error("no message came"));
        },
      );
      for (let i = 0; i < MESSAGES; i++) {
        const message = randomBytes(i * 50);
        hash.update(message);
        call.write(message);
      }
      call.end();
    });
    assert.equal(answer.toString(), `${MESSAGES} ${hash.digest("hex")}`);
  });

  await t.test("a stream of responses", async () => {
    const call = client.makeServerStreamRequest(
      REPEAT.path,
      REPEAT.requestSerialize,
      REPEAT.responseDeserialize,
      Buffer.from("again"),
    );
    const messages: string[] = [];
    for await (const message of call) messages.push(String(message));
    assert.deepEqual(
      messages,
      Array.from({ length: MESSAGES }, (_, i) => `${i} again`),
    );
  });

  await t.test("streams both ways, in turn", async () => {
    const call = client.makeBidiStreamRequest(
      CHAT.path,
      CHAT.requestSerialize,
      CHAT.responseDeserialize,
    );
    for (let i = 0; i < 20; i++) {
      const message = Buffer.from(`message ${i}`);
      call.write(message);
      const [answer] = await once(call, "data");
      assert.deepEqual(answer, message);
    }
    call.end();
    call.resume();
    const [{ code }] = await once(call, "status");
    assert.equal(code, status.OK);
  });

  await t.test("a status with details and bytes in the trailers", async () => {
    await assert.rejects(callUnary(client, FAIL, Buffer.alloc(0)), (error: ServiceError) => {
      assert.equal(error.code, status.FAILED_PRECONDITION);
      assert.equal(error.details, "nicht heute: ü%\n☃");
      const details = error.metadata.get("grpc-status-details-bin");
      assert.deepEqual(details, [Buffer.from([0, 255, 1, 254])]);
      return true;
    });
  });

  await t.test("a method that nobody has", async () => {
    const unknown = method("Unknown", false, false);
    await assert.rejects(callUnary(client, unknown, Buffer.alloc(0)), {
      code: status.UNIMPLEMENTED,
    });
  });

  await t.test("a deadline that passes", async () => {
    const call = client.makeServerStreamRequest(
      HANG.path,
      HANG.requestSerialize,
      HANG.responseDeserialize,
      Buffer.from("late"),
      new Metadata(),
      { deadline: Date.now() + 300 },
    );
    call.resume();
    const gone = once(app.signals, "late");
    const [error] = (await once(call, "error")) as [ServiceError];
    assert.equal(error.code, status.DEADLINE_EXCEEDED);
    await gone;
  });

  await t.test("a cancellation reaches the app", async () => {
    const call = client.makeServerStreamRequest(
      HANG.path,
      HANG.requestSerialize,
      HANG.responseDeserialize,
      Buffer.from("cancelled"),
    );
    const gone = once(app.signals, "cancelled");
    await once(call, "data");
    call.cancel();
    const [error] = (await once(call, "error")) as [ServiceError];
    assert.equal(error.code, status.CANCELLED);
    await gone;
  });
});
