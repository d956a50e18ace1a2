/** What `tulle get` shows of the kinds that say whom the mesh trusts, besides whether they are accepted. */
import { asRecord, textAt, valueAt } from "./json-view.ts";

export interface TextColumns {
  readonly titles: readonly string[];
  readonly texts: (spec: Readonly<Record<string, unknown>>) => readonly string[];
}

export const FEDERATION_TEXTS: TextColumns = {
  titles: ["TRUST DOMAIN", "PROFILE", "ENDPOINT"],
  texts: (spec) => [
    textAt(spec, "trustDomain"),
    textAt(asRecord(valueAt(spec, "bundleEndpointProfile")), "type"),
    textAt(spec, "bundleEndpointURL"),
  ],
};

const PLACES = ["issuer", "server", "socketPath"];

export const ATTESTOR_TEXTS: TextColumns = {
  titles: ["BY", "FROM"],
  texts: (spec) => {
    const [way = "", settings] = Object.entries(spec)[0] ?? [];
    const from = PLACES.map((name) => textAt(asRecord(settings), name)).join("");
    const names = asRecord(settings)["dnsNames"];
    return [way, Array.isArray(names) ? names.join(",") : from];
  },
};
