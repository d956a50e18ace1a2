/** Turns a cart into an order: reads the cart, checks the customer, charges, empties the cart. */
import { randomUUID } from "node:crypto";
import { HttpError, call, serve } from "./service-kit.mjs";

const CUSTOMERS_MAX = 10_000;
const ORDERS_PER_CUSTOMER_MAX = 20;
const ordersOf = new Map();

function remember(owner, order) {
  if (!ordersOf.has(owner) && ordersOf.size >= CUSTOMERS_MAX) ordersOf.delete(ordersOf.keys().next().value);
  ordersOf.set(owner, [order, ...(ordersOf.get(owner) ?? [])].slice(0, ORDERS_PER_CUSTOMER_MAX));
}

serve("orders", {
  "GET /orders": ({ query }) => ({ orders: ordersOf.get(query.get("owner")) ?? [] }),
  "POST /orders": async (context) => {
    const { owner } = context.body;
    const path = `/carts/${encodeURIComponent(owner)}`;
    const [cart, customer] = await Promise.all([
      call(context, "cart", "GET", path),
      call(context, "users", "GET", `/users/${encodeURIComponent(owner)}`),
    ]);
    if (cart.count === 0) throw new HttpError(409, "the cart is empty");
    const id = randomUUID().slice(0, 8);
    const charge = await call(context, "payments", "POST", "/charges", {
      idempotencyKey: id,
      amountCents: cart.totalCents,
      customer: owner,
    });
    await call(context, "cart", "DELETE", path);
    const order = { id, lines: cart.lines, totalCents: cart.totalCents, chargeId: charge.id, shipTo: customer.city };
    remember(owner, order);
    return order;
  },
});
