/** Where the bundle endpoint listens and by what it is known, from the flags of `tulle control-plane`. */
import { controlPlaneError } from "../errors.ts";
import { type ListenAddress, parseListenAddress } from "../listen-address.ts";
import type { WebCertificateFiles } from "./bundle-endpoint.ts";

export interface BundleEndpointPlace {
  readonly address: ListenAddress;
  /** Undefined: by https_spiffe. */
  readonly web: WebCertificateFiles | undefined;
}

export interface BundleEndpointFlags {
  readonly address: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** Undefined where no endpoint is wanted. Throws `option-invalid`. */
export function parseBundleEndpoint(flags: BundleEndpointFlags): BundleEndpointPlace | undefined {
  const { address, certificateFile, keyFile } = flags;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    const option = "--bundle-endpoint-cert-file";
    throw invalid(option, `${option} and --bundle-endpoint-key-file belong together: write both`);
  }
  if (address === undefined) {
    if (certificateFile === undefined) return undefined;
    const option = "--bundle-endpoint-address";
    throw invalid(option, `${option} is missing: the certificate is for it`);
  }
  return {
    address: parseListenAddress(address, "--bundle-endpoint-address"),
    web:
      certificateFile === undefined || keyFile === undefined
        ? undefined
        : { certificatePath: certificateFile, keyPath: keyFile },
  };
}

function invalid(option: string, message: string): Error {
  return controlPlaneError({ code: "option-invalid", option }, message);
}
