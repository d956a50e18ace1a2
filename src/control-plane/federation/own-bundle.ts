/**
 * The bundle of the mesh itself as others fetch it: its roots, its keys for tokens, and a sequence number that grows with
 * each change and over restarts, so that whoever has a newer one never goes back.
 */
import {
  type BundleContents,
  formatBundleDocument,
  type PublicJwk,
} from "../../decision/spiffe/bundle-document.ts";
import { readOptionalFile, replaceFile } from "../../identity/state-files.ts";
import type { TrustBundle } from "../../identity/trust-bundle.ts";

/** How often others are told to ask, in seconds: SPIFFE's five minutes. */
export const REFRESH_HINT_S = 300;

export interface OwnBundleOptions {
  /** Where the document lies, for whoever copies it by hand. Undefined: in memory alone. */
  readonly path: string | undefined;
  readonly getRoots: () => TrustBundle;
  readonly getJwtKeys: () => readonly PublicJwk[];
}

/** What was published last. */
interface Published {
  /** The document without its sequence number. */
  readonly text: string;
  readonly sequence: bigint;
}

export class OwnBundle {
  readonly #options: OwnBundleOptions;
  #published: Published | undefined;

  constructor(options: OwnBundleOptions) {
    this.#options = options;
    const text = options.path === undefined ? undefined : readOptionalFile(options.path);
    this.#published = text === undefined ? undefined : parsePublished(text);
  }

  /** The document at this moment. */
  document(): string {
    const { path, getRoots, getJwtKeys } = this.#options;
    const contents: BundleContents = {
      rootsDer: getRoots().roots.map(({ der }) => der),
      jwtKeys: getJwtKeys(),
      refreshHintS: REFRESH_HINT_S,
    };
    const text = formatBundleDocument(contents);
    const before = this.#published;
    const isSame = before?.text === text;
    const sequence = isSame ? before.sequence : (before?.sequence ?? 0n) + 1n;
    const document = formatBundleDocument({ ...contents, sequence });
    if (isSame) return document;
    // Written down before anybody sees it.
    if (path !== undefined) replaceFile(path, document, 0o644);
    this.#published = { text, sequence };
    return document;
  }
}

/** As `formatBundleDocument` puts the number behind all else. */
function parsePublished(document: string): Published | undefined {
  const match = /^(\{.*),"spiffe_sequence":(\d{1,20})\}$/s.exec(document);
  const [, text, sequence] = match ?? [];
  if (text === undefined || sequence === undefined) return undefined;
  return { text: `${text}}`, sequence: BigInt(sequence) };
}
