/** A strict reader of the Prometheus text format 0.0.4: what it does not know is an error. */
import assert from "node:assert/strict";

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly ParsedSample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`, "s");
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, "s");
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/;
const NUMBER = /^(?:[+-]Inf|NaN|[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?)$/;

/** Throws AssertionError for text that Prometheus would refuse, and for histograms that do not add up. */
export function parsePrometheus(text: string): ReadonlyMap<string, ParsedFamily> {
  assert.ok(text === "" || text.endsWith("\n"), "the last line has an end");
  const families = new Map<string, ParsedFamily>();
  const lines = text.split("\n").slice(0, -1);
  for (let at = 0; at < lines.length; ) {
    const help = HELP.exec(lines[at]!) ?? assert.fail(`no HELP: ${lines[at]}`);
    const type = TYPE.exec(lines[at + 1] ?? "") ?? assert.fail(`no TYPE: ${lines[at + 1]}`);
    const [, name = "", helpText = ""] = help;
    assert.equal(type[1], name, "TYPE follows its HELP");
    assert.ok(!families.has(name), `${name} stands in two places`);
    at += 2;
    const samples: ParsedSample[] = [];
    for (; at < lines.length && !lines[at]!.startsWith("#"); at++)
      samples.push(sampleOf(lines[at]!));
    const family = { name, help: helpText, type: type[2] ?? "", samples };
    checkFamily(family);
    families.set(name, family);
  }
  return families;
}

function sampleOf(line: string): ParsedSample {
  const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? assert.fail(line);
  assert.match(value, NUMBER, line);
  return { name, labels: labelsOf(labels, line), value: numberOf(value) };
}

function labelsOf(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ""; ) {
    const [all, name = "", value = ""] = LABEL.exec(rest) ?? assert.fail(`labels of ${line}`);
    assert.ok(!(name in labels), `${name} twice in ${line}`);
    labels[name] = value.replace(/\\([\\"n])/g, (_all, char: string) =>
      char === "n" ? "\n" : char,
    );
    rest = rest.slice(all.length);
  }
  return labels;
}

function numberOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function checkFamily(family: ParsedFamily): void {
  const seen = new Set<string>();
  for (const { name, labels } of family.samples) {
    const key = `${name}${JSON.stringify(Object.entries(labels).sort())}`;
    assert.ok(!seen.has(key), `${key} twice`);
    seen.add(key);
  }
  if (family.type === "histogram") checkHistogram(family);
  else for (const { name } of family.samples) assert.equal(name, family.name);
}

function checkHistogram({ name, samples }: ParsedFamily): void {
  const series = new Map<string, ParsedSample[]>();
  for (const sample of samples) {
    const { le: _le, ...labels } = sample.labels;
    const key = JSON.stringify(Object.entries(labels).sort());
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, own] of series) {
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => numberOf(labels["le"] ?? ""));
    assert.deepEqual(
      bounds,
      [...new Set(bounds)].sort((a, b) => a - b),
      `bounds of ${key} rise`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${key} has +Inf`);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `counts of ${key} rise`,
    );
    const count = own.find((sample) => sample.name === `${name}_count`);
    assert.equal(count?.value, counts.at(-1), `${key} counts what its buckets hold`);
    assert.ok(
      own.some((sample) => sample.name === `${name}_sum`),
      `${key} has a sum`,
    );
    assert.equal(own.length, buckets.length + 2);
  }
}
