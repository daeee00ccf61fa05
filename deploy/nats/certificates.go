package natsdeploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates are files of a folder: an authority of our own, a certificate of the servers and one of the clients. They are
// for trials on one machine; an installation takes those of its own authority.
type Certificates struct{ CA, ServerCert, ServerKey, ClientCert, ClientKey string }

// Terms of the certificates that we make.
const (
	authorityTerm   = 10 * 365 * 24 * time.Hour
	certificateTerm = 365 * 24 * time.Hour
	clockSkew       = 5 * time.Minute
)

// CertificatesIn are the files' names in a folder.
func CertificatesIn(dir string) Certificates {
	in := func(name string) string { return filepath.Join(dir, name) }
	return Certificates{CA: in("ca.pem"), ServerCert: in("server.pem"), ServerKey: in("server-key.pem"),
		ClientCert: in("client.pem"), ClientKey: in("client-key.pem")}
}

// MakeCertificates makes the authority when it is missing, and new certificates of the servers (for the hosts) and of the
// clients, in place of those that are there. Servers take them at a reload, clients at their next connection.
func MakeCertificates(dir string, hosts ...string) (Certificates, error) {
	files := CertificatesIn(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return files, fmt.Errorf("natsdeploy: make certificates: %w", err)
	}
	authority, key, err := loadOrMakeAuthority(files.CA, filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		return files, fmt.Errorf("natsdeploy: make authority: %w", err)
	}
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} // a server is the client of its neighbours
	for _, c := range []struct {
		name, cert, key string
		usage           []x509.ExtKeyUsage
		hosts           []string
	}{
		{"nats server", files.ServerCert, files.ServerKey, both, hosts},
		{"nats client", files.ClientCert, files.ClientKey, both[1:], nil},
	} {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: c.name}, ExtKeyUsage: c.usage,
			KeyUsage: x509.KeyUsageDigitalSignature}
		for _, host := range c.hosts {
			if ip := net.ParseIP(host); ip != nil {
				template.IPAddresses = append(template.IPAddresses, ip)
			} else {
				template.DNSNames = append(template.DNSNames, host)
			}
		}
		if err := writeCertificate(c.cert, c.key, template, certificateTerm, authority, key); err != nil {
			return files, fmt.Errorf("natsdeploy: make certificate of %s: %w", c.name, err)
		}
	}
	return files, nil
}

func loadOrMakeAuthority(certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if _, err := os.Stat(certFile); err != nil {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: "nats trial authority"}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
		if err := writeCertificate(certFile, keyFile, template, authorityTerm, nil, nil); err != nil {
			return nil, nil, err
		}
	}
	certPEM, err := readPEM(certFile)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err := readPEM(keyFile)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(certPEM)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(keyPEM)
	return cert, key, err
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New(filepath.Base(path) + " is no PEM file")
	}
	return block.Bytes, nil
}

// writeCertificate makes a key and a certificate; without an authority it signs itself.
func writeCertificate(certFile, keyFile string, template *x509.Certificate, term time.Duration,
	authority *x509.Certificate, authorityKey *ecdsa.PrivateKey) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	now := time.Now()
	template.NotBefore, template.NotAfter = now.Add(-clockSkew), now.Add(term)
	if authority == nil {
		authority, authorityKey = template, key
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, authorityKey)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return writeFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644)
}
