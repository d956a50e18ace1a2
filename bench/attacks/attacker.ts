/** A process of its own that attacks when told to by its parent: new connections at a steady pace, each with all the attack's bytes. */
import { setTimeout as delay } from "node:timers/promises";
import { HTTP2_ATTACKS, type Http2Attack } from "../../test/support/http2-attacks.ts";
import { RawHttp2Client } from "../../test/support/raw-http2-client.ts";

export interface AttackOrder {
  /** Of HTTP2_ATTACKS. */
  readonly name: string;
  readonly seconds: number;
  /** It reads what it is sent after all: what the same requests cost others in any case. */
  readonly isReading: boolean;
}

const CONNECTIONS_PER_SECOND = 10;
/** How long each connection stays, unless the proxy ends it. */
const STAY_MS = 600;

const port = Number(process.argv[2]);
process.on("message", ({ name, seconds, isReading }: AttackOrder) => {
  const attack = HTTP2_ATTACKS.find((one) => one.name === name);
  if (attack === undefined) throw new Error(`no attack is named ${name}`);
  const sent = isReading ? { ...attack, options: {} } : attack;
  void assault(sent, seconds).then((connections) => process.send?.(connections));
});
process.send?.("ready");

/** Returns the number of connections. */
async function assault(attack: Http2Attack, seconds: number): Promise<number> {
  const count = Math.ceil(seconds * CONNECTIONS_PER_SECOND);
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    const client = await RawHttp2Client.connect(port, attack.options);
    if (attack.isDeaf === true) client.socket.pause();
    client.send(attack.bytes);
    setTimeout(() => client.close(), STAY_MS);
    const nextMs = startMs + ((i + 1) * 1_000) / CONNECTIONS_PER_SECOND;
    await delay(Math.max(0, nextMs - performance.now()));
  }
  return count;
}
