/** Audit records as syslog (RFC 5424) by UDP (RFC 5426), TCP and unix stream sockets (octet counting, RFC 6587). */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, isIPv6, type Socket } from "node:net";
import { hostname } from "node:os";
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { AuditTarget } from "./export-queue.ts";

export type SyslogPlace =
  | { readonly kind: "udp" | "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** RFC 5424 section 6.2.1: 13 is "log audit". */
const FACILITY = 13;
const SEVERITY = { ok: 6, refused: 4, failed: 3 } as const;
/** RFC 5426 section 3.2: more than 2048 need not be taken; what does not fit is cut off the message. */
const UDP_BYTES_MAX = 8192;
const TIMEOUT_MS = 10_000;
/** RFC 5612: the number for examples, for want of one of our own. */
const STRUCTURE = "tulle@32473";

export class SyslogTarget implements AuditTarget {
  readonly name: string;
  readonly #place: SyslogPlace;
  readonly #mesh: string;
  #udp: UdpSocket | undefined;
  #stream: Socket | undefined;

  constructor(place: SyslogPlace, mesh: string) {
    this.#place = place;
    this.#mesh = mesh;
    this.name =
      place.kind === "unix" ? `syslog:${place.path}` : `syslog:${place.host}:${place.port}`;
  }

  async send(records: readonly AuditRecord[]): Promise<void> {
    const messages = records.map((record) => Buffer.from(syslogMessage(record, this.#mesh)));
    if (this.#place.kind === "udp") {
      for (const message of messages) await this.#sendDatagram(message, this.#place);
      return;
    }
    const frames = messages.flatMap((message) => [Buffer.from(`${message.length} `), message]);
    const stream = await this.#connected();
    await written(stream, Buffer.concat(frames));
  }

  close(): void {
    this.#udp?.close();
    this.#udp = undefined;
    this.#stream?.destroy();
  }

  #sendDatagram(message: Buffer, to: { readonly host: string; readonly port: number }) {
    this.#udp ??= createSocket(isIPv6(to.host) ? "udp6" : "udp4").on("error", () => undefined);
    const socket = this.#udp;
    const size = Math.min(message.length, UDP_BYTES_MAX);
    return new Promise<void>((resolve, reject) => {
      socket.send(message, 0, size, to.port, to.host, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  #connected(): Promise<Socket> {
    const { kind } = this.#place;
    if (this.#stream?.writable === true) return Promise.resolve(this.#stream);
    const place = this.#place;
    const stream =
      place.kind === "unix"
        ? connect({ path: place.path })
        : connect({ host: place.host, port: place.port });
    this.#stream = stream;
    // A collector says nothing; what it closes is opened again.
    stream.resume();
    return new Promise((resolve, reject) => {
      stream.setTimeout(TIMEOUT_MS, () => stream.destroy(new Error(`no answer by ${kind}`)));
      stream.once("connect", () => {
        stream.setTimeout(0);
        resolve(stream);
      });
      stream.on("error", reject);
    });
  }
}

function written(stream: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once("error", reject);
    stream.write(bytes, (error) => {
      stream.off("error", reject);
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

/** RFC 5424 section 6. The message is the record as JSON, in UTF-8. */
export function syslogMessage(record: AuditRecord, mesh: string): string {
  const priority = FACILITY * 8 + (SEVERITY[record.outcome] ?? SEVERITY.ok);
  const host = hostname().replaceAll(/[^!-~]/g, "") || "-";
  const parameters = [
    ["mesh", mesh],
    ["seq", String(record.seq)],
    ["action", record.action],
    ["actor", record.actor?.name ?? ""],
    ["hash", record.hash],
  ] as const;
  const data = parameters.map(([name, value]) => ` ${name}="${escapeParameter(value)}"`).join("");
  const head = `<${priority}>1 ${record.time} ${host} tulle ${process.pid} ${record.kind}`;
  return `${head} [${STRUCTURE}${data}] \u{feff}${JSON.stringify(record)}`;
}

/** RFC 5424 section 6.3.3: a quote, a backslash and a bracket are escaped. */
function escapeParameter(value: string): string {
  return value.replaceAll(/["\\\]]/g, "\\$&").replaceAll(/[\r\n]/g, " ");
}
