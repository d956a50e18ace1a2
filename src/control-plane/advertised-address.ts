/**
 * Where sidecars are told that the control plane is: for rate limits that it counts, and in join tokens. A server that
 * listens on every address of its machine has none of its own to tell.
 */
import { controlPlaneError } from "./errors.ts";
import { formatAddress } from "./listen-address.ts";

/** An address of this machine, as `os.networkInterfaces` lists them. */
export interface MachineAddress {
  readonly address: string;
  readonly family: string;
  readonly internal: boolean;
}

export interface AdvertisedHost {
  /** A name, or an IP literal without brackets. */
  readonly host: string;
  /** Undefined for the one that is listened on. */
  readonly port: number | undefined;
}

const FORM =
  /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?))(?::(?<port>\d{1,5}))?$/;

/** `mesh.example`, `10.0.0.5:15012`, `[fd00::5]`. Throws `option-invalid`, naming `option`. */
export function parseAdvertisedHost(text: string, option: string): AdvertisedHost {
  const { v6, name, port } = FORM.exec(text)?.groups ?? {};
  const host = v6 ?? name;
  const number = port === undefined ? undefined : Number(port);
  if (host !== undefined && (number === undefined || (number > 0 && number <= 65_535))) {
    return { host, port: number };
  }
  throw controlPlaneError(
    { code: "option-invalid", option },
    `${option}: "${text}" is no address: write HOST or HOST:PORT, for example mesh.example or 10.0.0.5:15012`,
  );
}

/** `bound`: what is listened on. Of a machine's addresses the first that others reach. */
export function advertisedAddress(
  bound: { readonly host: string; readonly port: number },
  advertised: AdvertisedHost | undefined,
  machine: readonly MachineAddress[],
): string {
  if (advertised !== undefined) {
    return formatAddress(advertised.host, advertised.port ?? bound.port);
  }
  const isEverywhere = bound.host === "0.0.0.0" || bound.host === "::";
  if (!isEverywhere) return formatAddress(bound.host, bound.port);
  const outer = machine.filter(({ internal, address }) => !internal && !isLinkLocal(address));
  const found =
    outer.find(({ family }) => family === "IPv4") ?? (bound.host === "::" ? outer[0] : undefined);
  return formatAddress(found?.address ?? "127.0.0.1", bound.port);
}

/** Of use on one link only, and with its name. RFC 4291 section 2.5.6, RFC 3927. */
function isLinkLocal(address: string): boolean {
  return /^(fe[89ab]|169\.254\.)/i.test(address);
}
