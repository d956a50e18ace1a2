/** What a route says about traces: Envoy's `Route.tracing`, and the part of the path that all its requests share. */
import type { RouteMatch, Tracing } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { CustomTag } from "../gen/envoy/type/tracing/v3/custom_tag_pb.js";
import type { FractionalPercent } from "../gen/envoy/type/v3/percent_pb.js";
import type { FieldError } from "./field-error.ts";
import { fractionOf } from "./fraction.ts";

/** An attribute of spans. */
export type TagRule =
  | { readonly kind: "literal"; readonly name: string; readonly value: string }
  | {
      readonly kind: "environment";
      readonly name: string;
      readonly variable: string;
      readonly absent: string;
    }
  /** `header` is lower case. An empty text for `absent`: no attribute. */
  | {
      readonly kind: "header";
      readonly name: string;
      readonly header: string;
      readonly absent: string;
    };

/** Fractions from 0 to 1. */
export interface SamplingFractions {
  /** Of requests with `x-client-trace-id`. */
  readonly client: number;
  readonly random: number;
  readonly overall: number;
}

export interface RouteTracing {
  readonly fractions: SamplingFractions;
  /** Beside the listener's; one of the same name goes before it. */
  readonly tags: readonly TagRule[];
}

export function compileRouteTracing(
  tracing: Tracing | undefined,
  path: string,
  errors: FieldError[],
): RouteTracing | undefined {
  if (tracing === undefined) return undefined;
  return {
    fractions: {
      client: orAll(tracing.clientSampling),
      random: orAll(tracing.randomSampling),
      overall: orAll(tracing.overallSampling),
    },
    tags: compileTags(tracing.customTags, `${path}.custom_tags`, errors),
  };
}

export function compileTags(
  tags: readonly CustomTag[],
  path: string,
  errors: FieldError[],
): readonly TagRule[] {
  const rules: TagRule[] = [];
  for (const [index, { tag: name, type }] of tags.entries()) {
    const at = `${path}[${index}]`;
    if (name === "") errors.push({ path: `${at}.tag`, message: "a name is required" });
    switch (type.case) {
      case "literal":
        rules.push({ kind: "literal", name, value: type.value.value });
        break;
      case "environment": {
        const { name: variable, defaultValue: absent } = type.value;
        rules.push({ kind: "environment", name, variable, absent });
        break;
      }
      case "requestHeader": {
        const header = type.value.name.toLowerCase();
        rules.push({ kind: "header", name, header, absent: type.value.defaultValue });
        break;
      }
      default:
        errors.push({
          path: at,
          message: "one of literal, environment, request_header is required",
        });
    }
  }
  return rules;
}

/** `/items`, `/items/*`; "" where requests of the route have nothing in common that can be said so. */
export function pathTemplate(match: RouteMatch | undefined): string {
  const specifier = match?.pathSpecifier;
  switch (specifier?.case) {
    case "path":
      return specifier.value;
    case "pathSeparatedPrefix":
      return `${specifier.value}/*`;
    case "prefix":
      return specifier.value === "/" || specifier.value === "" ? "" : `${specifier.value}*`;
    default:
      return "";
  }
}

/** Envoy's default for what is not set is all. */
function orAll(percent: FractionalPercent | undefined): number {
  return percent === undefined ? 1 : fractionOf(percent);
}
