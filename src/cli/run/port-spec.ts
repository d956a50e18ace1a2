/**
 * The ports of an app as people write them, the same on the command line and in mesh.yaml:
 * `8080`, `auto`, `8080-8099`, `grpc=9090`, `admin=9901/tcp`. Resolving a spec asks the system for a free port.
 */
import { createServer } from "node:net";
import {
  INSTANCE_PROTOCOLS,
  type InstanceProtocol,
  OPAQUE_PORTS_DEFAULT,
  protocolOfName,
} from "../../resource/port-protocol.ts";
import { failedError } from "../errors.ts";

/** The loopback address that an app listens on. */
export const APP_HOST = "127.0.0.1";

export interface PortSpec {
  /** How a Service's `targetPort` names it. */
  readonly name: string;
  /** The ports that will do, both ends included; undefined: any free one. */
  readonly range: { readonly first: number; readonly last: number } | undefined;
  readonly protocol: InstanceProtocol;
}

/** A port that was free a moment ago. */
export interface ResolvedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: InstanceProtocol;
}

/** A spec, or a sentence that says what is wrong with the text. */
export type ParsedPortSpec =
  | { readonly ok: true; readonly spec: PortSpec }
  | { readonly ok: false; readonly message: string };

const SHAPE =
  /^(?:(?<name>[^=/]*)=)?(?<port>auto|(?<first>\d{1,5})(?:-(?<last>\d{1,5}))?)(?:\/(?<protocol>[^/]*))?$/;
/** RFC 6335, section 5.1: what a port name may look like; Kubernetes asks the same. */
const NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** What a port that is neither named nor declared is called when its protocol is `auto`, which is no name. */
const UNDECLARED_NAME = "app";

/** Parses one spec. `protocol` is used when the text names none; without it the name or the number tells. */
export function parsePortSpec(text: string, protocol?: InstanceProtocol): ParsedPortSpec {
  const groups = SHAPE.exec(text)?.groups;
  if (groups === undefined) {
    const forms = "PORT, FIRST-LAST or auto, with NAME= before or /PROTOCOL after";
    return { ok: false, message: `"${text}" is not a port: write ${forms}` };
  }
  const given = groups["name"];
  const first = Number(groups["first"]);
  const chosen = groups["protocol"] ?? protocol ?? undeclaredProtocol(given, first);
  if (!isProtocol(chosen)) {
    const choices = `${INSTANCE_PROTOCOLS.slice(0, -1).join(", ")} or ${INSTANCE_PROTOCOLS.at(-1)}`;
    return { ok: false, message: `"${chosen}" is not a protocol: write ${choices}` };
  }
  const name = given ?? (chosen === "auto" ? UNDECLARED_NAME : chosen);
  if (!NAME.test(name)) {
    const rule = "lower-case letters, digits and single dashes, at most 15, one letter at least";
    return { ok: false, message: `"${name}" is not a port name: ${rule}` };
  }
  if (groups["port"] === "auto") {
    return { ok: true, spec: { name, range: undefined, protocol: chosen } };
  }
  const last = Number(groups["last"] ?? groups["first"]);
  if (first < 1 || last > 65_535 || first > last) {
    return { ok: false, message: `"${groups["port"]}" is not within 1 to 65535, lowest first` };
  }
  return { ok: true, spec: { name, range: { first, last }, protocol: chosen } };
}

/**
 * As for a Service's port: a name declares by its prefix, and some numbers are known to carry opaque TCP. A port with
 * another name may speak anything; one without a name speaks HTTP.
 */
function undeclaredProtocol(name: string | undefined, port: number): InstanceProtocol {
  const byName = name === undefined ? undefined : protocolOfName(name);
  if (byName !== undefined && byName !== "undeclared") return byName;
  if (OPAQUE_PORTS_DEFAULT.includes(port)) return "tcp";
  return name === undefined ? "http" : "auto";
}

/** Whether `text` is a protocol that an app's port may be declared to speak. */
export function isProtocol(text: string): text is InstanceProtocol {
  return (INSTANCE_PROTOCOLS as readonly string[]).includes(text);
}

/**
 * Finds a free port for each spec. `taken` holds ports given out already and gains the chosen ones.
 * Throws `CLI_FAILED` that names the port when none of a range is free.
 */
export async function resolvePorts(
  specs: readonly PortSpec[],
  taken: Set<number>,
): Promise<readonly ResolvedPort[]> {
  const resolved: ResolvedPort[] = [];
  for (const { name, range, protocol } of specs) {
    const port = range === undefined ? await anyFreePort(taken) : await firstFree(range, taken);
    taken.add(port);
    resolved.push({ name, port, protocol });
  }
  return resolved;
}

async function firstFree(
  range: { readonly first: number; readonly last: number },
  taken: ReadonlySet<number>,
): Promise<number> {
  for (let port = range.first; port <= range.last; port++) {
    if (!taken.has(port) && (await tryListen(port)) !== undefined) return port;
  }
  if (range.first === range.last) {
    throw failedError(
      `port ${range.first} is in use`,
      `stop what listens there, or choose another: \`auto\`, or a range such as ${range.first}-${range.first + 9}`,
    );
  }
  throw failedError(`no port of ${range.first}-${range.last} is free`, "widen the range");
}

/** How often the system may answer with a port that was given out a moment ago. */
const ANY_PORT_ATTEMPTS_MAX = 50;

async function anyFreePort(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < ANY_PORT_ATTEMPTS_MAX; attempt++) {
    const port = await tryListen(0);
    if (port !== undefined && !taken.has(port)) return port;
  }
  throw failedError("the system has no free port");
}

/** Binds `port` (0: any) for a moment: the bound port, or undefined when it is in use or forbidden. */
export function tryListen(port: number, host: string = APP_HOST): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : undefined),
      );
    });
  });
}
