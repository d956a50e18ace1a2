/** Requests from outside, explained by the documents of the example: which listener takes them, and why none does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { registry as kinds } from "../../resource/registry.ts";
import { apiErrorResponse } from "../admin-api/api-error.ts";
import { explainInDocuments } from "./explain-mesh.ts";
import type { ExplainRequest } from "./explain-types.ts";

const EXAMPLE = join(import.meta.dirname, "../../../examples/gateway.yaml");
const documents = {
  files: [{ name: "gateway.yaml", text: readFileSync(EXAMPLE, "utf8") }],
  kinds,
  trustDomain: "tulle.local",
  nowMs: 0,
};

/** The Gateway's listener and the route, or the message and the hint. */
function explained(url: string, more: Partial<ExplainRequest> = {}): string {
  try {
    const asked = { method: "GET", url, gateway: "shop", ...more };
    const { gateway, route, notes } = explainInDocuments(asked, documents);
    const noted = notes.filter((note) => note.includes("421"));
    return [gateway?.listener, route?.source?.name, ...noted].join(" > ");
  } catch (error) {
    assert.ok(error instanceof Error);
    return `${error.message}: ${apiErrorResponse(error).body.error.hint}`;
  }
}

test("the port, the scheme and with TLS the host choose the listener", () => {
  assert.equal(explained("https://www.shop.example:8443/reviews"), "https > shop");
  assert.equal(explained("http://www.shop.example:8080/"), "http > to-https");
  assert.equal(explained("https://www.shop.example/", { gateway: "default/shop" }), "https > shop");
  assert.equal(explained("https://other.shop.example/"), "https > ");
  assert.equal(explained("http://any.example/", { listener: "http" }), "http > to-https");
});

test("what no listener takes is said with what they do take", () => {
  assert.equal(
    explained("https://shop.example/"),
    "no listener at port 8443 takes the server name shop.example: the TLS handshake is refused: they take *.shop.example",
  );
  assert.equal(
    explained("http://www.shop.example:8443/"),
    "the listeners at port 8443 speak https, not http: write the URL as https://www.shop.example:8443/",
  );
  assert.equal(
    explained("http://www.shop.example:9/"),
    "the gateway has no HTTP listener at port 9: it has 8080 (http), 8443 (https)",
  );
  assert.match(explained("http://a/", { gateway: "shopp" }), /did you mean default\/shop/);
  assert.match(explained("http://a/", { listener: "htp" }), /no listener "htp": did you mean http/);
  assert.match(explained("http://a/", { from: "storefront" }), /exclude each other/);
});

test("a host that is not the server name is told of", () => {
  assert.equal(
    explained("https://www.shop.example/", { headers: [["host", "b.shop.example"]] }),
    "https >  > the request names b.shop.example, its TLS handshake www.shop.example: it gets 421 where a listener with another certificate is for that host",
  );
});
