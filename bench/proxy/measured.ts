/** One half in a process of its own, with the flags of a sidecar: tells nanoseconds of CPU for each request, a line for each window. */
import { performance } from "node:perf_hooks";
import type { TestContext } from "node:test";
import { ProxyFixture } from "../../test/support/proxy-fixture.ts";
import { writeBootstrap } from "../macro/bootstrap.ts";
import { InboundHalf } from "./inbound-half.ts";
import type { MeasuredHalf } from "./measured-half.ts";
import { OutboundHalf } from "./outbound-half.ts";
import { holdTurns } from "./turns.ts";

/** Turns between two looks at the clock and at what else the runtime has to do. */
const TURNS_AT_ONCE = 20;
/** Until connections are made. */
const FIRST_TURNS = 20;

const [direction, ...numbers] = process.argv.slice(2);
const [connections, batch, warmUpMs, windowMs, windows] = numbers.map(Number) as [
  number,
  number,
  number,
  number,
  number,
];

const isOutbound = direction === "outbound";
const proxy = await startProxy();
const listener = [...proxy.dataPlane.listeners.values()][0]!;
const immediate = holdTurns();
const options = { connections, batch, accept: (handle: object) => listener.onHandle(handle) };
const half: MeasuredHalf = isOutbound ? new OutboundHalf(options) : new InboundHalf(options);
for (let i = 0; i < FIRST_TURNS; i++) {
  await rest();
  half.takeTurns();
}
await run(warmUpMs);
for (let i = 0; i < windows; i++) console.log(await run(windowMs));
process.exit();

async function startProxy(): Promise<ProxyFixture> {
  const bootstrap = JSON.parse(
    writeBootstrap({
      ...{ name: "measured", adminPort: 1, certificates: "/", listener: { port: 1 } },
      cluster: { port: 1, protocol: isOutbound ? "http2" : "http1" },
    }),
  );
  const [first] = bootstrap.static_resources.listeners;
  first.address.socket_address.port_value = 0;
  first.traffic_direction = isOutbound ? "OUTBOUND" : "INBOUND";
  const context = { after: () => {} } as unknown as TestContext;
  return await ProxyFixture.start(context, bootstrap);
}

/** Returns nanoseconds of CPU for each request. */
async function run(ms: number): Promise<number> {
  const answeredBefore = half.answered;
  const cpuBefore = process.cpuUsage();
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    for (let i = 0; i < TURNS_AT_ONCE; i++) half.takeTurns();
    await rest();
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const requests = half.answered - answeredBefore;
  if (requests === 0) throw new Error("no request was answered");
  return Math.round((1_000 * (user + system)) / requests);
}

/** Timers, and what the proxy has promised itself. */
async function rest(): Promise<void> {
  await new Promise<void>((resolve) => immediate(resolve));
}
