/** Secrets that the control plane serves: roots only. No private key ever passes through here. */
import { create } from "@bufbuild/protobuf";
import { SecretSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { TRUST_BUNDLE_SECRET } from "./defaults.ts";
import { resourceOf } from "./message.ts";
import type { XdsResource } from "./translation.ts";

export function trustBundleSecret(trustBundlePem: string): XdsResource {
  const secret = create(SecretSchema, {
    name: TRUST_BUNDLE_SECRET,
    type: {
      case: "validationContext",
      value: { trustedCa: { specifier: { case: "inlineString", value: trustBundlePem } } },
    },
  });
  return resourceOf(SecretSchema, TRUST_BUNDLE_SECRET, secret);
}
