package interop_test

import (
	"crypto/tls"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
)

func TestPythonFTP(t *testing.T) {
	python := ""
	for _, program := range []string{"python3", "/usr/bin/python3"} {
		if python == "" && exec.Command(program, "-c", "import ftplib, ssl; ssl.create_default_context()").Run() == nil {
			python = program
		}
	}
	if python == "" {
		peer.Missing(t, "a python3 with ftplib and ssl", "python3")
	}
	script, err := filepath.Abs("testdata/ftplib_client.py")
	require.NoError(t, err)
	for mode, change := range map[string]func(*ftp.Server){
		"optional": tlsModes["optional"], "required": nil, "reuse": tlsModes["reuse"],
		"TLS 1.2 reuse": func(s *ftp.Server) { s.Reuse, s.TLS.MaxVersion = ftp.ReuseRequire, tls.VersionTLS12 },
	} {
		t.Run(mode, func(t *testing.T) {
			f := serveFTP(t, change)
			big := f.random("big", 3<<20+333)
			f.env = []string{"FTP_HOST=localhost", "FTP_PORT=" + f.port, "FTP_MODE=" + mode, "FTP_CERT=" + f.cert.File}
			f.ok(python, "-W", "ignore", script)
			f.stored("big", big)
			f.stored("text", []byte("one\ntwo\n"))
			f.refused = append(f.provoked("download /big"), "remove /nothing: file does not exist", "download /nothing: file does not exist", "login: auth: denied")
		})
	}
}
