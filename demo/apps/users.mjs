/** The customers. Signing in creates the ones that do not exist yet: nobody has to register in a demo. */
import { HttpError, serve } from "./service-kit.mjs";

const CUSTOMERS_MAX = 10_000;
const CITIES = ["Calais", "Nottingham", "Lyon", "Kyoto", "Porto", "Gdansk"];
const customers = new Map();

function customerNamed(name) {
  const id = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  if (id === "" || id.length > 40) throw new HttpError(400, "a name has 1 to 40 letters or digits");
  let customer = customers.get(id);
  if (customer === undefined) {
    if (customers.size >= CUSTOMERS_MAX) customers.delete(customers.keys().next().value);
    customer = { id, name, city: CITIES[customers.size % CITIES.length], visits: 0 };
    customers.set(id, customer);
  }
  return customer;
}

serve("users", {
  "POST /sessions": ({ body }) => {
    const customer = customerNamed(String(body.name ?? ""));
    customer.visits += 1;
    return customer;
  },
  "GET /users/:id": ({ params }) => customerNamed(params.id),
});
