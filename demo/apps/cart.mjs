/** The shopping carts, one per customer or anonymous session. Prices are looked up in the catalog, never trusted. */
import { HttpError, call, serve } from "./service-kit.mjs";

const CARTS_MAX = 20_000;
const LINES_MAX = 50;
const carts = new Map();

function cartOf(owner) {
  let cart = carts.get(owner);
  if (cart === undefined) {
    if (carts.size >= CARTS_MAX) carts.delete(carts.keys().next().value);
    cart = new Map();
    carts.set(owner, cart);
  }
  return cart;
}

function view(owner) {
  const lines = [...(carts.get(owner)?.values() ?? [])];
  const count = lines.reduce((sum, line) => sum + line.quantity, 0);
  const totalCents = lines.reduce((sum, line) => sum + line.quantity * line.priceCents, 0);
  return { owner, lines, count, totalCents };
}

serve("cart", {
  "GET /carts/:owner": ({ params }) => view(params.owner),
  "POST /carts/:owner/items": async (context) => {
    const { owner } = context.params;
    const { productId, quantity = 1 } = context.body;
    const { product } = await call(context, "catalog", "GET", `/products/${encodeURIComponent(productId)}`);
    const cart = cartOf(owner);
    if (!cart.has(productId) && cart.size >= LINES_MAX) throw new HttpError(409, "the cart is full");
    const line = cart.get(productId) ?? { productId, name: product.name, quantity: 0 };
    cart.set(productId, { ...line, priceCents: product.priceCents, quantity: line.quantity + quantity });
    return view(owner);
  },
  "DELETE /carts/:owner": ({ params }) => {
    carts.delete(params.owner);
    return view(params.owner);
  },
});
