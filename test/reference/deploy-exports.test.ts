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
    const text = read(stack, "exporter.yaml");
    const { objects, violations } = parseDocuments(text, "exporter.yaml", registry);
    assert.equal(formatViolations(violations), "");
    for (const object of objects) {
      assert.ok(object.kind === "TelemetryExporter");
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
