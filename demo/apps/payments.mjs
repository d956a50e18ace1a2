/** Takes the money. A charge carries an idempotency key, so that a repeated one is answered from memory. */
import { randomUUID } from "node:crypto";
import { HttpError, serve } from "./service-kit.mjs";

const CHARGES_MAX = 20_000;
const charges = new Map();

serve("payments", {
  "POST /charges": ({ body }) => {
    const { idempotencyKey, amountCents, customer } = body;
    if (!idempotencyKey || !(amountCents > 0)) throw new HttpError(400, "idempotencyKey and amountCents are needed");
    const known = charges.get(idempotencyKey);
    if (known !== undefined) return known;
    if (charges.size >= CHARGES_MAX) charges.delete(charges.keys().next().value);
    const charge = { id: randomUUID(), amountCents, customer, status: "captured" };
    charges.set(idempotencyKey, charge);
    return charge;
  },
});
