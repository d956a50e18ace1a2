/** What the parts of one gateway's configuration are made with. */
import type { Findings } from "../findings.ts";
import type { MeshIndex } from "../mesh-index.ts";
import type { ProxyScope } from "../mesh-snapshot.ts";

export interface GatewayContext {
  readonly index: MeshIndex;
  readonly scope: ProxyScope;
  readonly findings: Findings;
}
