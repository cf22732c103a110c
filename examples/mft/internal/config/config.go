package config

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"
)

// Config is a whole configuration. It is not changed once it was loaded; a
// reload makes a new one.
type Config struct {
	File     string // as it was given
	Folder   string // absolute; relative paths in the file begin here
	Server   Server
	Services []*Service // in the order of the file, disabled ones included
	Policies []*Policy  // DefaultPolicy among them
	Accounts []*Account // disabled ones included
}

// Server is the section [server].
type Server struct {
	Origin
	Name        string      `option:"name" default:"single-server-name" doc:"Name of this server, for people."`
	Description string      `option:"description" multiline:"yes" doc:"Free text."`
	Umask       fs.FileMode `option:"umask" default:"022" doc:"Permission bits, in octal, that new files and folders don't get."`
	LogLevel    slog.Level  `option:"log_level" default:"info" doc:"The least severe messages that are logged: \"debug\", \"info\", \"warn\" or \"error\". The flag --log-level goes before it."`

	TrustedCAs  []string `option:"ssh_trusted_user_ca_keys" doc:"Files with the public keys of authorities, one on each line. Who has a certificate from one of them logs in to the account that it names as a principal."`
	RevokedKeys string   `option:"ssh_revoked_keys" doc:"File with public keys that let nobody in: keys, one on each line, or a list as \"ssh-keygen -k\" makes it, also of certificates and authorities. It is read again whenever it changes. While it can't be read no key lets anybody in."`
}

// DefaultPolicy is the ID of the security policy that is always there.
const DefaultPolicy = "DEFAULT-SECURITY-POLICY"

// Policy is one section [security-policies/ID]: who may connect. Services with
// the same policy count and ban together.
type Policy struct {
	Origin
	ID          string
	Name        string `option:"name" doc:"Name of the policy, for people."`
	Description string `option:"description" multiline:"yes" doc:"Free text."`
	Source      Rules  `option:"source_ip_filter" doc:"From where clients may connect: \"allow NETWORK\" or \"deny NETWORK\" on each line, \"all\" for everywhere. The first that matches counts; who matches none is refused. Empty: from everywhere."`

	MaxConns          Count    `option:"maximum_concurrent_connections" default:"0" doc:"Connections at the same time, to all services with this policy; 0 for no limit but that of the service."`
	MaxConnsPerSource Count    `option:"maximum_connections_per_address" default:"0" doc:"The same from one address; 0 for no limit."`
	MaxSessions       Count    `option:"maximum_sessions_per_user" default:"0" doc:"Logins of one user at the same time; 0 for no limit."`
	Startups          Startups `option:"maximum_startups" default:"10:30:100" doc:"As MaxStartups of OpenSSH: from START connections without a login on, PERCENT of new ones are refused, more as they become more, and all of them from FULL on. A number alone is START and FULL; 0 for no limit."`
	StartupsPerSource Count    `option:"maximum_startups_per_address" default:"9" doc:"Connections without a login from one address; 0 for no limit."`

	PenaltyFailed  time.Duration `option:"source_ip_penalty_failed_login" default:"5" doc:"Seconds that a connection with a wrong password or the like costs its address; one that goes on guessing pays again after each six. 0 for none."`
	PenaltyNone    time.Duration `option:"source_ip_penalty_no_login" default:"1" doc:"The same for a connection that ends without an attempt to log in."`
	PenaltyTimeout time.Duration `option:"source_ip_penalty_login_timeout" default:"10" doc:"The same for one that does not log in within a minute."`
	PenaltyCrash   time.Duration `option:"source_ip_penalty_crash" default:"90" doc:"The same for one that makes the server fail."`
	PenaltyMin     time.Duration `option:"source_ip_penalty_minimum" default:"15" doc:"Penalties of an address add up. When they are more than these seconds it is banned until they have run down."`
	PenaltyMax     time.Duration `option:"source_ip_penalty_maximum" default:"600" doc:"The longest ban in seconds; 0 for no bans at all."`
	Exempt         Networks      `option:"source_ip_penalty_exempt" doc:"Networks that are never banned, such as those of monitors, of proxies, and of an office that is behind one address."`
}

// Account is one section [accounts/ID].
type Account struct {
	Origin
	ID             string
	Name           string `option:"name" required:"yes" doc:"The name with which the account logs in. It must be unique, whatever the case of its letters."`
	Enabled        bool   `option:"enabled" default:"Yes" doc:"Whether the account may log in."`
	Description    string `option:"description" multiline:"yes" doc:"Free text."`
	Password       string `option:"password" secret:"yes" doc:"Hash of the password, as \"mft generate-password\" prints it. Plain text is refused. Without it there is no login by password."`
	KeysPath       string `option:"ssh_authorized_keys_path" doc:"File with the public keys that log in, in the format of OpenSSH's authorized_keys; \"${USER}\" as in home_folder_path."`
	KeysContent    string `option:"ssh_authorized_keys_content" multiline:"yes" doc:"The same keys, right here, one on each indented line."`
	HomeFolderPath string `option:"home_folder_path" required:"yes" doc:"Folder to which the account is confined. \"${USER}\" becomes the account's name as one path component, with a dot in place of each character other than letters, digits and any of \"-_.@+\"."`
	CreateHome     bool   `option:"create_home_folder" default:"No" doc:"Whether a missing home folder is made at the first login."`

	Credentials  Credentials `option:"required_credentials" default:"any" doc:"What a login takes: the password, a key (also one with a certificate), both, in which case the key comes first, or any one of them."`
	Certificate  bool        `option:"allow_certificate_authentication" default:"Yes" doc:"Whether the account may log in to FTP services with a client certificate in its name, where required_credentials is \"any\"."`
	SecondFactor string      `option:"multi_factor_authentication" secret:"yes" doc:"Key of the one-time codes that a login takes besides, as an otpauth URI or as its secret in base 32. \"mft generate-totp\" makes one."`
	Source       Rules       `option:"source_ip_filter" doc:"From where the account may log in, as in the security policy. Empty: from everywhere."`

	FileWriteSize      Size    `option:"file_write_size" default:"0" doc:"The largest file that may be uploaded; 0 for no limit."`
	Upload             OwnRate `option:"upload_rate" default:"Inherit" doc:"Bytes per second that the account may send in all sessions together, in place of upload_rate_per_user of the service; 0 for no limit."`
	Download           OwnRate `option:"download_rate" default:"Inherit" doc:"The same for what it receives, in place of download_rate_per_user."`
	UploadPerSession   OwnRate `option:"upload_rate_per_session" default:"Inherit" doc:"The same for one session, in place of the service's."`
	DownloadPerSession OwnRate `option:"download_rate_per_session" default:"Inherit" doc:"The same for one session, in place of the service's."`
}

// Policy returns the security policy with that ID, or nil.
func (c *Config) Policy(id string) *Policy {
	for _, p := range c.Policies {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// Path resolves a path of the file, which may be relative to its folder.
func (c *Config) Path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(c.Folder, name)
}
