/**
 * How often a client may ask, and how often it may fail to prove who it is. The owner's unix socket is not counted:
 * who can open it can do worse.
 */
import type { Clock } from "../../core/clock.ts";
import { KeyedTokenBuckets } from "../../identity/token-bucket.ts";
import type { Principal } from "./principal.ts";

/** A dashboard with all its panels asks some ten times a second. */
const REQUESTS = { burst: 400, perSecond: 100 };
/** Of one address. A token has 256 bits, so this is about work, not about guessing. */
const FAILURES = { burst: 20, perSecond: 1 };
/** Clients counted at one time. */
const CLIENTS_MAX = 4096;

export class ClientLimits {
  readonly #requests: KeyedTokenBuckets;
  readonly #failures: KeyedTokenBuckets;

  constructor(clock: Clock) {
    this.#requests = new KeyedTokenBuckets({ ...REQUESTS, clock, keysMax: CLIENTS_MAX });
    this.#failures = new KeyedTokenBuckets({ ...FAILURES, clock, keysMax: CLIENTS_MAX });
  }

  /** Whether a client may ask once more. */
  mayAsk({ transport, method, name, address }: Principal): boolean {
    if (transport === "unix") return true;
    return this.#requests.tryTake(method === "anonymous" ? `anonymous ${address}` : name);
  }

  /** Counts a failure; false when there were too many from this address. */
  mayFail(address: string): boolean {
    return this.#failures.tryTake(address);
  }
}
