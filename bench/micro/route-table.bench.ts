/** Looking up a route: as many routes as there are, it costs the same. Told by path, by prefix, by pattern and by header. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { bench, do_not_optimize, group } from "mitata";
import type { FieldError } from "../../src/decision/field-error.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import { RouteTable } from "../../src/decision/route-table.ts";
import { RouteConfigurationSchema } from "../../src/gen/envoy/config/route/v3/route_pb.js";

const COUNTS = [1, 10, 100, 1_000];

function tableOf(matches: readonly JsonObject[]): RouteTable {
  const errors: FieldError[] = [];
  const routes = matches.map((match) => ({ match, route: { cluster: "c" } }));
  const config = fromJson(RouteConfigurationSchema, {
    name: "bench",
    virtual_hosts: [{ name: "all", domains: ["*"], routes }],
  });
  const table = new RouteTable(config, errors);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return table;
}

function requestFor(path: string): RequestView {
  return {
    ...{
      method: "GET",
      path,
      query: "",
      authority: "shop",
      scheme: "http",
      httpVersion: "HTTP/1.1" as const,
    },
    header: () => undefined,
    headerValues: () => [],
  };
}

/** Names of one length, so that only the number of routes differs. */
const name = (index: number): string => `service-${String(index).padStart(4, "0")}`;

const KINDS: readonly (readonly [string, (index: number) => JsonObject, string])[] = [
  ["prefix", (index) => ({ path_separated_prefix: `/${name(index)}` }), "/products/7"],
  ["exact path", (index) => ({ path: `/${name(index)}/products/7` }), "/products/7"],
  [
    "pattern",
    (index) => ({ safe_regex: { regex: `/${name(index)}/[a-z]+/[0-9]+` } }),
    "/products/7",
  ],
];

for (const [kind, match, rest] of KINDS) {
  group(`find a route by ${kind}`, () => {
    for (const count of COUNTS) {
      const table = tableOf(Array.from({ length: count }, (_, index) => match(index)));
      const last = requestFor(`/${name(count - 1)}${rest}`);
      bench(`the last of ${count}`, () => do_not_optimize(table.match(last)));
    }
  });
}

group("find no route", () => {
  for (const count of COUNTS) {
    const table = tableOf(Array.from({ length: count }, (_, index) => KINDS[0]![1](index)));
    const other = requestFor("/service-none/products/7");
    bench(`among ${count}`, () => do_not_optimize(table.match(other)));
  }
});
