/**
 * A mesh by `tulle up` for tests of policies: a Service `catalog` with an app of the test's own, and a client whose
 * sidecar the test asks. Policies come and go by the command line, as with people.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Ending, TulleHome, type TulleProcess } from "./tulle-process.ts";

/** Says where its sidecar has the Services that it is told of: `catalog at 127.0.0.1:4000.` */
const CLIENT = `
for (const [variable, host] of Object.entries(process.env)) {
  const name = /^([A-Z]+)_SERVICE_HOST$/.exec(variable)?.[1];
  if (name === undefined) continue;
  console.log(name.toLowerCase() + " at " + host + ":" + process.env[name + "_SERVICE_PORT"] + ".");
}
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;

export interface CatalogMeshOptions {
  /** Of the mesh. */
  readonly name: string;
  /** Source of the app, which listens on PORT. */
  readonly app: string;
  /** The services of mesh.yaml that run the app, with what they set beyond that; one `catalog` unless given. */
  readonly services?: Readonly<Record<string, object>>;
  /** What the client sets in mesh.yaml beyond its command and what it depends on. */
  readonly client?: object;
  /** Gateways that run beside them, as in mesh.yaml. */
  readonly gateways?: Readonly<Record<string, object>>;
  /** Objects that are there from the start. */
  readonly resources?: readonly object[];
}

/** Where the client's sidecar takes requests for a Service. */
export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

export interface Question {
  readonly headers?: OutgoingHttpHeaders;
  /** GET unless given. */
  readonly method?: string;
  /** Keeps connections; each request has one of its own unless given. */
  readonly agent?: Agent;
  /** The catalog's address unless given. */
  readonly at?: ServiceAddress;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export class CatalogMesh {
  readonly home: TulleHome;
  readonly #up: TulleProcess;
  readonly #catalog: ServiceAddress;

  private constructor(home: TulleHome, up: TulleProcess, catalog: ServiceAddress) {
    this.home = home;
    this.#up = up;
    this.#catalog = catalog;
  }

  /** Resolves when everything is ready. The caller removes it. */
  static async start(options: CatalogMeshOptions): Promise<CatalogMesh> {
    const home = await TulleHome.create();
    try {
      await writeMesh(home, options);
      const up = home.start(["up"]);
      await up.waitFor(/everything is ready/);
      return new CatalogMesh(home, up, await addressOf("catalog", up));
    } catch (error) {
      await home.remove();
      throw error;
    }
  }

  /** Where the client has another Service that was there when it started. */
  addressOf(service: string): Promise<ServiceAddress> {
    return addressOf(service, this.#up);
  }

  /** One request of the client. */
  async ask(path = "/", question: Question = {}): Promise<Answer> {
    const { headers = {}, method = "GET", at = this.#catalog, agent = false } = question;
    const outgoing = request({ ...at, path, headers, method, agent });
    // What ends an answer in its middle is told by the answer.
    outgoing.on("error", () => {});
    outgoing.end();
    const [response] = await once(outgoing, "response");
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  }

  /** What a command printed, which must succeed. */
  async tulle(...words: readonly string[]): Promise<string> {
    const { code, output } = await this.home.start(words).ended;
    assert.equal(code, 0, output);
    return output;
  }

  /** Resolves when the sidecars have it. */
  async apply(...objects: readonly object[]): Promise<void> {
    await this.tulle("apply", "--wait", "-f", await this.#write(objects));
  }

  /** For objects with something wrong: how `tulle apply` ended, and what it said. */
  async tryApply(...objects: readonly object[]): Promise<Ending> {
    return this.home.start(["apply", "-f", await this.#write(objects)]).ended;
  }

  remove(): Promise<void> {
    return this.home.remove();
  }

  async #write(objects: readonly object[]): Promise<string> {
    const file = join(this.home.path, "objects.yaml");
    await writeFile(file, documents(objects));
    return file;
  }
}

async function writeMesh(home: TulleHome, options: CatalogMeshOptions): Promise<void> {
  const { services = { catalog: {} }, client = {}, resources = [], gateways = {} } = options;
  const apps = Object.entries(services).map(([name, more]) => [
    name,
    { command: ["node", "app.js"], port: "http=auto", ...more },
  ]);
  const mesh = {
    mesh: options.name,
    ...(resources.length === 0 ? {} : { resources: "resources.yaml" }),
    gateways,
    services: {
      ...Object.fromEntries(apps),
      client: { command: ["node", "client.js"], dependsOn: Object.keys(services), ...client },
    },
  };
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify(mesh));
  await writeFile(join(home.path, "resources.yaml"), documents(resources));
  await writeFile(join(home.path, "app.js"), options.app);
  await writeFile(join(home.path, "client.js"), CLIENT);
}

async function addressOf(service: string, up: TulleProcess): Promise<ServiceAddress> {
  const [, host = "", port] = await up.waitFor(new RegExp(`\\b${service} at (\\S+):(\\d+)\\.`));
  return { host, port: Number(port) };
}

function documents(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}
