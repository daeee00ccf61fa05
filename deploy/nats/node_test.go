package natsdeploy_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
)

// One server alone has the settings of three, less what they say to each other.
func TestSingleIsTheClusterOfOne(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("server", name))
		require.NoError(t, err)
		_, settings, ok := strings.Cut(string(text), "\n\n") // after the comment
		require.True(t, ok)
		return settings
	}
	cluster := regexp.MustCompile(`(?s)cluster \{\n.*?\n\}\n\n`)
	require.Regexp(t, cluster, read("nats.conf"))
	require.Equal(t, cluster.ReplaceAllString(read("nats.conf"), ""), read("single.conf"))
}

func TestNodeOfACluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	users, err := staff.Users()
	require.NoError(t, err)
	_, err = natsdeploy.MakeKeys(dir, users)
	require.NoError(t, err)
	access, err := natsdeploy.ReadAccess(dir)
	require.NoError(t, err)
	accounts, err := access.Config()
	require.NoError(t, err)
	certs, err := natsdeploy.MakeCertificates(filepath.Join(dir, "tls"), "127.0.0.1")
	require.NoError(t, err)
	file, err := natsdeploy.WriteNode(filepath.Join(dir, "n1"), natsdeploy.Node{Name: "n1", Zone: "east", Listen: "127.0.0.1:4222",
		Advertise: "n1.example:4222", Monitor: "127.0.0.1:8222", RouteListen: "127.0.0.1:6222", StoreDir: filepath.Join(dir, "store"),
		StoreKey: "k", Routes: []string{"n1.example:6222", "n2.example:6222", "n3.example:6222"}, Certificates: certs}, accounts)
	require.NoError(t, err)
	o, err := server.ProcessConfigFile(file)
	require.NoError(t, err)
	require.True(t, o.SyncAlways)
	require.Equal(t, "k", o.JetStreamKey)
	require.Equal(t, tls.RequireAndVerifyClientCert, o.TLSConfig.ClientAuth)
	require.Equal(t, tls.RequireAndVerifyClientCert, o.Cluster.TLSConfig.ClientAuth)
	require.EqualValues(t, 0x0304, o.TLSConfig.MinVersion)
	require.EqualValues(t, 0x0304, o.Cluster.TLSConfig.MinVersion)
	require.Len(t, o.Routes, 3)
	require.Equal(t, "127.0.0.1", o.HTTPHost, "monitors are answered where they were told")
	require.Equal(t, []string{"az:east"}, []string(o.Tags))
	require.Equal(t, "az:", o.JetStreamUniqueTag)
	require.Equal(t, "SYS", o.SystemAccount)
	require.Empty(t, o.NoAuthUser)
	info, err := os.Stat(filepath.Join(dir, "n1", "node.conf"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm(), "it may hold the key of the store")
	example, err := os.ReadFile(filepath.Join("server", "node.conf.example"))
	require.NoError(t, err)
	for _, variable := range regexp.MustCompile(`\$(TD_[A-Z_]+)`).FindAllStringSubmatch(readConfig(t), -1) {
		if variable[1] != "TD_STORE_KEY" { // a secret
			require.Contains(t, string(example), variable[1]+":")
		}
	}
}

func readConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("server", "nats.conf"))
	require.NoError(t, err)
	return string(text)
}
