/** What every gateway that we start has, whoever starts it. */

/** This machine alone: who opens a gateway to a network says so. */
export const GATEWAY_ADDRESS_DEFAULT = "127.0.0.1";

/** By these policies select it; the second is Gateway API's (GEP-1762). */
export function gatewayLabels(gateway: string): Readonly<Record<string, string>> {
  return { app: gateway, "gateway.networking.k8s.io/gateway-name": gateway };
}
