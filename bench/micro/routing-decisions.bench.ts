/** What a request asks of its route besides the path: hosts, headers, weights, rewrites, header changes. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { bench, do_not_optimize, group } from "mitata";
import { SeededPrng } from "../../src/core/prng.ts";
import type { FieldError } from "../../src/decision/field-error.ts";
import { applyMutations } from "../../src/decision/header-mutation.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import type { ForwardAction } from "../../src/decision/route.ts";
import { RouteTable } from "../../src/decision/route-table.ts";
import { choiceAt, remainderOf } from "../../src/decision/weighted-clusters.ts";
import { RouteConfigurationSchema } from "../../src/gen/envoy/config/route/v3/route_pb.js";
import { HeaderBlock } from "../../src/http/header-block.ts";

const HOSTS = 100;

function tableOf(virtualHosts: JsonObject[]): RouteTable {
  const errors: FieldError[] = [];
  const config = fromJson(RouteConfigurationSchema, {
    ...{ name: "bench", virtual_hosts: virtualHosts, ignore_port_in_host_matching: true },
  });
  const table = new RouteTable(config, errors);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return table;
}

function host(domain: string, match: JsonObject, route: JsonObject = { cluster: "c" }): JsonObject {
  return { name: domain, domains: [domain], routes: [{ match, route }] };
}

const headers: Readonly<Record<string, string>> = { "x-version": "v2", "x-number": "17" };

function request(authority: string, query = ""): RequestView {
  return {
    ...{
      method: "GET",
      path: "/products/7",
      query,
      authority,
      scheme: "http",
      httpVersion: "HTTP/1.1" as const,
    },
    header: (name) => headers[name],
    headerValues: (name) => (headers[name] === undefined ? [] : [headers[name]]),
  };
}

function forward(route: JsonObject, match: JsonObject = { prefix: "/" }): ForwardAction {
  const action = tableOf([host("*", match, route)]).virtualHosts[0]?.routes[0]?.action;
  if (action?.kind !== "forward") throw new Error("no forward");
  return action;
}

group("find a virtual host", () => {
  const domains = Array.from({ length: HOSTS }, (_, index) => `service-${index}.shop.svc`);
  const exact = tableOf(domains.map((domain) => host(domain, { prefix: "/" })));
  const wildcards = tableOf(domains.map((domain) => host(`*.${domain}`, { prefix: "/" })));
  const known = request(`service-${HOSTS - 1}.shop.svc:8080`);
  const below = request(`a.service-${HOSTS - 1}.shop.svc`);
  bench(`one of ${HOSTS} names`, () => do_not_optimize(exact.match(known)));
  bench(`one of ${HOSTS} wildcards`, () => do_not_optimize(wildcards.match(below)));
});

group("judge a condition", () => {
  const conditions: Readonly<Record<string, JsonObject>> = {
    "exact header": { headers: [{ name: "x-version", string_match: { exact: "v2" } }] },
    "header in a range": {
      headers: [{ name: "x-number", range_match: { start: "1", end: "99" } }],
    },
    "header by regex": {
      headers: [{ name: "x-version", string_match: { safe_regex: { regex: "v\\d+" } } }],
    },
    "query parameter": { query_parameters: [{ name: "page", string_match: { exact: "2" } }] },
  };
  const asked = request("shop", "sort=name&page=2");
  for (const [name, condition] of Object.entries(conditions)) {
    const table = tableOf([host("*", { prefix: "/", ...condition })]);
    bench(name, () => do_not_optimize(table.match(asked)));
  }
  const path = tableOf([host("*", { safe_regex: { regex: "/products/\\d+" } })]);
  bench("path by regex", () => do_not_optimize(path.match(asked)));
});

group("split by weight", () => {
  const clusters = [90, 7, 3].map((weight, index) => ({ name: `v${index}`, weight }));
  const { split } = forward({ weighted_clusters: { clusters } });
  const prng = new SeededPrng(1);
  bench("by chance, of three", () =>
    do_not_optimize(choiceAt(split, Math.floor(prng.next() * split.total))),
  );
  bench("by a header's value", () =>
    do_not_optimize(choiceAt(split, remainderOf("18446744073709551614", split.total) ?? 0)),
  );
});

group("rewrite a path", () => {
  const prefix = forward({ cluster: "c", prefix_rewrite: "/goods" }, { prefix: "/products" });
  const pattern = { pattern: { regex: "^/([^/]+)/(\\d+)$" }, substitution: "/\\2/\\1" };
  const regex = forward({ cluster: "c", regex_rewrite: pattern });
  bench("by prefix", () => do_not_optimize(prefix.rewritePath?.("/products/7")));
  bench("by regex", () => do_not_optimize(regex.rewritePath?.("/products/7")));
});

group("change headers", () => {
  const header = (key: string, value: string): JsonObject => ({ header: { key, value } });
  const route: JsonObject = {
    match: { prefix: "/" },
    route: { cluster: "c" },
    request_headers_to_add: [
      { ...header("x-one", "1"), append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
      { ...header("x-two", "2"), append_action: "ADD_IF_ABSENT" },
    ],
    request_headers_to_remove: ["x-three"],
  };
  const table = tableOf([{ name: "v", domains: ["*"], routes: [route] }]);
  const mutations = table.virtualHosts[0]?.routes[0]?.requestMutations ?? [];
  const block = new HeaderBlock();
  bench("set, add and remove", () => {
    block.clear();
    applyMutations(mutations, block);
    do_not_optimize(block);
  });
});
