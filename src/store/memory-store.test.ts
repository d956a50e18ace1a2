/** The memory store keeps the contract. */
import { testStoreContract } from "../../test/support/store-contract.ts";
import { ManualClock } from "../core/clock.ts";
import { registry } from "../resource/registry.ts";
import { createMemoryStore } from "./memory-store.ts";

testStoreContract("memory", {
  open: ({ logEventsMax }) =>
    createMemoryStore({ clock: new ManualClock(), registry, logEventsMax }),
});
