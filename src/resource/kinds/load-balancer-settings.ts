/** How an instance of a service is chosen: the algorithm, what a hash is taken of, and which instances come first. */
import { z } from "zod";
import { duration, headerName } from "../fields.ts";
import { labels } from "../metadata.ts";
import { listRule, objectRule, type Report, reportRepeated, valueAt } from "../rule.ts";
import { partOf, wholeOf } from "./settings-shape.ts";

const HOUR_MS = 3_600_000;

export const LOAD_BALANCER_ALGORITHMS = [
  "PeakEWMA",
  "LeastRequest",
  "RoundRobin",
  "Random",
  "RingHash",
  "Maglev",
] as const;
export type LoadBalancerAlgorithm = (typeof LOAD_BALANCER_ALGORITHMS)[number];

/** Those that need something to hash. */
const HASHING: readonly unknown[] = ["RingHash", "Maglev"];

/** Envoy's ceiling for the ring: 8M entries. */
const RING_SIZE_MAX = 8_388_608;
/** Envoy's ceiling for the table of Maglev. */
const TABLE_SIZE_MAX = 5_000_011;

/** Beyond it a caller's connections cost more than a subset saves. */
const SUBSET_SIZE_MAX = 10_000;

const hashKey = objectRule(
  z.strictObject({
    header: z
      .strictObject({ name: headerName().describe("Compared without regard to case.") })
      .optional()
      .describe("The value of a request header."),
    cookie: z
      .strictObject({
        name: headerName().describe("The cookie's name."),
        ttl: duration({ maxMs: 400 * 24 * HOUR_MS })
          .optional()
          .describe(
            "Set: a client without the cookie gets one that lives so long; 0s: until the browser closes. Not set: no cookie is made.",
          ),
        path: z.string().max(1024).optional().describe("Of the cookie that is made."),
      })
      .optional()
      .describe("The value of a cookie."),
    queryParameter: z
      .strictObject({ name: z.string().min(1).max(256).describe("Compared exactly.") })
      .optional()
      .describe("The first query parameter of the name."),
    sourceAddress: z.literal(true).optional().describe("The address of the client."),
    terminal: z
      .boolean()
      .default(false)
      .describe("When this gives a value, later ones are not looked at."),
  }),
  (value, report) => {
    const members = ["header", "cookie", "queryParameter", "sourceAddress"];
    const set = members.filter((member) => value[member] !== undefined);
    if (set.length === 1) return;
    report({
      path: set[1] === undefined ? [] : [set[1]],
      message:
        set.length === 0
          ? "names nothing to hash; set header, cookie, queryParameter or sourceAddress"
          : `stands beside ${set[0]}; an entry hashes one thing, write another entry`,
      allowed: "header, cookie, queryParameter or sourceAddress",
    });
  },
);

const tableSize = z
  .int()
  .min(2)
  .max(TABLE_SIZE_MAX)
  .superRefine((size, context) => {
    if (isPrime(size)) return;
    const rule = {
      path: [],
      code: "invalid-value",
      message: "must be a prime number",
      allowed: "a prime, like 65537",
    };
    context.addIssue({ code: "custom", path: [], params: { rule } });
  });

const slowStartFields = {
  window: duration({ maxMs: HOUR_MS }).describe(
    "How long an instance that is new or healthy again gets less than its share; 0s for no slow start.",
  ),
  aggression: z
    .number()
    .min(0.1)
    .max(100)
    .describe("1: its share grows evenly. Above 1: fast at first. Below 1: slowly at first."),
  minimumWeight: z.int().min(1).max(100).describe("Percent of its weight that it begins with."),
} as const;

const ringHashFields = {
  minimumRingSize: z
    .int()
    .min(1)
    .max(RING_SIZE_MAX)
    .describe("Points on the ring. More make shares more even, and take memory."),
  maximumRingSize: z.int().min(1).max(RING_SIZE_MAX).describe("Points on the ring at most."),
} as const;

const maglevFields = {
  tableSize: tableSize.describe("Entries of the table, a prime number."),
} as const;

const zone = () => z.string().min(1).max(63);

const distribution = z.strictObject({
  from: zone().describe("The callers' zone; * for every zone without an entry of its own."),
  to: z
    .record(zone(), z.int().min(1).max(1000))
    .describe("Zones and their weights. Other zones get requests only when these are unhealthy."),
});

const failoverOrder = z.strictObject({
  from: zone().describe("The callers' zone; * for every zone without an entry of its own."),
  to: z.array(zone()).min(1).max(16).describe("Zones, the one to try first at the front."),
});

const localityFields = {
  preferZone: z
    .boolean()
    .describe(
      "Requests stay in the caller's zone while enough of its instances are healthy, then spill over to other zones.",
    ),
  overprovisioningFactor: z
    .int()
    .min(100)
    .max(1000)
    .describe(
      "Percent. 140: a zone keeps all of its requests until fewer than 100/140 (71 %) of its instances are healthy.",
    ),
  failover: uniqueFrom(z.array(failoverOrder).max(64)).describe(
    "Which zones come after the caller's, in order, where preferZone is set.",
  ),
  distribute: uniqueFrom(z.array(distribution).max(64)).describe(
    "Shares of zones by the caller's zone. Goes before preferZone.",
  ),
} as const;

const subset = z.strictObject({
  selector: labels().describe("Labels that the instances must have."),
  fallback: z
    .enum(["AnyEndpoint", "NoEndpoint"])
    .default("AnyEndpoint")
    .describe("When no instance has them: any instance gets the request, or it fails."),
});

const subsettingFields = {
  size: z
    .int()
    .min(0)
    .max(SUBSET_SIZE_MAX)
    .describe(
      "Instances that each caller uses, with locality.preferZone so many of each zone that gets requests; others stand in for those that are not healthy. 0: all of them.",
    ),
} as const;

const plainFields = {
  algorithm: z
    .enum(LOAD_BALANCER_ALGORITHMS)
    .describe(
      "PeakEWMA: the better of two random instances by recent peak latency times requests in flight. LeastRequest: the better of two by requests in flight. RoundRobin: each in turn. Random. RingHash and Maglev: the same instance for the same hash (consistentHash); Maglev is faster and moves more when instances change.",
    ),
  consistentHash: z
    .array(hashKey)
    .max(8)
    .describe(
      "What RingHash and Maglev hash of a request, in this order. A request that has none of it goes anywhere.",
    ),
  hashBalanceFactor: z
    .union([z.literal(0), z.int().min(101).max(1000)], {
      error: "0 for no bound, or 101 to 1000 percent",
    })
    .describe(
      "Bounded load for RingHash and Maglev: no instance gets more than this percentage of the average; 0 for no bound.",
    ),
  panicThreshold: z
    .int()
    .min(0)
    .max(100)
    .describe(
      "Percent. With fewer healthy instances than this requests go to all, healthy or not; 0: never to an unhealthy one.",
    ),
} as const;

/** As TrafficPolicy writes it. */
export const loadBalancerPart = objectRule(
  partOf(plainFields).extend({
    ringHash: partOf(ringHashFields).optional().describe("For RingHash."),
    maglev: partOf(maglevFields).optional().describe("For Maglev."),
    slowStart: partOf(slowStartFields)
      .optional()
      .describe("For LeastRequest, RoundRobin and PeakEWMA."),
    locality: partOf(localityFields).optional().describe("Which zones come first."),
    subset: subset.optional().describe("Only instances with these labels, while there are any."),
    subsetting: partOf(subsettingFields)
      .optional()
      .describe(
        "Each caller uses a part of a large service's instances, a part of its own that changes as little as possible. Of those that subset leaves, where both are set. Not for RingHash and Maglev.",
      ),
  }),
  (value, report) => {
    const { algorithm, consistentHash } = value;
    if (HASHING.includes(algorithm) && !isFilled(consistentHash)) reportNoKey(algorithm, report);
    if (isFilled(consistentHash) && algorithm !== undefined && !HASHING.includes(algorithm)) {
      report({
        path: ["consistentHash"],
        message: `has no effect with ${String(algorithm)}; write algorithm: Maglev or RingHash`,
      });
    }
    checkRingSizes(value, report);
    checkSubsetting(value, report);
  },
);

/** As MeshConfig holds it. */
export const loadBalancerWhole = objectRule(
  wholeOf(plainFields, {
    // The one that sends least to an instance that is slow, without anything to configure.
    algorithm: "PeakEWMA",
    consistentHash: [],
    hashBalanceFactor: 0,
    // An instance that is known to be gone answers nothing: a 503 at once is better than a timeout.
    panicThreshold: 0,
  }).extend({
    ringHash: wholeOf(ringHashFields, {
      // Envoy's defaults.
      minimumRingSize: 1024,
      maximumRingSize: RING_SIZE_MAX,
    }).prefault({}),
    maglev: wholeOf(maglevFields, { tableSize: 65_537 }).prefault({}),
    slowStart: wholeOf(slowStartFields, {
      // Off, as in Envoy: only the author knows whether an app must warm up.
      window: "0s",
      aggression: 1,
      minimumWeight: 10,
    }).prefault({}),
    locality: wholeOf(localityFields, {
      // Off: with few instances a zone a preference makes shares uneven.
      preferZone: false,
      overprovisioningFactor: 140,
      failover: [],
      distribute: [],
    }).prefault({}),
    subsetting: wholeOf(subsettingFields, {
      // All: connections are dear only where there are hundreds of instances.
      size: 0,
    })
      .prefault({})
      .describe(
        "Each caller uses a part of a large service's instances. Has no effect with RingHash and Maglev.",
      ),
  }),
  (value, report) => {
    const { algorithm, consistentHash } = value;
    if (HASHING.includes(algorithm) && !isFilled(consistentHash)) reportNoKey(algorithm, report);
    checkRingSizes(value, report);
  },
);

export type HashKey = z.output<typeof hashKey>;
export type LoadBalancerSettings = z.output<typeof loadBalancerWhole> & {
  readonly subset?: z.output<typeof subset> | undefined;
};

function uniqueFrom<T extends z.ZodType>(schema: T): T {
  return listRule(schema, (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => {
        const from = valueAt(item, "from");
        return typeof from === "string" ? from : undefined;
      },
      path: ["from"],
      what: "zones of callers",
    });
  });
}

function isFilled(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

function reportNoKey(algorithm: unknown, report: Report): void {
  report({
    path: ["consistentHash"],
    code: "missing-field",
    message: `is missing; ${String(algorithm)} needs something to hash`,
    allowed: "a list like [{header: {name: x-user}}]",
  });
}

function checkSubsetting(value: unknown, report: Report): void {
  const algorithm = valueAt(value, "algorithm");
  const size = valueAt(value, "subsetting", "size");
  if (!HASHING.includes(algorithm) || typeof size !== "number" || size === 0) return;
  report({
    path: ["subsetting"],
    message: `must not stand beside ${String(algorithm)}: each caller would hash over other instances, and the same key would go to a different one from each; leave it out, or choose an algorithm that does not hash`,
    allowed: "PeakEWMA, LeastRequest, RoundRobin or Random beside it",
  });
}

function checkRingSizes(value: unknown, report: Report): void {
  const least = valueAt(value, "ringHash", "minimumRingSize");
  const most = valueAt(value, "ringHash", "maximumRingSize");
  if (typeof least !== "number" || typeof most !== "number" || least <= most) return;
  report({
    path: ["ringHash", "minimumRingSize"],
    message: `is ${least}, more than maximumRingSize ${most}`,
  });
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor === 0) return false;
  }
  return true;
}
