/** What the rules of caching read of a message: they know neither codecs nor connections. */

/** All values of a lower-case name joined by commas, or undefined. */
export type HeaderView = (lowerName: string) => string | undefined;

export interface CachedRequestView {
  readonly method: string;
  header(lowerName: string): string | undefined;
}

export interface CachedResponseView {
  readonly status: number;
  readonly header: HeaderView;
}
