/** Hosts that routes name: DNS names whose first label may be a wildcard (Gateway API v1, Hostname). */
import { z } from "zod";

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export const hostname = z.string().min(1).max(253).regex(HOSTNAME, {
  error: "a DNS name in lower case, whose first label may be *",
});
