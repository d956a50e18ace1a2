/**
 * Builds DiscoveryResponse and DeltaDiscoveryResponse (envoy/service/discovery/v3/discovery.proto) as
 * bytes by framing resources that are already encoded: a push to a thousand proxies copies bytes and
 * encodes nothing. The frame of a resource is made once and shared too.
 */
import type { EncodedResource } from "./snapshot.ts";
import { bytesField, fieldHeader, stringField, varintField } from "./wire.ts";

/** google.rpc.Code.NOT_FOUND. */
const NOT_FOUND = 5;

export interface SotwResponse {
  readonly typeUrl: string;
  readonly versionInfo: string;
  readonly nonce: string;
  readonly resources: Iterable<EncodedResource>;
  /** Names that were asked for and do not exist. */
  readonly missing: readonly string[];
}

export interface DeltaResponse {
  readonly typeUrl: string;
  readonly systemVersionInfo: string;
  readonly nonce: string;
  readonly resources: Iterable<EncodedResource>;
  readonly removed: readonly string[];
}

export class ResponseEncoder {
  readonly #controlPlane: Buffer;
  readonly #anyHeaders = new WeakMap<EncodedResource, Buffer>();
  readonly #resourceHeaders = new WeakMap<EncodedResource, Buffer>();

  /** `identifier` goes into `control_plane` of every response. */
  constructor(identifier: string) {
    this.#controlPlane = stringField(1, identifier);
  }

  sotw(response: SotwResponse): Buffer {
    const parts = [stringField(1, response.versionInfo)];
    for (const resource of response.resources) {
      parts.push(this.#anyHeader(resource), asBuffer(resource.bytes));
    }
    parts.push(stringField(4, response.typeUrl), stringField(5, response.nonce));
    parts.push(bytesField(6, this.#controlPlane));
    // xRFC TP3: says at once what state-of-the-world could not say. Clients that do not know it skip it.
    for (const name of response.missing) parts.push(bytesField(7, notFound(name)));
    return Buffer.concat(parts);
  }

  delta(response: DeltaResponse): Buffer {
    const parts = [stringField(1, response.systemVersionInfo)];
    for (const resource of response.resources) {
      parts.push(this.#resourceHeader(resource), asBuffer(resource.bytes));
    }
    parts.push(stringField(4, response.typeUrl), stringField(5, response.nonce));
    for (const name of response.removed) parts.push(stringField(6, name));
    parts.push(bytesField(7, this.#controlPlane));
    return Buffer.concat(parts);
  }

  /** Everything of `DiscoveryResponse.resources` (2) that stands before the resource's own bytes. */
  #anyHeader(resource: EncodedResource): Buffer {
    const cached = this.#anyHeaders.get(resource);
    if (cached !== undefined) return cached;
    const any = anyPrefix(resource);
    const header = Buffer.concat([fieldHeader(2, any.length + resource.bytes.length), any]);
    this.#anyHeaders.set(resource, header);
    return header;
  }

  /** The same for `DeltaDiscoveryResponse.resources`: Resource{version = 1, resource = 2, name = 3}. */
  #resourceHeader(resource: EncodedResource): Buffer {
    const cached = this.#resourceHeaders.get(resource);
    if (cached !== undefined) return cached;
    const any = anyPrefix(resource);
    const inner = Buffer.concat([
      stringField(1, resource.version),
      stringField(3, resource.name),
      fieldHeader(2, any.length + resource.bytes.length),
      any,
    ]);
    const header = Buffer.concat([fieldHeader(2, inner.length + resource.bytes.length), inner]);
    this.#resourceHeaders.set(resource, header);
    return header;
  }
}

/** google.protobuf.Any{type_url = 1, value = 2} up to the value's bytes. */
function anyPrefix(resource: EncodedResource): Buffer {
  return Buffer.concat([stringField(1, resource.typeUrl), fieldHeader(2, resource.bytes.length)]);
}

/** ResourceError{resource_name = 1 {name = 1}, error_detail = 2 {code = 1, message = 2}}. */
function notFound(name: string): Buffer {
  const status = Buffer.concat([varintField(1, NOT_FOUND), stringField(2, "no such resource")]);
  return Buffer.concat([bytesField(1, stringField(1, name)), bytesField(2, status)]);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
