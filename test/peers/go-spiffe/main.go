// Uses the Workload API as an app in Go does, by go-spiffe: certificates, tokens, bundles, and TLS between two ends that
// know each other by SPIFFE ids alone. Prints one JSON object. The arguments: an audience, and optionally a file with a
// bundle document and the trust domain that it is of.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type result struct {
	ID            string   `json:"id"`
	Bundles       []string `json:"bundles"`
	JWTBundles    []string `json:"jwtBundles"`
	TokenID       string   `json:"tokenId"`
	ValidatedID   string   `json:"validatedId"`
	PeerID        string   `json:"peerId"`
	DocumentRoots int      `json:"documentRoots"`
	DocumentKeys  int      `json:"documentKeys"`
	Sequence      uint64   `json:"sequence"`
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	audience := os.Args[1]
	client := must(workloadapi.New(ctx))
	defer client.Close()
	x509 := must(client.FetchX509Context(ctx))
	out := result{ID: x509.DefaultSVID().ID.String()}
	for _, bundle := range x509.Bundles.Bundles() {
		out.Bundles = append(out.Bundles, bundle.TrustDomain().Name())
	}
	keys := must(client.FetchJWTBundles(ctx))
	for _, bundle := range keys.Bundles() {
		out.JWTBundles = append(out.JWTBundles, bundle.TrustDomain().Name())
	}
	token := must(client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience}))
	out.TokenID = must(jwtsvid.ParseAndValidate(token.Marshal(), keys, []string{audience})).ID.String()
	out.ValidatedID = must(client.ValidateJWTSVID(ctx, token.Marshal(), audience)).ID.String()
	out.PeerID = handshake(ctx, out.ID)
	if len(os.Args) > 3 {
		file := must(os.Open(os.Args[2]))
		bundle := must(spiffebundle.Read(must(spiffeid.TrustDomainFromString(os.Args[3])), file))
		out.DocumentRoots = len(bundle.X509Authorities())
		out.DocumentKeys = len(bundle.JWTAuthorities())
		out.Sequence, _ = bundle.SequenceNumber()
	}
	must(0, json.NewEncoder(os.Stdout).Encode(out))
}

// handshake connects to itself by mutual TLS and returns whom the server saw.
func handshake(ctx context.Context, id string) string {
	source := must(workloadapi.NewX509Source(ctx))
	defer source.Close()
	expected := tlsconfig.AuthorizeID(spiffeid.RequireFromString(id))
	listener := must(tls.Listen("tcp", "127.0.0.1:0", tlsconfig.MTLSServerConfig(source, source, expected)))
	defer listener.Close()
	seen := make(chan string, 1)
	go func() {
		conn := must(listener.Accept())
		defer conn.Close()
		must(io.ReadAll(conn))
		peer := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		seen <- peer.URIs[0].String()
	}()
	conn := must(tls.Dial("tcp", listener.Addr().String(), tlsconfig.MTLSClientConfig(source, source, expected)))
	must(conn.Write([]byte("hello")))
	conn.Close()
	return <-seen
}
