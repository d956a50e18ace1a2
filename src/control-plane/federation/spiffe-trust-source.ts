/** What translation is told of keys for tokens and of other trust domains, by whoever keeps them. */
import type { SpiffeTrust } from "../../translate/mesh-snapshot.ts";
import type { Finding } from "../../translate/translation.ts";
import type { ObjectCache } from "../object-cache.ts";

export interface SpiffeTrustSource {
  /** What holds now that these are the mesh's objects. The same object until something changes. */
  of(objects: ObjectCache): SpiffeTrust;
  /** What people should know about trust in other domains. */
  readonly findings: readonly Finding[];
}
