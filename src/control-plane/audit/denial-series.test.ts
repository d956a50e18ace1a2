import assert from "node:assert/strict";
import { test } from "node:test";
import { readDenials } from "./denial-series.ts";

test("denials are read with their labels, dry runs and other counters are not", () => {
  const text = `# TYPE tulle_policy_decisions_total counter
tulle_policy_decisions_total{policy="default/a",rule="0",action="ALLOW",mode="enforced",result="allowed",condition="",source_principal=""} 9
tulle_policy_decisions_total{policy="none",rule="",action="ALLOW",mode="enforced",result="denied",condition="path \\"/x\\"",source_principal="spiffe://d/ns/a/sa/b"} 3
tulle_policy_decisions_total{policy="default/d",rule="1",action="DENY",mode="shadow",result="denied",condition="",source_principal="x"} 4
istio_requests_total{result="denied"} 5
tulle_policy_decisions_total{policy="broken",result="denied"
`;
  assert.deepEqual(
    [...readDenials(text).values()],
    [
      {
        by: "policy",
        policy: "none",
        rule: "",
        condition: 'path "/x"',
        principal: "spiffe://d/ns/a/sa/b",
        count: 3,
      },
    ],
  );
});

test("refused certificates are read by their reason, other refusals are not", () => {
  const text = `tulle_downstream_connections_refused_total{reason="expired"} 2
tulle_downstream_connections_refused_total{reason="connection-limit"} 9
tulle_downstream_connections_refused_total{reason="no-certificate"} 9
`;
  const [series, ...others] = readDenials(text).values();
  assert.deepEqual([series?.by, series?.condition, series?.count], ["certificate", "expired", 2]);
  assert.deepEqual(others, []);
});
