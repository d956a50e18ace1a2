/** The first bytes of a connection reach whoever reads next, and so does its end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { FirstRead } from "./first-read.ts";
import { adoptHandle, SocketReader, takeBuffered } from "./socket-reader.ts";
import { TcpListener } from "./tcp-listener.ts";

/** A connected pair: the socket of a handle that was accepted, and its client. */
async function pair(context: TestContext): Promise<{ accepted: Socket; client: Socket }> {
  let onAccepted: ((socket: Socket) => void) | undefined;
  const accepted = new Promise<Socket>((resolve) => {
    onAccepted = resolve;
  });
  const listener = new TcpListener({
    onHandle: (handle) => onAccepted?.(adoptHandle(handle)),
    onAcceptError: assert.fail,
  });
  const port = await listener.listen("127.0.0.1", 0);
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => {});
  const socket = await accepted;
  context.after(async () => {
    client.destroy();
    socket.destroy();
    await listener.close();
  });
  return { accepted: socket, client };
}

interface Told {
  readonly text: string;
  readonly hasEnded: boolean;
}

function reading(socket: Socket): { read: FirstRead; next: () => Promise<Told> } {
  const told: Told[] = [];
  let wake: (() => void) | undefined;
  const read = new FirstRead(socket, (bytes, hasEnded) => {
    told.push({ text: bytes.toString("latin1"), hasEnded });
    wake?.();
  });
  const next = async (): Promise<Told> => {
    while (told.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return told.shift() ?? assert.fail();
  };
  return { read, next };
}

/** What the next reader gets up to the end. */
function rest(socket: Socket, firstBytes: Buffer | undefined): Promise<string> {
  let text = "";
  const owner = {
    onRead(bytes: Buffer, length: number): boolean {
      text += bytes.toString("latin1", 0, length);
      return true;
    },
  };
  new SocketReader(socket, owner, firstBytes);
  return new Promise((resolve) => socket.once("end", () => resolve(text)));
}

test("each call brings all bytes since the start, and the next reader gets them once", async (context) => {
  const { accepted, client } = await pair(context);
  const { read, next } = reading(accepted);
  client.write("ab");
  assert.deepEqual(await next(), { text: "ab", hasEnded: false });
  client.write("cd");
  assert.deepEqual(await next(), { text: "abcd", hasEnded: false });
  const all = rest(accepted, read.stop());
  client.end("ef");
  assert.equal(await all, "abcdef");
});

test("an end that comes with the first bytes is told to both", async (context) => {
  const { accepted, client } = await pair(context);
  const { read, next } = reading(accepted);
  client.end("all");
  let told = await next();
  if (!told.hasEnded) told = await next();
  assert.deepEqual(told, { text: "all", hasEnded: true });
  assert.equal(accepted.destroyed, false);
  const all = rest(accepted, read.stop());
  assert.equal(await all, "all");
  accepted.end("answer");
  const [answer] = await once(client, "data");
  assert.equal(String(answer), "answer");
});

test("bytes can be taken off the front", async (context) => {
  const { accepted, client } = await pair(context);
  const { read, next } = reading(accepted);
  client.write("head body");
  await next();
  assert.equal(read.skip(5).toString(), "body");
  client.write(" more");
  assert.equal((await next()).text, "body more");
  assert.equal(read.stop()?.toString(), "body more");
});

test("nothing read is nothing to pass on, and what is stopped tells nothing", async (context) => {
  const { accepted, client } = await pair(context);
  const read = new FirstRead(accepted, () => assert.fail("it was stopped"));
  assert.equal(read.stop(), undefined);
  const all = rest(accepted, undefined);
  client.end("later");
  assert.equal(await all, "later");
});

test("a reset ends the socket as ever", async (context) => {
  const { accepted, client } = await pair(context);
  new FirstRead(accepted, () => {});
  const error = once(accepted, "error");
  client.resetAndDestroy();
  const [{ code }] = (await error) as [NodeJS.ErrnoException];
  assert.equal(code, "ECONNRESET");
});

test("everything that a socket has read by itself is taken", async (context) => {
  const { accepted, client } = await pair(context);
  accepted.read(0);
  accepted.on("readable", () => {});
  client.write("a");
  await once(accepted, "readable");
  client.write("b");
  while (accepted.readableLength < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(takeBuffered(accepted)?.toString(), "ab");
  assert.equal(takeBuffered(accepted), undefined);
});
