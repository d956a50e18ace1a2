/** Configurations of nginx and HAProxy for each role: one worker, keep-alive both ways, no logs. */
import type { Protocol } from "./scenarios.ts";
import type { Variant } from "./variants.ts";

export interface PeerOptions {
  /** Work folder, with the certificates in `certs/`. */
  readonly folder: string;
  /** `plain` stands alone; `inbound` accepts mutual TLS as `b`; `outbound` dials it as `a`. */
  readonly role: "plain" | "inbound" | "outbound";
  readonly port: number;
  readonly upstreamPort: number;
  /** What clients speak, HTTP/1.1 when absent. With TLS both are offered. */
  readonly client?: Protocol;
  /** What is spoken to the upstream, HTTP/1.1 when absent. nginx can speak nothing else. */
  readonly upstream?: Protocol;
  /** For proxies that start from a bootstrap file. */
  readonly variant?: Variant;
}

export function nginxProxy(options: PeerOptions): string {
  const { folder, role, port, upstreamPort, client } = options;
  const certs = `${folder}/certs`;
  const upstream = `upstream upstream {
  server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 100000000;
 }`;
  const accept = `
  ssl_certificate ${certs}/b.crt; ssl_certificate_key ${certs}/b.key;
  ssl_client_certificate ${certs}/ca.crt; ssl_verify_client on; ssl_protocols TLSv1.3;`;
  const dial = `proxy_set_header Host b;
   proxy_ssl_certificate ${certs}/a.crt; proxy_ssl_certificate_key ${certs}/a.key;
   proxy_ssl_trusted_certificate ${certs}/ca.crt; proxy_ssl_verify on; proxy_ssl_name b;
   proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;`;
  const kind = `${role === "inbound" ? "ssl " : ""}${client === "http2" ? "http2 " : ""}`;
  const server = `listen 127.0.0.1:${port} ${kind}backlog=4096;
  ${role === "inbound" ? accept : ""}
  location / {
   proxy_pass ${role === "outbound" ? "https" : "http"}://upstream;
   proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
   ${role === "outbound" ? dial : ""}
  }`;
  return nginxConfiguration(folder, port, upstream, server);
}

function nginxConfiguration(
  folder: string,
  port: number,
  upstream: string,
  server: string,
): string {
  return `worker_processes 1; daemon off; pid ${folder}/nginx-${port}.pid; error_log /dev/null;
events { worker_connections 4096; }
http {
 access_log off; keepalive_requests 100000000;
 ${upstream}
 server { ${server} }
}
`;
}

export function haproxy(options: PeerOptions): string {
  const { folder, role, port, upstreamPort, client, upstream } = options;
  const certs = `${folder}/certs`;
  const trust = `ca-file ${certs}/ca.crt verify required`;
  const accept = ` ssl crt ${certs}/b.pem ${trust} ssl-min-ver TLSv1.3 alpn h2,http/1.1`;
  const dial = ` ssl crt ${certs}/a.pem ${trust} sni str(b) verifyhost b`;
  // ALPN decides on TLS, in clear text the protocol has to be said.
  const listen = role === "inbound" ? accept : client === "http2" ? " proto h2" : "";
  const alpn = upstream === "http2" ? " alpn h2" : "";
  const clear = upstream === "http2" ? " proto h2" : "";
  return `global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
frontend downstream
  bind 127.0.0.1:${port}${listen}
  default_backend upstream
backend upstream
  server one 127.0.0.1:${upstreamPort}${role === "outbound" ? `${dial}${alpn}` : clear}
`;
}
