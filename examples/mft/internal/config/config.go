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
	Accounts []*Account // the same
}

// Server is the section [server].
type Server struct {
	Origin
	Name        string      `option:"name" default:"single-server-name" doc:"Name of this server, for people."`
	Description string      `option:"description" multiline:"yes" doc:"Free text."`
	Umask       fs.FileMode `option:"umask" default:"022" doc:"Permission bits, in octal, that new files and folders don't get."`
	LogLevel    slog.Level  `option:"log_level" default:"info" doc:"The least severe messages that are logged: \"debug\", \"info\", \"warn\" or \"error\". The flag --log-level goes before it."`
}

// Service is one section [services/ID]: a listener.
type Service struct {
	Origin
	ID          string
	Name        string        `option:"name" default:"undefined-service-name" doc:"Name of the service, for people."`
	Enabled     bool          `option:"enabled" default:"Yes" doc:"Whether the service is started."`
	Description string        `option:"description" multiline:"yes" doc:"Free text."`
	Type        string        `option:"type" required:"yes" values:"ssh" doc:"The protocol."`
	Address     string        `option:"address" default:"127.0.0.1" doc:"IP address or host name on which the service listens; \"0.0.0.0\" or \"::\" for all."`
	Port        uint16        `option:"port" required:"yes" doc:"TCP port; 0 lets the operating system choose one."`
	ServerKeys  []string      `option:"ssh_server_keys" required:"yes" doc:"Files with the host keys, one for each algorithm. Nobody but the owner may be able to read them."`
	Message     string        `option:"before_login_message" multiline:"yes" doc:"Text that clients show before the login."`
	IdleTimeout time.Duration `option:"idle_connection_timeout" default:"300" doc:"Seconds without traffic after which a connection is closed; 0 for no limit."`
	SFTP        bool          `option:"sftp" default:"Yes" doc:"Whether the service offers SFTP."`
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
}

// Path resolves a path of the file, which may be relative to its folder.
func (c *Config) Path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(c.Folder, name)
}
