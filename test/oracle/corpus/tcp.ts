/** Connections that are not HTTP, or may be: who gets which bytes, and how each side learns of the other's end. */
import { frame } from "../../support/http2-frame-recorder.ts";
import { FRAME } from "../../support/raw-http2-client.ts";

export interface TcpCase {
  readonly id: string;
  readonly listener:
    | "opaque"
    | "dead"
    | "empty"
    | "missing"
    | "greeting"
    | "closing"
    | "resetting"
    | "hashed"
    | "sni"
    | "sni-or-rest"
    | "detected";
  /** Written one after the other, as reads of their own where the other side is quick enough. */
  readonly sends?: readonly string[];
  /** The client speaks TLS with this name, "" for none. */
  readonly serverName?: string;
  /** The address that the client connects from. */
  readonly from?: string;
  /** The client ends its side behind what it sent. Else what comes back is waited for. */
  readonly ends?: boolean;
}

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET = "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n";
const hello = frame(FRAME.settings, 0, 0).toString("latin1");

const sni = (listener: "sni" | "sni-or-rest"): readonly TcpCase[] =>
  [
    ["known", "a.example"],
    ["in-capitals", "A.EXAMPLE"],
    ["below", "x.b.example"],
    ["far-below", "x.y.b.example"],
    ["suffix-alone", "b.example"],
    ["unknown", "nobody.example"],
    ["none", ""],
  ].map(([name = "", serverName = ""]) => ({
    id: `tcp/${listener}/${name}`,
    listener,
    serverName,
  }));

export const tcpCases: readonly TcpCase[] = [
  { id: "tcp/opaque/echo", listener: "opaque", sends: ["hello"] },
  { id: "tcp/opaque/half-closed", listener: "opaque", sends: ["hello"], ends: true },
  { id: "tcp/opaque/in-parts", listener: "opaque", sends: ["a", "b", "c"], ends: true },
  { id: "tcp/opaque/large", listener: "opaque", sends: ["x".repeat(2_000_000)], ends: true },
  { id: "tcp/opaque/nothing", listener: "opaque", ends: true },
  { id: "tcp/greeting/server-first", listener: "greeting" },
  { id: "tcp/closing/by-upstream", listener: "closing", sends: ["hello"] },
  { id: "tcp/resetting/by-upstream", listener: "resetting", sends: ["hello"] },
  { id: "tcp/dead/refused", listener: "dead", sends: ["hello"] },
  { id: "tcp/empty/no-endpoint", listener: "empty", sends: ["hello"] },
  { id: "tcp/missing/no-cluster", listener: "missing", sends: ["hello"] },
  ...Array.from({ length: 24 }, (_, index) => `127.0.3.${index + 1}`).map(
    (from): TcpCase => ({
      ...{ id: `tcp/hashed/from-${from}`, listener: "hashed", sends: ["hello"] },
      ...{ ends: true, from },
    }),
  ),
  ...sni("sni"),
  ...sni("sni-or-rest"),
  { id: "tcp/sni/plain-text", listener: "sni", sends: [GET] },
  { id: "tcp/sni-or-rest/plain-text", listener: "sni-or-rest", sends: [GET] },
  { id: "tcp/detected/http-1", listener: "detected", sends: [GET] },
  { id: "tcp/detected/http-1-in-parts", listener: "detected", sends: ["GE", GET.slice(2)] },
  { id: "tcp/detected/http-2", listener: "detected", sends: [PREFACE + hello] },
  {
    id: "tcp/detected/http-2-in-parts",
    listener: "detected",
    sends: ["PRI * HT", PREFACE.slice(8) + hello],
  },
  { id: "tcp/detected/ssh", listener: "detected", sends: ["SSH-2.0-OpenSSH_9.9\r\n"] },
  { id: "tcp/detected/binary", listener: "detected", sends: ["\0\x01\x02\x03\xff"] },
  { id: "tcp/detected/redis", listener: "detected", sends: ["*1\r\n$4\r\nPING\r\n"] },
  { id: "tcp/detected/tls", listener: "detected", serverName: "a.example" },
];
