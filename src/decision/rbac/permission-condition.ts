/** Envoy's Permission, compiled: what a request does. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { wireText } from "../../core/wire-text.ts";
import type { TypedExtensionConfig } from "../../gen/envoy/config/core/v3/extension_pb.js";
import type { Permission } from "../../gen/envoy/config/rbac/v3/rbac_pb.js";
import { UriTemplateMatchConfigSchema } from "../../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import type { PathMatcher } from "../../gen/envoy/type/matcher/v3/path_pb.js";
import type { StringMatcher } from "../../gen/envoy/type/matcher/v3/string_pb.js";
import type { FieldError } from "../field-error.ts";
import { shown, stringWanted } from "../matcher-text.ts";
import { compileStringMatcher, type StringTest } from "../string-matcher.ts";
import { compileAddressRange } from "./address-range.ts";
import { allOf, always, anyOf, type Condition, leaf, never, noneOf } from "./condition.ts";
import { compileHeaderCondition, type Leaning } from "./header-condition.ts";
import { compileMetadataCondition } from "./metadata-condition.ts";
import { compileUriTemplate } from "./uri-template.ts";

export interface ConditionOptions {
  readonly leaning: Leaning;
  /** There is no request: a connection is judged. */
  readonly isForTcp: boolean;
}

export function opposite({ leaning, isForTcp }: ConditionOptions): ConditionOptions {
  return { leaning: leaning === "wide" ? "narrow" : "wide", isForTcp };
}

const PORT_MAX = 65_535;

export function compilePermission(
  { rule }: Permission,
  options: ConditionOptions,
  path: string,
  errors: FieldError[],
): Condition {
  switch (rule.case) {
    case "any":
      if (!rule.value) errors.push({ path: `${path}.any`, message: "must be true" });
      return rule.value ? always("anything") : never("anything");
    case "andRules":
    case "orRules": {
      const field = rule.case === "andRules" ? "and_rules" : "or_rules";
      const parts = rule.value.rules.map((part, index) =>
        compilePermission(part, options, `${path}.${field}.rules[${index}]`, errors),
      );
      if (parts.length === 0) {
        errors.push({ path: `${path}.${field}.rules`, message: "at least one is required" });
        return never("anything");
      }
      return rule.case === "andRules" ? allOf(parts) : anyOf(parts);
    }
    case "notRule":
      return noneOf(compilePermission(rule.value, opposite(options), `${path}.not_rule`, errors));
    case "header":
      return compileHeaderCondition(
        rule.value,
        options.leaning,
        options.isForTcp,
        `${path}.header`,
        errors,
      );
    case "urlPath":
      return compilePathCondition(rule.value, `${path}.url_path`, errors);
    case "uriTemplate":
      return templateCondition(rule.value, `${path}.uri_template`, errors);
    case "destinationIp": {
      const range = compileAddressRange(rule.value, `${path}.destination_ip`, errors);
      return leaf((_, { localAddress }) => range.includes(localAddress), {
        subject: "destination IP",
        wanted: range.text,
        found: (_, { localAddress }) => shown(localAddress),
      });
    }
    case "destinationPort": {
      const port = rule.value;
      if (port > PORT_MAX) {
        errors.push({ path: `${path}.destination_port`, message: `must be ${PORT_MAX} or less` });
      }
      return portLeaf((localPort) => localPort === port, String(port));
    }
    case "destinationPortRange": {
      const { start, end } = rule.value;
      if (start < 0 || end > PORT_MAX + 1 || start >= end) {
        const message = `must be a range of ports: start below end, from 0 to ${PORT_MAX + 1}`;
        errors.push({ path: `${path}.destination_port_range`, message });
      }
      return portLeaf((port) => port >= start && port < end, `from ${start} to below ${end}`);
    }
    case "requestedServerName": {
      const test = stringTest(rule.value, `${path}.requested_server_name`, errors);
      return leaf((_, { serverName }) => test(serverName), {
        subject: "server name",
        wanted: stringWanted(rule.value),
        found: (_, { serverName }) => shown(serverName),
      });
    }
    case "metadata":
      return compileMetadataCondition(rule.value, `${path}.metadata`, errors);
    default:
      errors.push({ path, message: "a rule of a known kind is required" });
      return never("anything");
  }
}

function portLeaf(test: (port: number) => boolean, wanted: string): Condition {
  return leaf((_, { localPort }) => test(localPort), {
    subject: "destination port",
    wanted,
    found: (_, { localPort }) => String(localPort),
  });
}

/** What there is no path for (CONNECT, TCP) matches no path, as in Envoy. */
function pathLeaf(test: StringTest, wanted: string): Condition {
  return leaf(({ path }) => path !== "" && test(path), {
    subject: "path",
    wanted,
    found: ({ path }) => (path === "" ? "missing" : shown(path)),
  });
}

export function compilePathCondition(
  { rule }: PathMatcher,
  path: string,
  errors: FieldError[],
): Condition {
  if (rule.case !== "path") {
    errors.push({ path: `${path}.path`, message: "is required" });
    return never("path");
  }
  return pathLeaf(stringTest(rule.value, `${path}.path`, errors), stringWanted(rule.value));
}

function templateCondition(
  { typedConfig }: TypedExtensionConfig,
  path: string,
  errors: FieldError[],
): Condition {
  const config = typedConfig && anyUnpack(typedConfig, UriTemplateMatchConfigSchema);
  if (config === undefined) {
    errors.push({ path: `${path}.typed_config`, message: "a UriTemplateMatchConfig is required" });
    return never("path");
  }
  const at = `${path}.typed_config.path_template`;
  const { pathTemplate } = config;
  return pathLeaf(compileUriTemplate(pathTemplate, at, errors).matches, `template ${pathTemplate}`);
}

/** A SPIFFE id by its end, as translation writes it. Its characters may be quoted. */
const IDENTITY_END = /^spiffe:\/\/\.\*((?:\\[\\^$.*+?()[\]{}|]|[^\\^$.*+?()[\]{}|])+)$/;
const IDENTITY_START = "spiffe://";

/** What matches every text that is not empty, or an identity by its end, needs no automaton. */
export function stringTest(matcher: StringMatcher, path: string, errors: FieldError[]): StringTest {
  const { matchPattern } = matcher;
  if (matchPattern.case === "safeRegex") {
    const { regex } = matchPattern.value;
    if (regex === ".+") return (value) => value !== "";
    const [, quoted] = IDENTITY_END.exec(regex) ?? [];
    if (quoted !== undefined) {
      const end = wireText(quoted.replaceAll(/\\(.)/g, "$1"));
      const length = IDENTITY_START.length + end.length;
      return (value) =>
        value.length >= length && value.startsWith(IDENTITY_START) && value.endsWith(end);
    }
  }
  return compileStringMatcher(matcher, path, errors);
}
