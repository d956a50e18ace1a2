/** What else a customer may like. The same service as recommendations.py, for machines without Python. */
import { call, serve } from "./service-kit.mjs";

const COUNT = 3;

function hash(text) {
  let value = 0;
  for (const char of text) value = (Math.imul(value, 31) + char.codePointAt(0)) >>> 0;
  return value;
}

serve("recommendations (node)", {
  "GET /recommendations": async (context) => {
    const { products } = await call(context, "catalog", "GET", "/products");
    const seen = context.query.get("product") ?? "";
    const start = hash(`${context.query.get("customer") ?? ""}/${seen}`) % products.length;
    const others = [...products.slice(start), ...products.slice(0, start)].filter((product) => product.id !== seen);
    return { language: "node", products: others.slice(0, COUNT) };
  },
});
