/**
 * The side of the ADS client that the sidecar implements: it gets decoded-by-nobody resource bytes,
 * applies what is good, and says what is wrong with the rest.
 */

export interface ReceivedResource {
  readonly name: string;
  readonly version: string;
  /** The resource message. A view into the response: copy what has to outlive the call. */
  readonly bytes: Uint8Array;
}

export interface ResourceUpdate {
  readonly typeUrl: string;
  /** New or changed resources. */
  readonly changed: readonly ReceivedResource[];
  /** Names that were delivered before and no longer exist. */
  readonly removed: readonly string[];
}

export interface ResourceError {
  /** Name of a resource of the update. */
  readonly name: string;
  /** One violation with its field path. A resource may have several errors. */
  readonly message: string;
}

export interface ResourceConsumer {
  /**
   * Applies the update. Resources without an error in the result count as applied, also when others
   * of the same update are refused; a refused one stays as it was before. Subscriptions changed
   * inside are sent before the acknowledgement. With a promise, which must not reject, the
   * acknowledgement and the next response wait for it.
   */
  onUpdate(update: ResourceUpdate): readonly ResourceError[] | Promise<readonly ResourceError[]>;
  /**
   * Names (`*` for the wildcard) that were asked for and do not exist: the server said so, or nothing came
   * within the initial fetch timeout. They stay subscribed and may still appear.
   */
  onMissing(typeUrl: string, names: readonly string[]): void;
}
