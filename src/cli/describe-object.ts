/** Any object as `tulle describe` shows it: who it is, what its author wants, what the control plane found. */
import type { InstanceView, ResourceObject } from "../control-plane/api-types.ts";
import { expandedRules } from "../resource/role-expansion.ts";
import { type DescribeOptions, factLines, section } from "./describe-service.ts";
import { labelsText, recordsAt, textAt } from "./json-view.ts";
import { formatAge } from "./output/age.ts";
import { printable } from "./output/text-width.ts";

export interface DescribeObjectOptions extends DescribeOptions {
  readonly nowMs: number;
  /** Turns the spec into YAML. */
  readonly stringify: (value: unknown) => string;
}

export function describeObject(object: ResourceObject, options: DescribeObjectOptions): string {
  const { style } = options;
  const { metadata } = object;
  const title =
    metadata.namespace === "" ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  const facts = factLines(
    [
      ["API version", object.apiVersion],
      ["Labels", labelsText(metadata.labels) || "none"],
      ["Age", formatAge(metadata.creationTimestamp, options.nowMs)],
      ["Revision", metadata.resourceVersion ?? "-"],
    ],
    options,
  );
  const yaml = (value: unknown): string =>
    options
      .stringify(value)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => `  ${line}\n`)
      .join("");
  const bound = boundRules(object);
  return [
    `${style.bold(`${object.kind} ${title}`)}\n${facts}`,
    section("Spec", yaml(object.spec), style),
    ...(bound.length === 0 ? [] : [section("Rules of the bindings", yaml(bound), style)]),
    section("Conditions", conditionsText(object, options), style),
  ].join("\n");
}

/** The rules that the bindings of an AuthorizationPolicy become, with the numbers by which denials name them. */
function boundRules({ kind, spec }: ResourceObject): readonly object[] {
  if (kind !== "AuthorizationPolicy") return [];
  const first = recordsAt(spec, "rules").length;
  return expandedRules(spec)
    .map((rule, index) => ({ rule: index, ...rule }))
    .slice(first);
}

/** What is known of the running instance behind a Workload. */
export function describeInstance(view: InstanceView, options: DescribeObjectOptions): string {
  const { style } = options;
  const state = view.serving ? style.green(view.state) : style.yellow(view.state);
  const facts = factLines(
    [
      ["Services", view.services.join(", ") || "none selects it"],
      ["Version", view.version || "-"],
      ["Address", view.address],
      ["Since", `${formatAge(view.stateSince, options.nowMs)} ago`],
      ["Serving", view.serving ? "yes: other proxies send it requests" : servingText(view)],
    ],
    options,
  );
  return section(`Instance (${state})`, facts, style);
}

function servingText({ maintenance }: InstanceView): string {
  return maintenance ? "no: `tulle drain` took it out; `tulle undrain` puts it back" : "no";
}

/** The conditions of the object, and of a route those of each parent. */
function conditionsText(object: ResourceObject, options: DescribeOptions): string {
  const { style } = options;
  const own = recordsAt(object.status, "conditions").map((condition) => ({ condition, of: "" }));
  const ofParents = recordsAt(object.status, "parents").flatMap((parent) =>
    recordsAt(parent, "conditions").map((condition) => ({
      condition,
      of: ` for ${textAt(parent, "parentRef", "kind") || "parent"} ${textAt(parent, "parentRef", "name")}`,
    })),
  );
  return [...own, ...ofParents]
    .map(({ condition, of }) => {
      const status = textAt(condition, "status");
      const paint = status === "True" ? style.green : style.yellow;
      const message = textAt(condition, "message");
      const text = `${textAt(condition, "type")}: ${paint(status)} (${textAt(condition, "reason")})${of}`;
      return `  ${text}\n${message === "" ? "" : `    ${printable(message)}\n`}`;
    })
    .join("");
}
