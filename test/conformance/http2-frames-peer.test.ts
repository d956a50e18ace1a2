/**
 * Our frames and those of nghttp2, which is in Node: what its client sends is decoded without an error,
 * and what our writer sends it is a response to it. Streams in memory stand for the connection.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { ERROR_CODE } from "../../src/http2/error-code.ts";
import { FrameDecoder } from "../../src/http2/frame-decoder.ts";
import { FRAME_OK } from "../../src/http2/frame-error.ts";
import {
  frameHeaders,
  writeDataHeader,
  writeGoaway,
  writePing,
  writePingAck,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from "../../src/http2/frame-writer.ts";
import { Settings, serverSettings } from "../../src/http2/settings.ts";
import { type FrameEvent, FrameRecorder } from "../support/http2-frame-recorder.ts";

const OWN = { maxConcurrentStreams: 100, initialStreamWindowBytes: 65_535, allowsConnect: true };

/** The server's end of a connection: it decodes what nghttp2 sends and tells who waits for an event. */
class Peer extends FrameRecorder {
  readonly settings = new Settings("client");
  readonly decoder = new FrameDecoder("server", this);
  readonly duplex: Duplex;
  readonly out = Buffer.alloc(64 * 1024);
  #wake = () => {};

  constructor() {
    super();
    this.duplex = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        assert.equal(this.decoder.execute(chunk, 0, chunk.length), FRAME_OK);
        this.#wake();
        done();
      },
    });
  }

  override onSettings(bytes: Buffer, start: number, end: number): void {
    assert.equal(this.settings.apply(bytes, start, end), FRAME_OK);
    super.onSettings(bytes, start, end);
  }

  /** The first event that fits. */
  async seen(isWanted: (event: FrameEvent) => boolean): Promise<FrameEvent> {
    for (;;) {
      const found = this.events.find(isWanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends what `write` puts into the buffer. */
  send(write: (out: Buffer) => number): void {
    this.duplex.push(Buffer.from(this.out.subarray(0, write(this.out))));
  }
}

function openSession(): { readonly peer: Peer; readonly session: ClientHttp2Session } {
  const peer = new Peer();
  const session = connect("http://mesh.test", {
    createConnection: () => peer.duplex,
    settings: { initialWindowSize: 100_000, maxFrameSize: 32_768 },
  });
  peer.send((out) => {
    const at = writeWindowUpdate(out, writeSettings(out, 0, serverSettings(OWN)), 0, 1_000_000);
    return writeSettingsAck(out, at);
  });
  return { peer, session };
}

const isHeaders = ([kind]: FrameEvent) => kind === "headers";

describe("nghttp2", () => {
  it("sends frames that the decoder reads", async () => {
    const { peer, session } = openSession();
    const body = "x".repeat(50_000);
    const stream = session.request({ ":method": "POST", "x-long": "~".repeat(40_000) });
    stream.on("error", () => {});
    stream.end(body);
    await peer.seen((event) => event[0] === "data" && event[5] === true);
    const data = peer.events.filter(([kind]) => kind === "data").map((event) => event[4]);
    assert.equal(data.join(""), Buffer.from(body).toString("hex"));
    const [, streamId, block, isEndStream] = await peer.seen(isHeaders);
    assert.equal(streamId, 1);
    // More than two frames hold: it came with CONTINUATIONs.
    assert.ok(String(block).length / 2 > 2 * 16_384);
    assert.equal(isEndStream, false);
    assert.equal(peer.settings.initialWindowSize, 100_000);
    assert.equal(peer.settings.maxFrameSize, 32_768);
    stream.close(ERROR_CODE.cancel);
    assert.deepEqual(await peer.seen(([kind]) => kind === "reset"), ["reset", 1, 8]);
    session.close();
    await peer.seen(([kind]) => kind === "goaway");
    session.destroy();
  });

  it("reads the frames of the writer", async () => {
    const { peer, session } = openSession();
    const stream = session.request({ ":path": "/" });
    const answered = once(stream, "response");
    const body = stream.toArray();
    await peer.seen(isHeaders);
    const longName = "a".repeat(100);
    const value = "b".repeat(120);
    peer.send((out) => {
      // RFC 7541: an indexed `:status: 200`, and literals without indexing and Huffman coding.
      let end = 9;
      out[end++] = 0x88;
      for (let i = 0; i < 120; i++) {
        end += out.write(`\0\x64${longName}\x78${value}`, end, "latin1");
      }
      // Less than the peer allows, for more CONTINUATIONs.
      const at = frameHeaders(out, 0, end, 1, 8_000, false);
      assert.equal(at - end, 3 * 9);
      const payload = writeDataHeader(out, at, 1, 5, true);
      return payload + out.write("hello", payload, "latin1");
    });
    const [headers] = await answered;
    assert.equal(headers[":status"], 200);
    assert.equal(headers[longName].split(", ").length, 120);
    assert.equal(Buffer.concat(await body).toString(), "hello");
    session.destroy();
  });

  it("answers our PING and has its own answered", async () => {
    const { peer, session } = openSession();
    const ours = Buffer.from("mesh-ask");
    peer.send((out) => writePing(out, 0, ours, 0));
    const isAck = ([kind]: FrameEvent) => kind === "ping ack";
    assert.deepEqual(await peer.seen(isAck), ["ping ack", ours.toString("hex")]);
    const theirs = Buffer.from("ngh-ask!");
    const answered = new Promise<Buffer>((resolve, reject) => {
      session.ping(theirs, (error, _duration, payload) => {
        if (error === null) resolve(payload);
        else reject(error);
      });
    });
    await peer.seen(([kind]) => kind === "ping");
    peer.send((out) => writePingAck(out, 0, theirs, 0));
    assert.deepEqual(Buffer.from(await answered), theirs);
    session.destroy();
  });

  it("hears of a reset and of GOAWAY with its debug data", async () => {
    const { peer, session } = openSession();
    const stream = session.request({ ":path": "/" });
    await peer.seen(isHeaders);
    const failed = once(stream, "error");
    peer.send((out) => writeRstStream(out, 0, 1, ERROR_CODE.enhanceYourCalm));
    const [error] = await failed;
    assert.match(error.message, /NGHTTP2_ENHANCE_YOUR_CALM/);
    const gone = once(session, "goaway");
    peer.send((out) => writeGoaway(out, 0, 1, ERROR_CODE.noError, "draining"));
    const [code, lastStreamId, debug] = await gone;
    assert.deepEqual([code, lastStreamId, Buffer.from(debug).toString()], [0, 1, "draining"]);
    session.destroy();
  });
});
