package config_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

// key is a public key; nobody has the private one.
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

const hash = "$argon2id$v=19$m=19456,t=2,p=1$Het0ioX8T3MNG2j21vNN5g$baBg9wr4ZrPPhSsKyk9O64Qck2AoL3ZOrSFMREJVNcE"

const complete = `# comment
[server]
name = the server
description = two
  lines; with # signs
umask: 027
log_level = warn

[services/one]
name = first
type = ssh
address = ::1
port = 2022
ssh_server_keys = a, b,
  c
before_login_message =
  Hello
  = you [there]
idle_connection_timeout = 60

[accounts/x]
name = anna
password = ` + hash + `
ssh_authorized_keys_content =
  # the laptop
  ` + key + ` anna@laptop
home_folder_path = ../home/${USER}
create_home_folder = yes

[accounts/y]
name = bert
enabled = No
home_folder_path = /srv/bert
`

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"LF":              complete,
		"CRLF":            strings.ReplaceAll(complete, "\n", "\r\n"),
		"byte order mark": "\ufeff" + complete,
		"no end of line":  strings.TrimSuffix(complete, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse("dir/server.ini", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			checkComplete(t, cfg)
		})
	}
}

func checkComplete(t *testing.T, cfg *config.Config) {
	t.Helper()
	equal(t, "server name", cfg.Server.Name, "the server")
	equal(t, "description", cfg.Server.Description, "two\nlines; with # signs")
	equal(t, "umask", cfg.Server.Umask, 0o027)
	equal(t, "level", cfg.Server.LogLevel, slog.LevelWarn)
	if len(cfg.Services) != 1 || len(cfg.Accounts) != 2 {
		t.Fatalf("%d services, %d accounts", len(cfg.Services), len(cfg.Accounts))
	}
	s := cfg.Services[0]
	equal(t, "ID", s.ID, "one")
	equal(t, "enabled", s.Enabled, true)
	equal(t, "address", s.Address, "::1")
	equal(t, "port", s.Port, 2022)
	equal(t, "keys", strings.Join(s.ServerKeys, "|"), "a|b|c")
	equal(t, "message", s.Message, "Hello\n= you [there]")
	equal(t, "idle", s.IdleTimeout, time.Minute)
	a := cfg.Accounts[0]
	equal(t, "account", a.Name, "anna")
	equal(t, "hash", a.Password, hash)
	equal(t, "content", a.KeysContent, "# the laptop\n"+key+" anna@laptop")
	equal(t, "create", a.CreateHome, true)
	equal(t, "second enabled", cfg.Accounts[1].Enabled, false)
	equal(t, "line", cfg.Accounts[1].Line(), strings.Count(complete[:strings.Index(complete, "[accounts/y]")], "\n")+1)
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestDefaults(t *testing.T) {
	cfg, err := config.Parse("server.ini", nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "umask", cfg.Server.Umask, 0o022)
	equal(t, "level", cfg.Server.LogLevel, slog.LevelInfo)
}

// Each case is a file and all that is wrong with it.
func TestErrors(t *testing.T) {
	const account = "[accounts/a]\nname = a\npassword = " + hash + "\n" // 3 lines, lacks home_folder_path
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unknown option", "[server]\nnmae = x\n", []string{
			`server.ini:2: [server] nmae: unknown option; the nearest is "name"`}},
		{"unknown family", "[servces/x]\n", []string{
			`server.ini:1: [servces/x] unknown kind of section; the nearest is "services"`}},
		{"bad values", "[services/a]\ntype = ftps\nport = 70000\nenabled = true\nidle_connection_timeout = 5m\nssh_server_keys = ,\naddress = a:b\n", []string{
			`server.ini:2: [services/a] type: "ftps" is not one of: ssh, ftp, ftpsi; the nearest is "ftp"`,
			`server.ini:3: [services/a] port: "70000" is not a port, 0 to 65535`,
			`server.ini:4: [services/a] enabled: "true" is neither Yes nor No`,
			`server.ini:5: [services/a] idle_connection_timeout: "5m" is not a whole number of seconds`,
			`server.ini:6: [services/a] ssh_server_keys: "," the list is empty`,
			`server.ini:7: [services/a] address: "a:b" is neither an IP address nor a host name`}},
		{"required", "[services/a]\ntype =\n", []string{
			`server.ini:1: [services/a] port: required, but not set`,
			`server.ini:2: [services/a] type: required, but not set`}},
		{"required of a type", "[services/a]\ntype = ssh\n", []string{
			`server.ini:1: [services/a] port: required, but not set`,
			`server.ini:1: [services/a] ssh_server_keys: required, but not set`}},
		{"option twice", "[server]\nname = a\nname = b\n  c\numask = 022\n", []string{
			`server.ini:3: [server] name: set twice in this section; the first is in line 2`}},
		{"section twice", "[server]\n[server]\n", []string{
			`server.ini:2: [server] the section is there twice; the first is in line 1`}},
		{"before the first section", "name = x\n", []string{
			`server.ini:1: name: stands before the first section`}},
		{"no ID", "[accounts]\n[accounts/]\n[accounts/a/b]\n[server/a]\n", []string{
			`server.ini:1: [accounts] the section needs an ID without "/" and "|": write [accounts/ID]`,
			`server.ini:2: [accounts/] the section needs an ID without "/" and "|": write [accounts/ID]`,
			`server.ini:3: [accounts/a/b] the section needs an ID without "/" and "|": write [accounts/ID]`,
			`server.ini:4: [server/a] this section has no ID: write [server]`}},
		{"header", "[server\nname = x\n", []string{
			`server.ini:1: "[server" is not a section header: write [family/ID]`}},
		{"indented", "[server]\n  name = x\n\numask = 022\n\n  more\n", []string{
			`server.ini:2: [server] indented, but there is no value that it could continue`,
			`server.ini:6: [server] indented, but there is no value that it could continue`}},
		{"no option", "[server]\nwhat is this\n-x = 1\n= 1\n", []string{
			`server.ini:2: [server] "what is this" is neither a section nor "option = value"`,
			`server.ini:3: [server] "-x" is not the name of an option`,
			`server.ini:4: [server] "" is not the name of an option`}},
		{"quoting", "[server]\nname = `x\ndescription = \"\"\"\n", []string{
			"server.ini:2: [server] name: a value can't begin with a back quote or three quotation marks",
			"server.ini:3: [server] description: a value can't begin with a back quote or three quotation marks"}},
		{"control characters", "[server]\nname = a\x00b\n", []string{
			`server.ini:2: [server] the line holds control characters or is not UTF-8`}},
		{"lines", "[server]\nname = a\n  b\n", []string{
			`server.ini:2: [server] name: must be on one line`}},
		{"plain password", "[accounts/a]\nname = a\nhome_folder_path = h\npassword = secret\n", []string{
			`server.ini:4: [accounts/a] password: not a password hash; make one with "mft generate-password" and put that here`}},
		{"no credentials", "[accounts/a]\nname = a\nhome_folder_path = h\n", []string{
			`server.ini:1: [accounts/a] nothing to log in with: set password, ssh_authorized_keys_path or ssh_authorized_keys_content, or enabled = No`}},
		{"key", account + "home_folder_path = h\nssh_authorized_keys_content = # one\n\t" + key + "\n\n", nil},
		{"bad key", account + "home_folder_path = h\nssh_authorized_keys_content =\n  # one\n   \n  ssh-ed25519 AAAA\n", []string{
			`server.ini:8: [accounts/a] ssh_authorized_keys_content: unknown kind of key`}},
		{"same name", account + "home_folder_path = h\n[accounts/b]\nname = A\nenabled = No\nhome_folder_path = h\n", []string{
			`server.ini:6: [accounts/b] name: "A" is the same name as "a" in line 2`}},
		{"names", "[accounts/a]\nname = a\u200bb\nenabled = No\nhome_folder_path = h\n[accounts/b]\nname = e\u0301\nenabled = No\nhome_folder_path = h\n", []string{
			`server.ini:2: [accounts/a] name: "a\u200bb" can't be the name of an account`,
			"server.ini:6: [accounts/b] name: \"e\u0301\" must be in Unicode's normal form C"}},
		{"variable", account + "home_folder_path = ${HOME}/x\n", []string{
			`server.ini:4: [accounts/a] home_folder_path: "${HOME}/x" holds a variable other than ${USER}`}},
		{"nothing to offer", "[services/a]\ntype = ssh\nport = 1\nssh_server_keys = k\nsftp = No\nscp = No\n", []string{
			`server.ini:5: [services/a] sftp: without SFTP, SCP and ssh_commands the service has nothing to offer: set enabled = No instead`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Parse("server.ini", []byte(test.text))
			var got config.Errors
			if err != nil && !errors.As(err, &got) {
				t.Fatalf("%T: %v", err, err)
			}
			var lines []string
			for _, e := range got {
				lines = append(lines, e.Error())
			}
			if g, w := strings.Join(lines, "\n"), strings.Join(test.want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

// A secret must not show up in a message, whatever is wrong with it.
func TestErrorsHideSecrets(t *testing.T) {
	for _, value := range []string{"hunter2hunter2", "hunter2hunter2\n  more", "$argon2id$hunter2hunter2"} {
		_, err := config.Parse("f", []byte("[accounts/a]\nname = a\nhome_folder_path = h\npassword = "+value+"\n"))
		if err == nil || strings.Contains(err.Error(), "hunter2hunter2") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(complete))
	f.Add([]byte("[server]\nname = x\n\t\u00a0y\n \f z\nname: 1\n[accounts/a]\n\n  x"))
	f.Add([]byte("[server]\ndescription=\n  [x]\n  a = b\n#c\n"))
	f.Add([]byte("[security-policies/p]\nsource_ip_filter =\n  deny ::1\n  allow all\nmaximum_startups = 1:2:3\nsource_ip_penalty_exempt = 10.0.0.0/8\n" +
		"[services/s]\nssh_commands = df,\n all\nssh_cipher_list = aes128-ctr\nupload_rate = 10 MiB/s\n[accounts/a]\nrequired_credentials = any\nupload_rate = Inherit\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse("server.ini", data)
		if err == nil {
			_ = cfg.Server.Name
			return
		}
		var list config.Errors
		if !errors.As(err, &list) {
			t.Fatalf("%T: %v", err, err)
		}
		for _, e := range list {
			// The scan and the INI library must see the same file.
			if strings.Contains(e.Text, "can't be read") {
				t.Errorf("%v", e)
			}
		}
	})
}
