/** The process's working memory of HPACK: used within calls only, by all connections of both sides in turn. */
import { HpackScratch } from "../http2/hpack/hpack-scratch.ts";

export const HPACK_SCRATCH = new HpackScratch();
