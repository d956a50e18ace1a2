/** What the layout is asked, and what it answers; types only, for the page and its worker. */

export interface LayoutRequest {
  /** The same for the same nodes, edges and sizes: figures are not in it. */
  readonly key: string;
  readonly nodes: readonly {
    readonly id: string;
    readonly width: number;
    readonly height: number;
  }[];
  readonly edges: readonly { readonly id: string; readonly from: string; readonly to: string }[];
  /** Whether something is written on each edge, for which there must be room between nodes. */
  readonly isWritten: boolean;
}

export type Point = readonly [x: number, y: number];

export interface EdgePlace {
  /** From end to end. */
  readonly points: readonly Point[];
  /** The middle of what is written on it. */
  readonly label: Point;
}

export interface Layout {
  readonly key: string;
  readonly width: number;
  readonly height: number;
  /** Middles of nodes, by id. */
  readonly nodes: ReadonlyMap<string, Point>;
  readonly edges: ReadonlyMap<string, EdgePlace>;
}
