/** What `deploy/` has for exports is valid, names only options that there are, and its parts agree with each other. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { parseDocuments } from "../../src/resource/documents.ts";
import { registry } from "../../src/resource/registry.ts";
import { formatViolations } from "../../src/resource/violation.ts";

const DEPLOY = join(import.meta.dirname, "..", "..", "deploy");
const STACKS = ["jaeger", "zipkin", "efk"];
const read = (...path: readonly string[]): string => readFileSync(join(DEPLOY, ...path), "utf8");

function exportersOf(stack: string) {
  const text = read(stack, "exporter.yaml");
  const { objects, violations } = parseDocuments(text, "exporter.yaml", registry);
  assert.equal(formatViolations(violations), "");
  return objects.map((object) => {
    assert.ok(object.kind === "TelemetryExporter");
    return object;
  });
}

/** Of the Compose Specification, what we use. */
const composeSchema = z.strictObject({
  services: z.record(
    z.string(),
    z.strictObject({
      image: z.string().regex(/^[a-z0-9./-]+:[0-9.]+$/),
      // Never beyond the machine: nothing in there asks for a password.
      ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)),
      environment: z.record(z.string(), z.string()).optional(),
      command: z.array(z.string()).optional(),
      depends_on: z.array(z.string()).optional(),
      volumes: z.array(z.string()).optional(),
    }),
  ),
  volumes: z.record(z.string(), z.strictObject({})).optional(),
});

for (const stack of STACKS) {
  test(`deploy/${stack} is valid, and its exporters send to ports that it publishes`, () => {
    const { services, volumes = {} } = composeSchema.parse(parse(read(stack, "compose.yaml")));
    const published = Object.values(services).flatMap(({ ports }) =>
      ports.map((port) => Number(port.split(":")[1])),
    );
    for (const service of Object.values(services)) {
      for (const name of service.depends_on ?? []) assert.ok(services[name], name);
      for (const volume of service.volumes ?? []) {
        const [source = ""] = volume.split(":");
        if (source.startsWith("./")) assert.ok(read(stack, source));
        else assert.ok(volumes[source], source);
      }
    }
    for (const object of exportersOf(stack)) {
      const { otlp, zipkin, elasticsearch, forward } = object.spec;
      const endpoint = (otlp ?? zipkin ?? elasticsearch)?.endpoint;
      const port = endpoint === undefined ? forward?.port : Number(new URL(endpoint).port);
      assert.ok(port !== undefined && published.includes(port), `${object.metadata.name}: ${port}`);
    }
  });
}

test("Fluent Bit listens where it is published, and sends to a service of the stack", () => {
  const { pipeline } = parse(read("efk", "fluent-bit.yaml"));
  const { services } = composeSchema.parse(parse(read("efk", "compose.yaml")));
  assert.deepEqual(Object.keys(pipeline), ["inputs", "outputs"]);
  const [input] = pipeline.inputs;
  const [output] = pipeline.outputs;
  assert.deepEqual([input.name, input.port], ["forward", 24_224]);
  assert.ok(services[output.host]?.ports.some((port) => port.endsWith(`:${output.port}`)));
});

/** What listens on the ports of the images, by which protocol, as their makers document it. */
const WELL_KNOWN: Readonly<Record<string, string>> = {
  jaeger: "otlp Grpc 4317",
  zipkin: "zipkin /api/v2/spans 9411",
  "fluent-bit": "forward Tcp 24224",
  elasticsearch: "elasticsearch logs-tulle.access-default 9200",
};

test("exporters speak the protocol of the port that they send to", () => {
  const said = STACKS.flatMap((stack) => exportersOf(stack)).map(({ metadata, spec }) => {
    const { otlp, zipkin, elasticsearch, forward } = spec;
    const words = (kind: string, endpoint: string, word: string): string =>
      `${kind} ${word} ${new URL(endpoint).port}`;
    const how =
      (otlp && words("otlp", otlp.endpoint, otlp.protocol)) ??
      (zipkin && words("zipkin", zipkin.endpoint, new URL(zipkin.endpoint).pathname)) ??
      (elasticsearch && words("elasticsearch", elasticsearch.endpoint, elasticsearch.dataStream)) ??
      (forward && `forward ${forward.transport} ${forward.port}`);
    return [metadata.name, how];
  });
  assert.deepEqual(Object.fromEntries(said), WELL_KNOWN);
});

test("what is sent is taken: tags by Fluent Bit, data streams by the index template", () => {
  const { index_patterns: patterns, data_stream } = JSON.parse(
    read("elasticsearch", "index-template.json"),
  );
  const matches = (pattern: string, text: string): boolean =>
    new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`).test(text);
  assert.ok(data_stream, "streams are created by the template");
  const [output] = parse(read("efk", "fluent-bit.yaml")).pipeline.outputs;
  const streams = [output.index];
  for (const { spec } of exportersOf("efk")) {
    if (spec.elasticsearch !== undefined) streams.push(spec.elasticsearch.dataStream);
    if (spec.forward !== undefined) {
      for (const kind of ["access", "audit"]) {
        assert.ok(matches(output.match, `${spec.forward.tag}.${kind}`));
      }
    }
  }
  assert.equal(streams.length, 2);
  for (const stream of streams) {
    assert.ok(
      patterns.some((pattern: string) => matches(pattern, stream)),
      stream,
    );
  }
  // A data stream takes nothing else.
  assert.equal(output.write_operation, "create");
});

test("the index templates of Elasticsearch and OpenSearch differ in the name of one type", () => {
  const [elasticsearch, opensearch] = ["elasticsearch", "opensearch"].map((name) => {
    assert.deepEqual(readdirSync(join(DEPLOY, name)), ["index-template.json"]);
    return read(name, "index-template.json");
  });
  assert.equal(elasticsearch?.replaceAll("flattened", "flat_object"), opensearch);
});

test("the examples of the guide are valid", () => {
  const guide = readFileSync(join(DEPLOY, "..", "docs", "guides", "exporters.md"), "utf8");
  const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = ""]) => yaml);
  assert.ok(blocks.length > 0);
  for (const yaml of blocks) {
    const { objects, violations } = parseDocuments(yaml, "exporters.md", registry);
    assert.equal(formatViolations(violations), "");
    assert.equal(objects.length, 8);
  }
});
