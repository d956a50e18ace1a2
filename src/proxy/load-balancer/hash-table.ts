/** How hashing policies find the endpoint for a hash: a table that is made when endpoints change. */

export interface HashTable {
  /**
   * Index of the endpoint for a hash, or -1 without endpoints. `high` and `low`: its halves, unsigned. `attempt`: from 1
   * for another one, when that for 0 was not wanted; it may be the same again.
   */
  indexAt(high: number, low: number, attempt: number): number;
}

/** `keys`: what each endpoint is hashed by. `shares`: its part of all requests; together they are 1. */
export type CreateHashTable = (keys: readonly string[], shares: Float64Array) => HashTable;
