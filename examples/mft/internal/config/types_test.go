package config_test

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

// parse reads a file with one service, one policy and one account, to each of
// which lines are added.
func parse(service, policy, account string) (*config.Config, error) {
	text := "[services/s]\ntype = ssh\nport = 1\nssh_server_keys = k\n" + service + "\n" +
		"[security-policies/DEFAULT-SECURITY-POLICY]\n" + policy + "\n" +
		"[accounts/a]\nname = a\nhome_folder_path = h\npassword = " + hash + "\nssh_authorized_keys_content = " + key + "\n" + account + "\n"
	return config.Parse("server.ini", []byte(text))
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "17B": 17, "3 B": 3, "10K": 10 << 10, "10 KiB": 10 << 10, "10kB": 10000, "2M": 2 << 20, "2 MB": 2e6,
		"5G": 5 << 30, "5GiB": 5 << 30, "1TB": 1e12, "8388607T": 8388607 << 40, "9223372036854775807": 1<<63 - 1,
	} {
		cfg, err := parse("upload_rate = "+text+"/s", "", "file_write_size = "+text+"\nupload_rate = "+text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		equal(t, text, int64(cfg.Accounts[0].FileWriteSize), want)
		equal(t, text+"/s", int64(cfg.Services[0].Upload), want)
		equal(t, text+" of the account", cfg.Accounts[0].Upload, config.OwnRate{Rate: config.Rate(want), Own: true})
	}
	for _, text := range []string{
		"-1", "+1", "1.5M", "M", "10  M", "10 m", "10k", "10Kb", "10Mbit", "10M/s", "1e6", "0x10", "8388608T", "9223372036854775808", "１",
	} {
		if _, err := parse("", "", "file_write_size = "+text); err == nil || !strings.Contains(err.Error(), "file_write_size: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOwnRate(t *testing.T) {
	cfg, err := parse("", "", "upload_rate = inherit\ndownload_rate = 0")
	if err != nil {
		t.Fatal(err)
	}
	a := cfg.Accounts[0]
	equal(t, "inherited", a.Upload.Or(7), 7)
	equal(t, "not set", a.UploadPerSession.Or(7), 7)
	equal(t, "no limit of its own", a.Download.Or(7), 0)
}

func TestStartups(t *testing.T) {
	for text, want := range map[string]config.Startups{
		"0": {}, "5": {5, 100, 5}, "10:30:100": {10, 30, 100}, "1:100:1": {1, 100, 1},
	} {
		cfg, err := parse("", "maximum_startups = "+text, "")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		equal(t, text, cfg.Policies[0].Startups, want)
	}
	for _, text := range []string{"10:30", "10:30:100:1", "a:30:100", "0:30:100", "10:0:100", "10:101:100", "10:30:9", "-1", "10:30:99999999999"} {
		if _, err := parse("", "maximum_startups = "+text, ""); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestCredentials(t *testing.T) {
	for text, want := range map[string]config.Credentials{
		"any": {}, "password": {Password: true}, "ssh-key": {Key: true},
		"password, ssh-key": {true, true}, "ssh-key,password": {true, true},
	} {
		cfg, err := parse("", "", "required_credentials = "+text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		equal(t, text, cfg.Accounts[0].Credentials, want)
	}
	for _, text := range []string{"none", "any, password", "publickey", ","} {
		if _, err := parse("", "", "required_credentials = "+text); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestRules(t *testing.T) {
	cfg, err := parse("", "source_ip_filter =\n  deny 192.0.2.7\n   \n  allow 192.0.2.0/24\n  allow 2001:db8::/32, deny all", "source_ip_filter = deny 10.0.0.0/8, allow all")
	if err != nil {
		t.Fatal(err)
	}
	inside, account := cfg.Policies[0].Source, cfg.Accounts[0].Source
	for _, test := range []struct {
		addr            string
		policy, account bool
	}{
		{"192.0.2.7", false, true}, {"192.0.2.8", true, true}, {"192.0.3.1", false, true}, {"10.1.2.3", false, false},
		{"2001:db8::1", true, true}, {"2001:db9::1", false, true},
	} {
		addr := netip.MustParseAddr(test.addr)
		equal(t, "policy, "+test.addr, inside.Admit(addr), test.policy)
		equal(t, "account, "+test.addr, account.Admit(addr), test.account)
	}
	equal(t, "no address", account.Admit(netip.Addr{}), false)
	equal(t, "no rules", config.Rules(nil).Admit(netip.Addr{}), true)
}

// The line of an item is that in the file, whatever is empty before it.
func TestItemLine(t *testing.T) {
	_, err := parse("", "source_ip_filter =\n  allow 192.0.2.0/24,\n   \n  allow 192.0.2.1/24", "")
	const want = `server.ini:10: [security-policies/DEFAULT-SECURITY-POLICY] source_ip_filter: "allow 192.0.2.1/24" has bits behind its length: write 192.0.2.0/24, or the address without a length`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"allow", "allow all all", "permit all", "allow fe80::1%eth0", "allow ::ffff:192.0.2.1", "192.0.2.1", "deny all", ","} {
		if _, err := parse("", "source_ip_filter = "+text, ""); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	list := func(text string) config.Algorithms {
		cfg, err := parse("ssh_cipher_list = "+text, "", "")
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Services[0].CipherList
	}
	equal(t, "secure", list("secure"), config.Algorithms{})
	if a := list("legacy"); !a.Legacy || !reflect.DeepEqual(a.Algorithms, sshd.LegacyAlgorithms()) {
		t.Errorf("legacy: %+v", a)
	}
	got := list("aes256-ctr, ssh-ed25519, curve25519-sha256,\n  hmac-sha2-256, aes128-ctr, aes256-ctr")
	want := &sshd.Algorithms{
		KeyExchanges: []string{"curve25519-sha256"}, Ciphers: []string{"aes256-ctr", "aes128-ctr"}, MACs: []string{"hmac-sha2-256"},
		PublicKeys: []string{"ssh-ed25519"}, HostKeys: []string{"ssh-ed25519"},
	}
	if got.Legacy || !reflect.DeepEqual(got.Algorithms, want) {
		t.Errorf("%+v", got.Algorithms)
	}
	for _, name := range []string{"aes128-cbc", "ssh-rsa", "diffie-hellman-group1-sha1"} {
		if !list(name).Legacy {
			t.Errorf("%s is taken for secure", name)
		}
	}
	for _, text := range []string{"all", "secure, aes128-ctr", "ssh-ed25519-cert-v01@openssh.com", "none"} {
		if _, err := parse("ssh_cipher_list = "+text, "", ""); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

// The manual must name every command.
func TestCommands(t *testing.T) {
	cfg, err := parse("ssh_commands = all", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Services[0].Commands; !slices.Equal(got, command.Names()) {
		t.Errorf("%q", got)
	}
	for _, f := range config.Families() {
		for _, o := range f.Options {
			for _, name := range command.Names() {
				if o.Name == "ssh_commands" && !strings.Contains(o.Doc, `"`+name+`"`) {
					t.Errorf("%s is not in the manual", name)
				}
			}
		}
	}
}

// The policy that services have by default is there without a section, and has
// the figures of OpenSSH.
func TestDefaultPolicy(t *testing.T) {
	cfg, err := config.Parse("server.ini", []byte("[services/s]\ntype = ssh\nport = 1\nssh_server_keys = k\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := cfg.Policy(cfg.Services[0].SecurityPolicy)
	if p == nil {
		t.Fatal("no policy")
	}
	equal(t, "startups", p.Startups, config.Startups{Start: 10, Rate: 30, Full: 100})
	equal(t, "longest ban", p.PenaltyMax.Minutes(), 10)
	equal(t, "connections", cfg.Services[0].MaxConns, 10000)
}

// A key for one-time codes must not show up in a message.
func TestErrorsHideCodes(t *testing.T) {
	for _, value := range []string{"GEZDGNBV", "otpauth://totp/a?secret=GEZDGNBV", "GEZDGNBV1!"} {
		_, err := parse("", "", "multi_factor_authentication = "+value)
		if err == nil || strings.Contains(err.Error(), "GEZDGNBV") {
			t.Errorf("%q: %v", value, err)
		}
	}
}
