package config

import "time"

// Service is one section [services/ID]: a listener.
type Service struct {
	Origin
	ID          string
	Name        string        `option:"name" default:"undefined-service-name" doc:"Name of the service, for people."`
	Enabled     bool          `option:"enabled" default:"Yes" doc:"Whether the service is started."`
	Description string        `option:"description" multiline:"yes" doc:"Free text."`
	Type        string        `option:"type" required:"yes" values:"ssh,ftp,ftpsi" doc:"The protocol: SFTP and SCP over SSH, FTP with or without explicit TLS, or FTP over implicit TLS."`
	Address     string        `option:"address" default:"127.0.0.1" doc:"IP address or host name on which the service listens; \"0.0.0.0\" or \"::\" for all."`
	Port        uint16        `option:"port" required:"yes" doc:"TCP port; 0 lets the operating system choose one."`
	IdleTimeout time.Duration `option:"idle_connection_timeout" default:"300" doc:"Seconds without traffic after which a connection is closed; 0 for no limit."`

	SSH `for:"ssh"`
	FTP `for:"ftp,ftpsi"`
	// ExplicitTLS is always there with FTP, and set by its own type only.
	ExplicitTLS `for:"ftp"`
	TLS         `for:"ftp,ftpsi"`

	SecurityPolicy string   `option:"security_policy" default:"DEFAULT-SECURITY-POLICY" doc:"ID of the security policy that guards the service."`
	MaxConns       Count    `option:"maximum_concurrent_connections" default:"10000" doc:"Connections at the same time; 0 for no limit."`
	Proxies        Networks `option:"proxy_protocol_networks" doc:"Networks of the proxies that send the client's address ahead of each connection, in the PROXY protocol, version 1 or 2. From there a connection without that is closed; from elsewhere it would not be believed."`
	ProxiesOnly    bool     `option:"proxy_protocol_required" default:"No" doc:"Whether connections from elsewhere than proxy_protocol_networks are closed."`

	Upload             Rate `option:"upload_rate" default:"0" doc:"Bytes per second that all clients of the service together may send; 0 for no limit."`
	Download           Rate `option:"download_rate" default:"0" doc:"The same for what they receive."`
	UploadPerUser      Rate `option:"upload_rate_per_user" default:"0" doc:"Bytes per second that one user may send in all sessions together; 0 for no limit."`
	DownloadPerUser    Rate `option:"download_rate_per_user" default:"0" doc:"The same for what one user receives."`
	UploadPerSession   Rate `option:"upload_rate_per_session" default:"0" doc:"Bytes per second that one session may send; 0 for no limit."`
	DownloadPerSession Rate `option:"download_rate_per_session" default:"0" doc:"The same for what one session receives."`
}

// SSH is what services of the type ssh have.
type SSH struct {
	ServerKeys []string `option:"ssh_server_keys" required:"yes" doc:"Files with the host keys, one for each algorithm. Nobody but the owner may be able to read them."`
	Message    string   `option:"before_login_message" multiline:"yes" doc:"Text that clients show before the login."`
	SFTP       bool     `option:"sftp" default:"Yes" doc:"Whether the service offers SFTP."`
	SCP        bool     `option:"scp" default:"Yes" doc:"Whether the service offers SCP, as \"scp -O\", pscp and libraries speak it."`
	Commands   Commands `option:"ssh_commands" doc:"Commands that clients may run: \"cksum\", \"crc32\", \"md5sum\", \"sha1sum\", \"sha224sum\", \"sha256sum\", \"sha384sum\" and \"sha512sum\" for digests of files that they can read, \"df\", and \"cd\", \"echo\", \"pwd\" and \"true\", by which rclone finds out what is there. They run inside of mft, and change nothing; there is no shell."`

	AnnouncedKeys []string   `option:"ssh_announced_server_keys" doc:"Files with host keys that are not used, but told to clients that are logged in, with proof: the next key before it comes into ssh_server_keys, or the last one after it went."`
	CipherList    Algorithms `option:"ssh_cipher_list" default:"secure" doc:"The algorithms: \"secure\", or \"legacy\", which adds SHA-1 and finite-field key exchanges for old clients and is dangerous, or the names of key exchanges, ciphers, MACs and signatures. What is not named of a kind is as in \"secure\"."`
	CipherOrder   string     `option:"ssh_cipher_order" default:"server" values:"server,client" doc:"Whose order of ciphers decides. With \"server\", clients that know AES-GCM get it, which is the fastest on most machines."`
}

// FTP is what services of the types ftp and ftpsi have.
type FTP struct {
	Banner           string        `option:"banner" default:"Welcome to the FTP service." multiline:"yes" doc:"Text of the greeting. A \">\" at its beginning is left out: elsewhere it hides the product's name and version, which mft never tells."`
	PassivePorts     PortRange     `option:"passive_port_range" doc:"Ports for data connections of clients in passive mode, such as \"50000-50999\"; they are taken at random. Empty: the operating system chooses."`
	PassiveAddress   IPv4          `option:"passive_address" doc:"IPv4 address that PASV tells, such as that of a router in front. Empty: the one that the client connected to. EPSV tells none."`
	ActiveSourcePort uint16        `option:"active_source_port" default:"0" doc:"Local port of data connections to clients in active mode; 0 lets the operating system choose one."`
	ActiveMode       bool          `option:"active_mode" default:"Yes" doc:"Whether clients may use active mode (PORT and EPRT). Data connections go to the client's own address only."`
	DataTimeout      time.Duration `option:"idle_data_connection_timeout" default:"30" doc:"Seconds that a data connection may take to come about, and to move its next bytes; 0 for no limit."`
	ReuseTLS         bool          `option:"ftps_require_session_reuse" default:"Yes" doc:"Whether a data connection with TLS must resume the TLS session of its control connection, so that nobody else can take its place. With \"No\", clients that can't do that may come, too."`
	Password         bool          `option:"enable_password_authentication" default:"Yes" doc:"Whether passwords let in."`
	CertificateLogin bool          `option:"enable_ssl_certificate_authentication" default:"Yes" doc:"Whether client certificates let in, see tls_mutual_certification_authorities."`
	IgnoreASCII      bool          `option:"ignore_ascii_data_type" default:"No" doc:"Whether ASCII transfers (TYPE A) leave line ends as they are. SIZE always tells the size of the file as it is stored."`
	ASCIIByDefault   bool          `option:"ascii_data_type_as_default" default:"No" doc:"Whether a session begins with TYPE A, as RFC 959 has it, and not with TYPE I, as clients expect today."`
	Charset          Charset       `option:"charset" default:"UTF-8" doc:"How clients encode names, such as \"windows-1252\", \"Shift_JIS\" or \"GBK\". A name that it can't write is not shown, and one that does not mean the same both ways is refused."`
	PlainUpload      string        `option:"plain_upload" default:"publish" values:"publish,require-size,keep-partial" doc:"When an upload without TLS is complete, as its end looks like the loss of the connection: always, if it has the size that the client announced with ALLO, or never. One that is not stays partial."`
	LenientEOF       bool          `option:"lenient_eof" default:"No" doc:"Whether an upload over TLS is complete without TLS's close_notify at its end, which some old clients leave out. Anybody on the way can then cut it short."`
	ModeZ            bool          `option:"mode_z" default:"No" doc:"Whether the service offers transfers that are compressed with zlib (MODE Z)."`
	Allowed          FTPCommands   `option:"allowed_commands" doc:"The only commands that clients may use, besides USER, PASS and QUIT. Empty: all."`
	Denied           FTPCommands   `option:"denied_commands" doc:"Commands that clients may not use."`
}

// ExplicitTLS says what a service of the type ftp does without TLS.
type ExplicitTLS struct {
	Explicit     bool   `option:"ftps_explicit_enabled" default:"Yes" doc:"Whether the service offers TLS (AUTH TLS)."`
	ForceCommand bool   `option:"ftps_force_secured_command_channel" default:"Yes" doc:"Whether logins without TLS are refused. With \"No\", passwords and files can be read by everybody on the way."`
	ForceData    Choice `option:"ftps_force_secured_data_channel" doc:"The same for data connections. It must be as ftps_force_secured_command_channel, which it is when it is not set."`
}

// TLS is what services with TLS have.
type TLS struct {
	Certificate   []string   `option:"tls_private_certificate" doc:"Files in PEM with the certificate, those of the authorities between it and the root, and the private key: one file, or several. They are read again when they change. Nobody but the owner may be able to read the one with the key. Required unless there is no TLS."`
	Versions      TLSVersion `option:"ssl_allowed_methods" default:"secure" doc:"Versions of TLS: \"secure\", which is 1.2 and 1.3, or a list of \"tlsv1.2\" and \"tlsv1.3\"."`
	Ciphers       TLSCiphers `option:"ssl_cipher_list" default:"secure" doc:"Cipher suites of TLS 1.2, by the names of IANA or OpenSSL, or \"secure\". Those of TLS 1.3 are all secure and can't be chosen."`
	ClientCAs     []string   `option:"tls_mutual_certification_authorities" doc:"Files in PEM with the certificates of authorities. Clients must have a certificate from one of them; with it they log in without a password to the account whose name is its common name (CN), letter by letter."`
	ClientCert    string     `option:"tls_client_certificate" default:"required" values:"required,optional" doc:"Whether clients must have a certificate from tls_mutual_certification_authorities, or may log in without one. A wrong one is never taken."`
	RevokedClient []string   `option:"ssl_certificate_revocation_list" doc:"Files, in PEM or DER, with the lists of revoked certificates (CRL) of tls_mutual_certification_authorities; no URLs. They are read again when they change. A client's certificate is refused while there is no list of its authority, or an expired one only."`
}
