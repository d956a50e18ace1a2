/** Findings and schema violations as lines for people. Both name the place and the fix. */

import type { DocumentViolation } from "../control-plane/api-error-types.ts";
import type { Finding, ResourceKey } from "../control-plane/api-types.ts";
import type { Style } from "./output/style.ts";
import { printable } from "./output/text-width.ts";

const FINDINGS_MAX = 100;

/** `HTTPRoute default/catalog`, `MeshConfig default`. */
export function keyText(key: ResourceKey): string {
  return key.namespace === ""
    ? `${key.kind} ${key.name}`
    : `${key.kind} ${key.namespace}/${key.name}`;
}

/** One or two lines per finding, each with its line break. */
export function findingLines(findings: readonly Finding[], style: Style, indent = ""): string {
  const lines = findings.slice(0, FINDINGS_MAX).map((finding) => {
    const place = [finding.object === undefined ? "" : keyText(finding.object), finding.path ?? ""]
      .filter((part) => part !== "")
      .join(" ");
    const hint =
      finding.hint === undefined
        ? ""
        : `${indent}  ${style.cyan("hint:")} ${printable(finding.hint)}\n`;
    const where = place === "" ? "" : `${printable(place)}: `;
    return `${indent}${severityText(finding.severity, style)} ${where}${printable(finding.message)}\n${hint}`;
  });
  const more = findings.length - FINDINGS_MAX;
  return lines.join("") + (more > 0 ? `${indent}and ${more} more\n` : "");
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === "error");
}

/** `file:line:column: object: path: message (found …; allowed …; did you mean …?)`, one line each. */
export function violationLines(violations: readonly DocumentViolation[], style: Style): string {
  return violations
    .map((violation) => {
      const position = [violation.line, violation.column].filter((part) => part !== undefined);
      const place =
        position.length > 0
          ? `${violation.file}:${position.join(":")}`
          : `${violation.file}, document ${violation.documentIndex + 1}`;
      const object = violation.object === undefined ? "" : `${violation.object}: `;
      const path = violation.path === "" ? "" : `${style.bold(printable(violation.path))}: `;
      return `${printable(place)}: ${printable(object)}${path}${printable(violation.message)}${details(violation)}\n`;
    })
    .join("");
}

/** What the message does not already say. */
function details(violation: DocumentViolation): string {
  const { message, found, allowed, nearest } = violation;
  const parts = [
    ...(found === undefined || message.includes(found) ? [] : [`found ${found}`]),
    ...(allowed === undefined || message.includes(allowed) ? [] : [`allowed: ${allowed}`]),
    ...(nearest === undefined || message.includes(nearest) ? [] : [`did you mean "${nearest}"?`]),
  ];
  return parts.length === 0 ? "" : ` (${printable(parts.join("; "))})`;
}

function severityText(severity: Finding["severity"], style: Style): string {
  switch (severity) {
    case "error":
      return style.red("error:");
    case "warning":
      return style.yellow("warning:");
    case "info":
      return style.blue("info:");
  }
}
