/** Configurations of nginx and HAProxy for each role: one worker, keep-alive both ways, no logs. */

export interface PeerOptions {
  /** Work folder, with the certificates in `certs/`. */
  readonly folder: string;
  /** `plain` stands alone; `inbound` accepts mutual TLS as `b`; `outbound` dials it as `a`. */
  readonly role: "plain" | "inbound" | "outbound";
  readonly port: number;
  readonly upstreamPort: number;
}

/** 66 bytes, as a small JSON answer has them. */
const BODY = "0123456789".repeat(6).concat("012345");

/** The application behind the proxies. */
export function nginxBackend(folder: string, port: number): string {
  const server = `listen 127.0.0.1:${port} backlog=4096 reuseport;
  location / { default_type text/plain; return 200 "${BODY}"; }`;
  return nginxConfiguration(folder, port, "", server);
}

export function nginxProxy({ folder, role, port, upstreamPort }: PeerOptions): string {
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
  const server = `listen 127.0.0.1:${port} ${role === "inbound" ? "ssl " : ""}backlog=4096;
  ${role === "inbound" ? accept : ""}
  location / {
   proxy_pass ${role === "outbound" ? "https" : "http"}://upstream;
   proxy_http_version 1.1; proxy_set_header Connection "";
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

export function haproxy({ folder, role, port, upstreamPort }: PeerOptions): string {
  const certs = `${folder}/certs`;
  const accept = ` ssl crt ${certs}/b.pem ca-file ${certs}/ca.crt verify required ssl-min-ver TLSv1.3`;
  const dial = ` ssl crt ${certs}/a.pem ca-file ${certs}/ca.crt verify required sni str(b) verifyhost b`;
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
  bind 127.0.0.1:${port}${role === "inbound" ? accept : ""}
  default_backend upstream
backend upstream
  server one 127.0.0.1:${upstreamPort}${role === "outbound" ? dial : ""}
`;
}
