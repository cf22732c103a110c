package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mft": main})
}

// The scripts run the whole program. Besides the usual commands they have
//
//	server NAME ARGS...     start mft in the background and wait until it listens;
//	                        sets $NAME_PORT for the first listener and, by its
//	                        protocol, $NAME_FTP_PORT and so on for each; output
//	                        in NAME.out and NAME.err
//	halt NAME               SIGTERM, and wait for the exit code 0
//	term NAME               SIGTERM, and wait until it takes no connections
//	sftp NAME [-user U] [-password P] [-key FILE] VERB ARGS...
//	                        see clientVerbs; more options: -certificate FILE (made
//	                        by certify), -code C and -totp KEY for one-time codes,
//	                        -from ADDRESS in a PROXY header
//	ssh NAME ... COMMAND    run a command line
//	begin NAME ... PATH     leave an upload half way
//	finish                  do the rest
//	exitcode N PROGRAM ...  run a program that must end with this code
//	newkey FILE             make a key pair, FILE and FILE.pub
//	pki                     make ca.pem, NAME.pem with a certificate in that name
//	                        and its key, other.pem for anna by another authority,
//	                        and server.pem; revoke NAME makes revoked.crl
//	code KEY VAR            set $VAR to the one-time code of this moment
//	certify CA KEY USER     make a certificate, KEY-cert.pub
//	await REGEXP FILE       wait until FILE holds a match
//	value FILE WORD VAR     set $VAR to what follows WORD on a line of FILE
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": cmdServer, "halt": cmdHalt, "term": cmdTerm,
			"sftp": cmdSFTP, "begin": cmdBegin, "finish": cmdFinish,
			"ssh": cmdSSH, "certify": cmdCertify, "await": cmdAwait,
			"newkey": cmdNewKey, "exitcode": cmdExitCode, "value": cmdValue,
			"pki": cmdPKI, "revoke": cmdRevoke, "code": cmdCode,
		},
		Setup: func(env *testscript.Env) error {
			// Else each program under the race detector waits a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Values[stateKey{}] = &state{servers: make(map[string]*server)}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "openssh":
				return havePeer("sftp", "scp", "ssh", "ssh-keygen")
			case "curl":
				return havePeer("curl")
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// havePeer tells whether other programs are installed. Where they are required
// it is an error when they are not.
func havePeer(names ...string) (bool, error) {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("QUAYMASTER_INTEROP") == "require" {
				return false, err
			}
			return false, nil
		}
	}
	return true, nil
}
