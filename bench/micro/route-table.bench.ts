/** Looking up a route: the first of few, the last of many, and one told by a header. */
import { create } from "@bufbuild/protobuf";
import { bench, do_not_optimize, group } from "mitata";
import type { FieldError } from "../../src/decision/field-error.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import { RouteTable } from "../../src/decision/route-table.ts";
import { RouteConfigurationSchema } from "../../src/gen/envoy/config/route/v3/route_pb.js";

const ROUTES = 100;

function tableOf(count: number): RouteTable {
  const routes = Array.from({ length: count }, (_, index) => ({
    match: {
      pathSpecifier: { case: "pathSeparatedPrefix" as const, value: `/service-${index}` },
    },
    action: {
      case: "route" as const,
      value: { clusterSpecifier: { case: "cluster" as const, value: `service-${index}` } },
    },
  }));
  const errors: FieldError[] = [];
  const config = create(RouteConfigurationSchema, {
    name: "bench",
    virtualHosts: [{ name: "all", domains: ["*"], routes }],
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

group("find a route", () => {
  const one = tableOf(1);
  const many = tableOf(ROUTES);
  const first = requestFor("/service-0/products/7");
  const last = requestFor(`/service-${ROUTES - 1}/products/7`);
  bench("the only one", () => do_not_optimize(one.match(first)));
  bench(`the last of ${ROUTES}`, () => do_not_optimize(many.match(last)));
});
