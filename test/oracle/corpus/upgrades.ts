/** Tunnels and gRPC: what is allowed to switch, and what gRPC clients are told instead of a status of HTTP. */
import { type OracleCase, request, STATIC, type UpstreamAnswer } from "../case.ts";

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nhost: shop.example\r\n\r\n";

function offer(path: string, upgrade = "websocket"): string {
  const key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
  return request(path, { headers: ["connection: upgrade", `upgrade: ${upgrade}`, key] });
}

function connect(authority: string): string {
  return `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\nx-case: {case}\r\n\r\n`;
}

function answering(text: string): readonly UpstreamAnswer[] {
  return [{ write: [text] }];
}

const onUpgrades = (name: string, send: string, more: Partial<OracleCase> = {}): OracleCase => ({
  id: `upgrade/${name}`,
  config: STATIC,
  listener: "upgrades",
  steps: [{ send }],
  ...more,
});

const SWITCH =
  "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const REFUSAL = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n";

const upgrades: readonly OracleCase[] = [
  onUpgrades("accepted", "", {
    steps: [{ send: offer("/on") }, { await: "interim" }],
    answers: answering(SWITCH),
    probes: false,
  }),
  onUpgrades("in-capitals", "", {
    steps: [{ send: offer("/on", "WebSocket") }, { await: "interim" }],
    answers: answering(SWITCH),
    probes: false,
  }),
  onUpgrades("allowed-by-route-alone", "", {
    steps: [{ send: offer("/spdy", "spdy/3.1") }, { await: "interim" }],
    answers: answering(SWITCH.replace("websocket", "spdy/3.1")),
    probes: false,
  }),
  onUpgrades("answered-otherwise", offer("/on"), { probes: false }),
  onUpgrades("refused-by-app", offer("/on"), { answers: answering(REFUSAL), probes: false }),
  onUpgrades("off-at-route", offer("/off"), { probes: false }),
  onUpgrades("another-type", offer("/on", "other"), { probes: false }),
  onUpgrades("several-types", offer("/on", "websocket, other"), { probes: false }),
  onUpgrades("no-route", offer("/none"), { probes: false }),
  onUpgrades("direct-response", offer("/direct"), { probes: false }),
  onUpgrades("early-bytes-and-refusal", offer("/off") + SMUGGLED, { probes: false }),
  onUpgrades("no-upgrade", request("/on")),
  onUpgrades("connect", "", {
    steps: [{ send: connect("proxy.example:443") }, { await: "response" }],
    answers: answering("HTTP/1.1 407 P\r\ncontent-length: 0\r\n\r\n"),
    methods: ["CONNECT"],
    probes: false,
  }),
  onUpgrades("connect-off", connect("off.example:443"), { methods: ["CONNECT"], probes: false }),
  onUpgrades("connect-without-route", connect("shop.example:443"), {
    methods: ["CONNECT"],
    probes: false,
  }),
  onUpgrades("get-on-connect-route", request("/", { host: "proxy.example:443" })),
];

function call(path: string, type = "application/grpc", host = "shop.example"): string {
  return request(path, { method: "POST", host, headers: [`content-type: ${type}`], body: "" });
}

const grpc: readonly OracleCase[] = (
  [
    ["no-route", call("/x", "application/grpc", "strict.example")],
    ["no-host", call("/x", "application/grpc", "unknown.example")],
    ["no-endpoint", call("/empty")],
    ["dead", call("/dead")],
    ["full", call("/full")],
    ["missing", call("/missing/500")],
    ["timeout", call("/timeout")],
    ["direct", call("/direct/503")],
    ["direct-418", call("/direct/418")],
    ["direct-headers", call("/direct/headers")],
    ["redirect", call("/redirect/301")],
    ["with-subtype", call("/empty", "application/grpc+proto")],
    ["with-parameter", call("/empty", "application/grpc;charset=x")],
    ["web", call("/empty", "application/grpc-web")],
    ["passed", call("/exact")],
  ] as const
).map(([name, send]) => ({
  id: `grpc/${name}`,
  config: STATIC,
  listener: "main",
  steps: [{ send }],
  ...(name === "timeout" ? { answers: [{ write: [] }], probes: false } : {}),
}));

const trailersOnly = (status: number): UpstreamAnswer => ({
  write: [
    `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: ${status}\r\ncontent-length: 0\r\n\r\n`,
  ],
});

const grpcRetries: readonly OracleCase[] = [14, 13, 8, 4, 1, 2].map((status) => ({
  id: `grpc/retried-${status}`,
  config: STATIC,
  listener: "main",
  steps: [{ send: call("/retry/grpc") }],
  answers: [trailersOnly(status), trailersOnly(0)],
}));

const FRAME = "\0\0\0\0\x03abc";
const MESSAGE: UpstreamAnswer = {
  write: [
    `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n8\r\n${FRAME}\r\n0\r\n\r\n`,
  ],
};

function webCall(path: string, type: string, body: string): string {
  return request(path, { method: "POST", headers: [`content-type: ${type}`], body });
}

const base64 = Buffer.from(FRAME, "latin1").toString("base64");

const grpcWeb: readonly OracleCase[] = (
  [
    ["binary", webCall("/exact", "application/grpc-web+proto", FRAME), MESSAGE],
    ["text", webCall("/exact", "application/grpc-web-text+proto", base64), MESSAGE],
    ["only-head", webCall("/exact", "application/grpc-web", ""), trailersOnly(5)],
    ["no-endpoint", webCall("/empty", "application/grpc-web", ""), MESSAGE],
    ["other", webCall("/exact", "application/json", "{}"), MESSAGE],
  ] as const
).map(([name, send, answer]) => ({
  id: `grpc-web/${name}`,
  config: STATIC,
  listener: "grpc-web",
  steps: [{ send }],
  answers: [answer],
}));

export const upgradeCases: readonly OracleCase[] = [
  ...upgrades,
  ...grpc,
  ...grpcRetries,
  ...grpcWeb,
];
